import type { StorageReader } from '../ports.ts';
import { type Found, type Frame, findHeader, isZero, NO_HASH, readFrame, type Secret } from './frame.ts';
import { FILE_HEADER_BYTES, readFileHeader, segmentFile, windowOf } from './layout.ts';
import type { Pieces } from './pieces.ts';

/** Why a journal is not opened: which file, where in it, what is wrong. */
export interface Refusal {
  readonly file: string;
  readonly at: number;
  readonly why: string;
}

/** The end of the log: everything before it is whole. */
export interface Tail {
  /** Where the next frame goes. */
  readonly segment: number;
  readonly at: number;
  /** How far a write that was cut off reached; `at` when there was none. */
  readonly tornEnd: number;
  /** Place and length of the last frame, null in an empty log. */
  readonly last: { readonly segment: number; readonly at: number; readonly bytes: number } | null;
  readonly sequence: number;
  readonly hash: Uint8Array;
}

export interface WalkOptions {
  /** Segments there are, ascending; the first is where to begin. */
  readonly segments: readonly number[];
  /** The frame before the first one to visit. */
  readonly sequence: number;
  readonly hash: Uint8Array;
  readonly secret: Secret;
  readonly visit: (frame: Frame, segment: number, at: number) => void;
  /** Takes a damaged last frame for a torn one: the operator's word. */
  readonly acceptTornTail: boolean;
  /** Only as far as this: what comes after is still being written. */
  readonly end?: LogEnd | undefined;
}
/** A place between two frames. */
export interface LogEnd {
  readonly segment: number;
  readonly at: number;
}

/**
 * Follows the chain of frames to its end (journal rule 3). A bad frame with any valid one after it: refused, for what
 * was acknowledged is damaged. A bad last frame: torn when it shows zeros where a write was cut off, else refused.
 */
export function* walk(source: StorageReader, options: WalkOptions): Pieces<Tail | Refusal> {
  const { segments, secret, visit, end } = options;
  let { sequence, hash } = options;
  let last: Tail['last'] = null;
  for (const [i, segment] of segments.entries()) {
    const file = segmentFile(segment);
    if (segment !== (segments[0] as number) + i) return { file: segmentFile(segment - 1), at: 0, why: 'missing' };
    let range = windowOf(source, file);
    const frameAt = (at: number): Found => {
      const found = readFrame(range, at, secret);
      if (found.kind === 'frame') return found;
      // A process may have written it since the window was read.
      range = windowOf(source, file);
      return readFrame(range, at, secret);
    };
    const salt = readFileHeader(range, 'segment', segment);
    if (typeof salt === 'string') return { file, at: 0, why: salt };
    if (Buffer.compare(salt, secret.salt) !== 0) return { file, at: 0, why: 'of another journal' };
    let at = FILE_HEADER_BYTES;
    const isEnd = (): boolean => segment === end?.segment && at >= end.at;
    const next = () => (isEnd() ? ({ kind: 'none' } as const) : frameAt(at));
    let found = next();
    for (; found.kind === 'frame'; found = next()) {
      const { frame } = found;
      if (frame.sequence !== sequence + 1 || Buffer.compare(frame.previous, hash) !== 0) {
        return { file, at, why: `frame ${frame.sequence} does not follow frame ${sequence}` };
      }
      try {
        visit(frame, segment, at);
      } catch (error) {
        return { file, at, why: `frame ${frame.sequence}: ${(error as Error).message}` };
      }
      last = { segment, at, bytes: frame.bytes };
      ({ sequence, hash } = frame);
      at += frame.bytes;
      yield;
    }
    if (isEnd()) return { segment, at, tornEnd: at, last, sequence, hash };
    const later = laterFrame(source, segments.slice(i), at, sequence + 1, secret);
    if (found.kind === 'none' && later !== null && later.file !== file && later.at === FILE_HEADER_BYTES) continue;
    const why = found.kind === 'bad' ? found.why : 'frame missing';
    if (later !== null) return { file, at, why: `${why}, with a valid frame after it in ${later.file} at ${later.at}` };
    const torn = found.kind === 'none' || found.torn || options.acceptTornTail;
    if (!torn) return { file, at, why: `${why}: the last frame is damaged, and not as a write that was cut off` };
    return { segment, at, tornEnd: at + writtenFrom(source, file, at), last, sequence, hash };
  }
  return { file: segmentFile(segments[0] ?? 1), at: 0, why: 'missing' };
}

const PIECE_BYTES = 1 << 20;

function* piecesOf(source: StorageReader, file: string, from: number): Generator<{ at: number; piece: Buffer }> {
  const size = source.size(file);
  for (let at = from; at < size; at += PIECE_BYTES) {
    const bytes = source.read(file, at, Math.min(PIECE_BYTES, size - at));
    yield { at, piece: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  }
}

/** Where a frame of this sequence or later begins in what follows a place, if anywhere. */
function laterFrame(
  source: StorageReader,
  segments: readonly number[],
  after: number,
  sequence: number,
  secret: Secret,
): { file: string; at: number } | null {
  for (const [i, segment] of segments.entries()) {
    const file = segmentFile(segment);
    for (const { at, piece } of piecesOf(source, file, i === 0 ? after : 0)) {
      const there = findHeader(piece, i === 0 && at === after ? 1 : 0, sequence, secret);
      if (there >= 0) return { file, at: at + there };
    }
  }
  return null;
}

/** How much was written from a place on: without the zeros at the end. */
function writtenFrom(source: StorageReader, file: string, from: number): number {
  let written = 0;
  for (const { at, piece } of piecesOf(source, file, from)) {
    if (isZero(piece)) continue;
    let end = piece.length;
    while (end > 0 && piece[end - 1] === 0) end--;
    if (end > 0) written = at + end - from;
  }
  return written;
}

export const isRefusal = (result: object): result is Refusal => 'why' in result;
export const START = { sequence: 0, hash: NO_HASH } as const;
