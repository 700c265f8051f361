import { gunzipSync } from 'node:zlib';
import { FrameError } from '../../wire/frame.ts';
import { UNITS_MAX } from '../../wire/units.ts';

/** Frames with COMP in one body, two for each unit that there may be: each costs a decompressor. */
const COMPRESSED_MAX = 2 * UNITS_MAX;
const NOT_GZIP = 'frame: not one member of gzip';

/** Expands the compressed frames of one body: all of them together to at most `bytesMax`, each within the ratio (D3). */
export function frameDecompressor(bodyBytesMax: number, ratio: number): (payload: Buffer, bytesMax: number) => Buffer {
  let left = bodyBytesMax;
  let frames = 0;
  return (payload, bytesMax) => {
    if (++frames > COMPRESSED_MAX) throw new FrameError(`body: at most ${COMPRESSED_MAX} frames with COMP`);
    const most = Math.min(left, bytesMax, ratio * payload.length);
    if (payload.length === 0) throw new FrameError(NOT_GZIP);
    if (most < 1) throw new FrameError('frame: expands too far', 'too_long');
    const expanded = gunzip(payload, most, ratio * payload.length > most ? 'too_long' : 'ratio');
    left -= expanded.length;
    return expanded;
  };
}

function gunzip(payload: Buffer, bytesMax: number, beyond: 'too_long' | 'ratio'): Buffer {
  try {
    // `info` adds the engine, whose `bytesWritten` tells what of the input it used.
    const options = { maxOutputLength: bytesMax, info: true };
    const { buffer, engine } = gunzipSync(payload, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    const isWhole =
      engine.bytesWritten === payload.length && payload.readUInt32LE(payload.length - 4) === buffer.length;
    if (isWhole) return buffer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new FrameError(
        beyond === 'ratio' ? 'frame: expands beyond the ratio cap' : 'frame: expands too far',
        beyond,
      );
    }
  }
  throw new FrameError(NOT_GZIP);
}
