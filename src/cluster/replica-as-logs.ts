import { imagesOf } from '../core/image.ts';
import type { Limits } from '../core/limits.ts';
import type { Entry } from '../journal/record-items.ts';
import type { Replica } from '../journal/replica.ts';
import type { Engine, EnginePromise } from '../ports/engine.ts';
import { batchFraming, NOTHING } from './batch-framing.ts';
import { BEGINNING } from './shard-log.ts';
import { type Making, writeSnapshot } from './snapshot-making.ts';

export interface LogsWriting {
  readonly engine: Engine;
  readonly secret: Parameters<typeof batchFraming>[1];
  /** Where what is of no shard goes. */
  readonly processLog: number;
  readonly replica: Replica;
}
const OWNER = 'import';

/**
 * Begins the logs of an empty engine with what a journal says: in each a first frame that says nothing, and a snapshot that reaches it. Calls
 * `done` once.
 */
export function writeLogs(writing: LogsWriting, done: (error: Error | null) => void): void {
  const { engine, replica } = writing;
  if (replica.limits === null) return done(new Error('import: no process has started yet'));
  engine.promise((promise) => {
    if (promise instanceof Error) return done(promise);
    const next = (shard: number): void => {
      if (shard === replica.shards.length) return begin(writing, promise, null, done);
      begin(writing, promise, shard, (error) => {
        if (error !== null) done(error);
        else next(shard + 1);
      });
    };
    next(0);
  });
}

function begin(
  writing: LogsWriting,
  promise: EnginePromise,
  shard: number | null,
  done: (error: Error | null) => void,
): void {
  const { engine, secret, processLog, replica } = writing;
  const number = shard ?? processLog;
  // Those that come after say that they are of the next term.
  const term = shard === null ? Math.max(1, replica.term) : 1;
  const head = { sequence: 1, term, previous: BEGINNING.hash };
  const { hash, body } = batchFraming(OWNER, secret).seal(head, { ...NOTHING, promise });
  const making: Making = {
    ...{ engine, number, shard, owner: OWNER, secret, maker: OWNER, place: { sequence: 1, term, hash } },
    replay: {
      summary: { shards: replica.shards.length, limits: replica.limits as Limits },
      entries: () => (shard === null ? replica.processEntries() : imagesIn(replica, shard)),
    },
  };
  engine.append([{ shard: number, ...head, hash, body }], ([outcome], why) => {
    if (outcome !== 'durable') return done(why ?? new Error(`import: log ${number} is not empty`));
    writeSnapshot(making, { promise, snapshot: null }, (made) => done(made instanceof Error ? made : null));
  });
}

function* imagesIn(replica: Replica, shard: number): Generator<Entry> {
  const state = replica.shards[shard];
  if (state !== undefined) for (const item of imagesOf(state)) yield { shard, item };
}
