import { apply } from '../core/apply.ts';
import type { Fact } from '../core/facts.ts';
import type { Limits } from '../core/limits.ts';
import { ShardState } from '../core/state.ts';
import { contentsOf, Replica } from '../journal/replica.ts';
import type { Claim, Contents, JournalBackend, Unclaimed } from '../ports/journal.ts';
import type { BatchContent } from './batch-framing.ts';
import { EngineLog, type EngineLogOptions } from './engine-log.ts';

interface EngineJournalOptions extends Pick<EngineLogOptions, 'engine' | 'owner' | 'secret' | 'answersWithinMs'> {
  readonly shards: number;
  /** The log for what is of no shard, which is this process's alone: from `shards` on. */
  readonly processLog: number;
}

/** Shards in the logs of an engine that several processes share. */
export class EngineJournal implements JournalBackend {
  readonly contents: Contents;
  readonly shards: number;
  readonly logs: number;
  readonly processLog: EngineLog;
  readonly condition = null;
  private readonly options: EngineJournalOptions;
  private readonly claimed = new Map<number, EngineLog>();
  private failure: Error | null = null;

  /** Claims the log of the process and reads it. Calls `done` once. */
  static open(options: EngineJournalOptions, done: (opened: EngineJournal | Error) => void): void {
    const replica = new Replica();
    let journal: EngineJournal | null = null;
    const log = new EngineLog({
      ...options,
      number: options.processLog,
      isOurs: ({ shard }) => shard === null,
      failed: (error) => journal?.fail(error),
    });
    log.claim(
      (content) => takeIn(replica, content),
      (not) => {
        if (not === null)
          journal = new EngineJournal(options, log, contentsOf(replica.term === 0 ? undefined : replica));
        done(journal ?? (not?.error as Error));
      },
    );
  }

  private constructor(options: EngineJournalOptions, processLog: EngineLog, contents: Contents) {
    this.options = options;
    this.shards = options.shards;
    this.logs = options.processLog + 1;
    this.processLog = processLog;
    this.contents = contents;
  }

  logOf(shard: number): number {
    return shard;
  }

  tick(): void {}

  private fail(error: Error): void {
    this.failure ??= error;
  }

  claim(shard: number, limits: Limits, done: (result: Claim | Unclaimed) => void): void {
    const { claimed, options, failure } = this;
    if (failure !== null) return done({ shard, why: 'unreadable', error: failure });
    if (claimed.has(shard)) return done({ shard, why: 'held', error: new Error(`shard ${shard} is claimed`) });
    const log = new EngineLog({
      ...options,
      number: shard,
      isOurs: (batch) => batch.shard === null || batch.shard === shard,
      failed: (error) => this.fail(error),
    });
    claimed.set(shard, log);
    const letGo = (): void => {
      if (claimed.get(shard) === log) claimed.delete(shard);
      log.release();
    };
    const state = new ShardState(shard, limits);
    log.claim(
      ({ batches }) => {
        for (const batch of batches)
          if (batch.shard === shard) for (const fact of batch.facts) apply(state, fact as Fact);
      },
      (not) => {
        if (not === null) return done({ shard, state, log, release: letGo, snapshot: (taken) => taken(null) });
        letGo();
        done({ shard, ...not });
      },
    );
  }
}

/** A term without `started` is one whose first append was settled by the next. */
function takeIn(replica: Replica, { read }: BatchContent): void {
  const { term, records } = read as NonNullable<BatchContent['read']>;
  replica.term = Math.max(replica.term, term - 1);
  replica.takeBody(records);
}
