import type { Storage, StorageReader } from '../ports.ts';
import { HEADER_BYTES, isZero } from './frame.ts';
import { lackOf } from './lack.ts';
import {
  FILE_HEADER_BYTES,
  filesOf,
  PAYLOADS,
  RESERVE,
  readFileHeader,
  segmentFile,
  temporary,
  tornFile,
  windowOf,
} from './layout.ts';
import type { Recovered } from './recover.ts';
import { segmentSteps } from './room.ts';
import { createWhole, removeQuietly, type Steps, writeAll, writeZeros } from './steps.ts';
import type { Tail } from './walk.ts';

/** What a crash cut off while it was made. */
export function* removeTemporaries(source: StorageReader): Steps {
  for (const file of filesOf(source).temporaries) yield { op: 'remove', file };
}

/** Makes the end of the log fit to go on: what was torn is put aside, what may be in no more than a cache is written again. */
export function* mend(storage: Storage, { tail, salt, apart }: Recovered, segmentBytes: number): Steps {
  yield* removeTemporaries(storage);
  if (tail.tornEnd > tail.at) yield* withReserve(() => putAside(storage, tail));
  yield* refill(storage, tail, segmentBytes);
  yield* rewriteLast(storage, tail);
  yield* removeDirtySpares(storage, tail.segment, salt);
  yield* removeOrphans(storage, new Set([...apart.values()].map((hash) => hash.slice(3))));
}

/** On a full disk the reserve gives the space (journal rule 5): what was torn is never larger. It is made again later. */
function* withReserve(work: () => Steps): Steps {
  try {
    yield* work();
  } catch (error) {
    if (lackOf(error) !== 'disk_space') throw error;
    yield* removeQuietly(RESERVE);
    yield* work();
  }
}

/** The operator may want to look at it. */
function* putAside(storage: Storage, { segment, at, tornEnd }: Tail): Steps {
  const file = tornFile(segment, at);
  const torn = new Uint8Array(storage.read(segmentFile(segment), at, tornEnd - at));
  yield* createWhole(file, temporary(file), writeAll(temporary(file), 0, torn));
}

/**
 * Zeros again where a write was cut off; in place, for a full disk has no other space. The last byte of its header goes first: with
 * that it is cut off, whatever a crash on the way makes of the rest. A segment that is shorter than they are made now grows, if
 * there is space for that.
 */
function* refill(storage: Storage, { segment, at, tornEnd }: Tail, segmentBytes: number): Steps {
  const file = segmentFile(segment);
  const size = storage.size(file);
  if (tornEnd > at) {
    const last = Math.min(at + HEADER_BYTES, size) - 1;
    yield* writeZeros(file, last, last + 1);
    yield { op: 'sync', file };
    yield* writeZeros(file, at, tornEnd);
  }
  try {
    yield* writeZeros(file, size, segmentBytes);
  } catch (error) {
    if (lackOf(error) !== 'disk_space') throw error;
    yield { op: 'truncate', file, size };
  }
  if (tornEnd > at || size < segmentBytes) yield { op: 'sync', file };
}

/**
 * After a failed sync the system may have forgotten that the last frame is not on the disk, and show it from its cache
 * for as long as it runs. Only the last can be so: every other was synced before the next was written.
 */
function* rewriteLast(storage: Storage, { last }: Tail): Steps {
  if (last === null) return;
  const file = segmentFile(last.segment);
  yield* writeAll(file, last.at, new Uint8Array(storage.read(file, last.at, last.bytes)));
  yield { op: 'sync', file };
}

/** Segments made beforehand hold zeros; any other is made again. */
function* removeDirtySpares(storage: Storage, current: number, salt: Uint8Array): Steps {
  for (const segment of filesOf(storage).segments.filter((number) => number > current)) {
    const file = segmentFile(segment);
    const head = readFileHeader(windowOf(storage, file, FILE_HEADER_BYTES), 'segment', segment);
    const ours = typeof head !== 'string' && Buffer.compare(head, salt) === 0;
    if (!ours || !isClean(storage, file)) yield { op: 'remove', file };
  }
}

function isClean(storage: StorageReader, file: string): boolean {
  const PIECE_BYTES = 1 << 20;
  const size = storage.size(file);
  for (let at = FILE_HEADER_BYTES; at < size; at += PIECE_BYTES) {
    if (!isZero(storage.read(file, at, Math.min(PIECE_BYTES, size - at)))) return false;
  }
  return true;
}

/** Payloads that no message has: their sends were never accepted, or their last message is gone. */
function* removeOrphans(storage: Storage, used: ReadonlySet<string>): Steps {
  for (const name of storage.files(PAYLOADS)) if (!used.has(name)) yield { op: 'remove', file: `${PAYLOADS}/${name}` };
}

/** The first segment of a new journal. */
export function* create(storage: Storage, salt: Uint8Array, segmentBytes: number): Steps {
  yield* removeTemporaries(storage);
  yield* segmentSteps(1, segmentBytes, salt);
}
