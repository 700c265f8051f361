import { FILE_HEADER_BYTES } from '../journal/layout.ts';
import type { Head } from '../journal/record-items.ts';
import type { Engine, StoredSnapshot } from '../ports/engine.ts';
import { batchFraming, NOTHING } from './batch-framing.ts';
import { type LogRead, LogReading, readSnapshot } from './log-reading.ts';
import type { Summed } from './replays.ts';
import { type Place, ShardLog } from './shard-log.ts';
import { snapshotPieces } from './snapshot-pieces.ts';

/** What is to be said by a snapshot, and where it goes. */
export interface Making {
  readonly engine: Engine;
  readonly number: number;
  readonly shard: number | null;
  readonly owner: string;
  readonly secret: Parameters<typeof batchFraming>[1];
  readonly replay: Pick<Summed, 'summary' | 'entries'>;
  /** The last frame that is durable: it reaches this one. */
  readonly place: Place;
  /** Its own among all that are made. */
  readonly maker: string;
}
export interface SnapshotMaking extends Making {
  readonly replay: Summed;
}
type Done = (result: StoredSnapshot | null | Error) => void;

/**
 * Makes a snapshot of a log out of the log itself, reads it again, and trims the log up to the one before: two that were read whole are
 * kept. Whoever owned the log once may do this too, as late as it likes: it is of what is durable, and removes nothing that is needed.
 * Calls `done` once, with null where there was nothing to do.
 */
export function makeSnapshot(making: SnapshotMaking, done: Done): void {
  const { owner, secret, number, place } = making;
  const log = new ShardLog({ shard: number, framing: batchFraming(owner, secret), flightMax: 1, nothing: NOTHING });
  log.claim();
  LogReading.begin({ ...making, log, upTo: place.sequence }, (read) => {
    if (read instanceof Error) return done(read);
    if (read.snapshot?.sequence === place.sequence || place.sequence === 0) return done(null);
    if (Buffer.compare(log.place.hash, place.hash) !== 0)
      return done(new Error(`log ${number}: frame ${place.sequence} is not what was durable`));
    writeSnapshot(making, read, done);
  });
}

/** `read`: what it goes on from. */
export function writeSnapshot(making: Making, read: Pick<LogRead, 'promise' | 'snapshot'>, done: Done): void {
  const { replay, place, owner, secret, engine, number, maker } = making;
  if (replay.summary === null) return done(new Error('snapshot: no process has started yet'));
  const { sequence, term } = place;
  const hash = Buffer.from(place.hash).toString('hex');
  const head: Head = { name: 'head', sequence, term, hash, segment: 1, at: FILE_HEADER_BYTES, ...replay.summary };
  const pieces = snapshotPieces({ head, promise: read.promise, entries: replay.entries() }, owner, secret);
  const before = read.snapshot;
  let [count, bytes] = [0, 0];
  const next = (error: Error | null): void => {
    if (error !== null) return discard(making, error, done);
    const piece = pieces.next();
    if (piece.done !== true) {
      bytes += piece.value.byteLength;
      return engine.snapshots.put(number, { sequence, maker }, count++, piece.value, next);
    }
    const snapshot = { sequence, maker, pieces: count, bytes };
    engine.snapshots.finish(number, snapshot, (failed) => {
      if (failed !== null) discard(making, failed, done);
      else verify(making, snapshot, before, done);
    });
  };
  next(null);
}

function verify(making: Making, made: StoredSnapshot, before: StoredSnapshot | null, done: Done): void {
  const { engine, number } = making;
  readSnapshot(
    making,
    made,
    () => {},
    (read) => {
      if (read instanceof Error) return done(read);
      if ('wrong' in read)
        return discard(making, new Error(`log ${number}: snapshot ${made.sequence}: ${read.wrong}`), done);
      if (before === null) return done(made);
      engine.snapshots.trim(number, before.sequence, (error) => done(error ?? made));
    },
  );
}

/** Nobody counts on it, and what there is of it would take the room that was wanting. */
function discard({ engine, number, maker }: Making, error: Error, done: Done): void {
  engine.snapshots.discard(number, maker, () => done(error));
}
