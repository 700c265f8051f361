import { type Image, imagesOf, Restoration } from '../core/image.ts';
import type { Limits } from '../core/limits.ts';
import type { ShardState } from '../core/state.ts';
import type { StorageReader } from '../ports/storage.ts';
import { Reader, Writer } from './bytes.ts';
import { segmentFile } from './layout.ts';
import { readRecord, writeRecord } from './record.ts';
import { type RecoverOptions, recover } from './recover.ts';
import type { LogEnd } from './scan.ts';
import { DamageError } from './snapshot.ts';

const PIECE_BYTES = 256 << 10;
/** So many images are taken in one turn of the event loop: about a millisecond. */
const IMAGES_A_TURN = 500;

/** Where the log of a serving process ends, durably. */
export interface ServedEnd extends LogEnd {
  readonly sequence: number;
}

/** One shard as the journal has it at a place in its log, by `piecesOf`. @throws as that, and where a payload has to be waited for */
export const shardPieces = (
  source: StorageReader,
  shard: number,
  end: ServedEnd,
  options: RecoverOptions,
): Generator<Uint8Array<ArrayBuffer>> => piecesOf(recover(source, { ...options, shard, end }), shard, end);

/**
 * What was recovered of one shard up to a place in its log: the records of a snapshot, a piece at a time. @throws DamageError, also
 * where the log does not reach that far
 */
export function* piecesOf(
  found: ReturnType<typeof recover>,
  shard: number,
  end: ServedEnd,
): Generator<Uint8Array<ArrayBuffer>> {
  if (found.kind === 'refused') throw new DamageError(found);
  if (found.kind === 'recovered' && found.tail.sequence !== end.sequence) {
    const { segment, at, sequence } = found.tail;
    throw new DamageError({ file: segmentFile(segment), at, why: `ends with frame ${sequence}, not ${end.sequence}` });
  }
  const state = found.kind === 'recovered' ? found.replica.shards[shard] : undefined;
  if (state === undefined) throw new Error(`the journal has no shard ${shard}`);
  const w = new Writer(2 * PIECE_BYTES);
  for (const image of imagesOf(state)) {
    writeRecord(w, shard, image);
    if (w.length < PIECE_BYTES) continue;
    yield new Uint8Array(w.buffer.subarray(0, w.length));
    w.length = 0;
  }
  yield new Uint8Array(w.buffer.subarray(0, w.length));
}

/** The images in those pieces; payloads in bytes of their own, so that none keeps a piece in memory. */
export function* imagesIn(pieces: Iterable<Uint8Array>): Generator<Image> {
  for (const piece of pieces) {
    const r = new Reader(piece);
    while (r.at < r.end) {
      const image = readRecord(r).item as Image;
      if (image.name !== 'message' || image.message.payload === null) yield image;
      else yield { ...image, message: { ...image.message, payload: new Uint8Array(image.message.payload) } };
    }
  }
}

/** Makes a shard of its images, a few a turn of the event loop: the other shards are served meanwhile. */
export function restoreLater(
  images: Iterator<Image>,
  shard: number,
  limits: Limits,
  done: (error: Error | null, state: ShardState | null) => void,
): void {
  const restoration = new Restoration(shard, limits);
  const turn = (): void => {
    let state: ShardState | null;
    try {
      state = someOf(images, restoration);
    } catch (error) {
      return done(error as Error, null);
    }
    if (state === null) setImmediate(turn);
    else done(null, state);
  };
  setImmediate(turn);
}

function someOf(images: Iterator<Image>, restoration: Restoration): ShardState | null {
  for (let i = 0; i < IMAGES_A_TURN; i++) {
    const next = images.next();
    if (next.done === true) return restoration.done();
    restoration.take(next.value);
  }
  return null;
}
