import type { Limits } from '../core/limits.ts';
import type { ShardState } from '../core/state.ts';
import type {
  AppendEnd,
  Batch,
  Claim,
  Condition,
  Contents,
  Found,
  JournalBackend,
  Log,
  Unclaimed,
} from '../ports/journal.ts';
import type { PastReader } from '../ports/past.ts';
import type { AppendLog } from './append-log.ts';

export type Replayed = (error: unknown, state: ShardState | null) => void;

/** How it is done. */
interface Parts {
  /** One is outstanding at a time, and an error is the end of it: all later ones get one too (journal rule 4). */
  readonly log: AppendLog;
  /** Makes a shard anew of what is durable, and calls back once. `state` is what was claimed of it last. */
  readonly replay: (state: ShardState, limits: Limits, done: Replayed) => void;
  readonly snapshot: (done: (error: Error | null) => void) => void;
  readonly condition: () => Condition | null;
  readonly tick: (nowMs: number) => void;
}

/** What it is, as it was opened. */
interface OneLogOptions extends Parts {
  readonly term: number | null;
  /** Each is given away with its first claim. */
  readonly shards: readonly ShardState[];
  readonly contents: Contents;
  /** Reads what happened before what is remembered, where that can be read. */
  readonly past?: PastReader;
}

const DURABLE: AppendEnd = { end: 'durable' };

/**
 * One physical log behind all shards of a process: the memory, a data directory, a simulated disk. A claim is a view of it, nobody else
 * can have one, and when the log fails it fails for all.
 */
export class OneLog implements JournalBackend {
  readonly contents: Contents;
  readonly shards: number;
  readonly logs = 1;
  readonly processLog: Log;
  readonly past: PastReader | null;
  private readonly parts: Parts;
  /** What was claimed last of each shard, or is there to be claimed. */
  private readonly states: ShardState[];
  private readonly isFresh: boolean[];
  private readonly isClaimed: boolean[];
  private failure: Error | null = null;

  constructor({ term, shards, contents, past, ...parts }: OneLogOptions) {
    this.parts = parts;
    this.contents = contents;
    this.past = past ?? null;
    this.states = [...shards];
    this.shards = shards.length;
    this.isFresh = shards.map(() => true);
    this.isClaimed = shards.map(() => false);
    this.processLog = {
      number: 0,
      term,
      answersWithinMs: Number.POSITIVE_INFINITY,
      append: (batches, done) => this.append(batches, done),
      readAgain: neverUnknown,
    };
  }

  logOf(): number {
    return 0;
  }

  get condition(): Condition | null {
    return this.parts.condition();
  }

  tick(nowMs: number): void {
    this.parts.tick(nowMs);
  }

  private append(batches: readonly Batch[], done: (end: AppendEnd) => void): void {
    for (const { shard } of batches) {
      if (shard !== null && this.isClaimed[shard] !== true) throw new Error(`journal: shard ${shard} is not claimed`);
    }
    this.parts.log.append(batches, (error) => {
      if (error === null) return done(DURABLE);
      this.failure = error;
      done({ end: 'failed', error });
    });
  }

  claim(shard: number, limits: Limits, done: (result: Claim | Unclaimed) => void): void {
    const state = this.states[shard];
    if (state === undefined) throw new Error(`journal: no shard ${shard}`);
    if (this.failure !== null) return done({ shard, why: 'unreadable', error: this.failure });
    if (this.isClaimed[shard] === true)
      return done({ shard, why: 'held', error: new Error(`shard ${shard} is claimed`) });
    this.isClaimed[shard] = true;
    if (this.isFresh[shard] === true) {
      this.isFresh[shard] = false;
      return done(this.claimOf(state));
    }
    this.parts.replay(state, limits, (error, anew) => {
      if (anew !== null) return done(this.claimOf(anew));
      this.isClaimed[shard] = false;
      done({ shard, why: 'unreadable', error: error as Error });
    });
  }

  private claimOf(state: ShardState): Claim {
    const { shard } = state;
    this.states[shard] = state;
    return {
      shard,
      state,
      log: this.processLog,
      snapshot: (done) => this.parts.snapshot(done),
      // Twice is once: what was claimed again since is somebody else's.
      release: () => {
        if (this.states[shard] === state) this.isClaimed[shard] = false;
      },
    };
  }
}

const neverUnknown = (_done: (found: Found | Error) => void): void => {
  throw new Error('journal: no append of this log ends as unknown');
};
