import type { StorageReader } from '../ports/storage.ts';
import { Reader } from './bytes.ts';
import { mustRecover, UnreadableError } from './read-live.ts';
import { readRecord } from './record.ts';
import type { Entry } from './record-items.ts';
import { type RecoverOptions, recover } from './recover.ts';
import type { Replica } from './replica.ts';
import type { Refusal } from './scan.ts';

/** Where a fact stands. */
export interface Place {
  /** Of its frame. */
  readonly sequence: number;
  readonly segment: number;
  readonly at: number;
}

export interface Listener {
  /** The state before the first frame that is told. */
  readonly begun?: (replica: Replica) => void;
  readonly fact: (entry: Entry, place: Place) => void;
  /** The state after a frame. */
  readonly frame?: (replica: Replica, sequence: number) => void;
}

/**
 * Tells every fact that the log still holds, in order, up to frame `end`: what is appended meanwhile is left out.
 * @returns where the telling ended early, null when all was told. @throws UnreadableError when there is nothing to tell
 */
export function readFacts(
  source: StorageReader,
  options: RecoverOptions,
  end: number,
  listener: Listener,
): Refusal | null {
  const told = recover(source, {
    ...options,
    ...{ withoutPayloads: true, oldest: true },
    ...(listener.begun === undefined ? {} : { begun: listener.begun }),
    visit: ({ body, sequence }, segment, at) => {
      if (sequence > end) return;
      const r = new Reader(body);
      while (r.at < r.end) listener.fact(readRecord(r), { sequence, segment, at });
    },
    visited: (replica, { sequence }) => {
      if (sequence <= end) listener.frame?.(replica, sequence);
    },
  });
  if (told.kind === 'empty') throw new UnreadableError(null);
  return told.kind === 'refused' && end === Number.POSITIVE_INFINITY ? told : null;
}

/** The last frame there is; Infinity where that is not known, for the journal is damaged. */
export function endOf(source: StorageReader, options: RecoverOptions): number {
  try {
    return mustRecover(source, { ...options, withoutPayloads: true }).tail.sequence;
  } catch (error) {
    if (error instanceof UnreadableError) return Number.POSITIVE_INFINITY;
    throw error;
  }
}
