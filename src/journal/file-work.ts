import type { Storage, StorageOp } from '../ports/storage.ts';
import { lackOf, NotBegun } from './lack.ts';

/**
 * A piece of work on files, one step after the other: yields what to do and gets its result, or has its error thrown
 * in. The same work runs at once, in the background of a server, or step by step in a simulated world.
 */
export type FileWork<T = void> = Generator<StorageOp, T, number>;

/** Does all of it before returning. @throws what a step throws and the work does not handle */
export function runNow<T>(storage: Storage, steps: FileWork<T>): T {
  let next = steps.next(0);
  while (next.done !== true) {
    let result: number;
    try {
      result = storage.now(next.value);
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next(result);
  }
  return next.value;
}

/** Does it off the caller's path; `done` gets the error that ended it, or null and its value. */
export function runLater<T>(
  storage: Storage,
  steps: FileWork<T>,
  done: (error: Error | null, value: T | null) => void,
): void {
  const go = (move: () => IteratorResult<StorageOp, T>): void => {
    let next: IteratorResult<StorageOp, T>;
    try {
      next = move();
    } catch (error) {
      return done(error as Error, null);
    }
    if (next.done === true) return done(null, next.value);
    storage.later(next.value, (error, result) =>
      go(error === null ? () => steps.next(result) : () => steps.throw(error)),
    );
  };
  go(() => steps.next(0));
}

/**
 * Writes all of it, however little each write takes (journal rule 5). When there is no space, `pay` may make some, until it says
 * that it cannot. What is thrown is `NotBegun` only if nothing was written.
 */
export function* writeAll(
  file: string,
  at: number,
  bytes: Uint8Array,
  durable = false,
  pay: (() => FileWork<boolean>) | null = null,
): FileWork {
  for (let written = 0; written < bytes.byteLength; ) {
    const rest = written === 0 ? bytes : bytes.subarray(written);
    let more: number;
    try {
      more = yield { op: 'write', file, at: at + written, bytes: rest, durable };
    } catch (error) {
      if (pay !== null && lackOf(error) === 'disk_space' && (yield* pay())) continue;
      throw written > 0 && error instanceof NotBegun ? (error.cause as Error) : error;
    }
    if (more <= 0) throw Object.assign(new Error(`nothing of ${rest.byteLength} bytes was written`), { code: 'EIO' });
    written += more;
  }
}

const PIECE = new Uint8Array(1 << 20);

export function* writeZeros(file: string, from: number, to: number): FileWork {
  for (let at = from; at < to; at += PIECE.byteLength) {
    yield* writeAll(file, at, at + PIECE.byteLength <= to ? PIECE : PIECE.subarray(0, to - at));
  }
}

/** A file that is there whole or not at all: made under another name, synced, renamed, its name synced. */
export function* createWhole(file: string, temporary: string, content: FileWork): FileWork {
  try {
    yield* content;
    yield { op: 'sync', file: temporary };
    yield { op: 'rename', file: temporary, to: file };
  } catch (error) {
    yield* removeQuietly(temporary);
    throw error;
  }
  yield { op: 'sync_folder', folder: '' };
}

/** What is left of it is removed at the next start anyway. */
export function* removeQuietly(file: string): FileWork {
  try {
    yield { op: 'remove', file };
  } catch {}
}
