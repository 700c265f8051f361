import type { Storage, StorageReader } from '../ports/storage.ts';
import { createWhole, type FileWork, removeQuietly, writeAll, writeZeros } from './file-work.ts';
import { HEADER_END_AT, type Secret } from './frame.ts';
import { lackOf } from './lack.ts';
import { filesOf, RESERVE, segmentFile, temporary, tornFile } from './layout.ts';
import type { Recovered } from './recover.ts';
import type { Replica } from './replica.ts';
import type { Tail } from './scan.ts';
import { firstSnapshot } from './snapshot.ts';
import { segmentSteps } from './space.ts';

/** What a crash cut off while it was made. */
export function* removeTemporaries(source: StorageReader): FileWork {
  for (const file of filesOf(source).temporaries) yield { op: 'remove', file };
}

/**
 * Makes the end of the log fit to go on: what was torn is put aside, what may be in no more than a cache is written again. False: there
 * was no space to put it.
 */
export function* repair(storage: Storage, { tail }: Recovered): FileWork<boolean> {
  yield* removeTemporaries(storage);
  let isAside = true;
  if (tail.tornEnd > tail.at) {
    isAside = yield* withReserve(() => putAside(storage, tail));
    yield* clear(tail);
  }
  yield* rewriteLast(storage, tail);
  return isAside;
}

/** On a full disk the reserve gives the space (journal rule 5); it is made again later. False: there was not enough of it. */
function* withReserve(work: () => FileWork): FileWork<boolean> {
  for (const isLast of [false, true]) {
    try {
      yield* work();
      return true;
    } catch (error) {
      if (lackOf(error) !== 'disk_space') throw error;
      if (!isLast) yield* removeQuietly(RESERVE);
    }
  }
  return false;
}

/** The operator may want to look at it. */
function* putAside(storage: Storage, { segment, at, tornEnd }: Tail): FileWork {
  const { torn } = filesOf(storage);
  let again = 0;
  while (torn.includes(tornFile(segment, at, again))) again++;
  const file = tornFile(segment, at, again);
  const bytes = new Uint8Array(storage.read(segmentFile(segment), at, tornEnd - at));
  yield* createWhole(file, temporary(file), writeAll(temporary(file), 0, bytes));
}

/**
 * Zeros where something was torn. A segment is never made shorter, not for a moment. First the byte goes without which no
 * header is whole: however little of the rest a crash lets through, what is left is a write that was cut off.
 */
function* clear({ segment, at, tornEnd }: Tail): FileWork {
  const file = segmentFile(segment);
  if (tornEnd > at + HEADER_END_AT) {
    yield* writeAll(file, at + HEADER_END_AT, new Uint8Array(1));
    yield { op: 'sync', file };
  }
  yield* writeZeros(file, at, tornEnd);
  yield { op: 'sync', file };
}

/**
 * After a failed sync the system may have forgotten that the last frame is not on the disk, and show it from its cache
 * for as long as it runs. Only the last can be so: every other was synced before the next was written.
 */
function* rewriteLast(storage: Storage, { last }: Tail): FileWork {
  if (last === null) return;
  const file = segmentFile(last.segment);
  yield* writeAll(file, last.at, new Uint8Array(storage.read(file, last.at, last.bytes)));
  yield { op: 'sync', file };
}

/** The first segment of a new journal. */
export function* create(storage: Storage, salt: Uint8Array, segmentBytes: number): FileWork {
  yield* removeTemporaries(storage);
  yield* segmentSteps(1, segmentBytes, salt);
}

/**
 * A journal that goes on from what was made elsewhere: a snapshot, and a segment with nothing in it. It is not the first segment: of
 * what came before nothing is here.
 */
export function* createFrom(replica: Replica, secret: Secret, segmentBytes: number): FileWork {
  const segment = 2;
  yield* firstSnapshot(replica, segment, secret);
  yield* segmentSteps(segment, segmentBytes, secret.salt);
}
