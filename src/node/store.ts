import type { ShardState } from '../core/state.ts';
import type { Batch, Clocks, ProcessFact } from '../ports.ts';

/** What is wanting for what comes next, so that sends are to be refused (journal rule 5). */
export type Lack = 'disk_space' | 'descriptors' | 'memory';

/** What a process keeps things in, as it is opened: the journal, and what it knew then. */
export interface Store {
  readonly shards: readonly ShardState[];
  /** Revocations and quota windows of before. */
  readonly processFacts: readonly ProcessFact[];
  /** What the clocks showed when they were last written down; null where no process ran before. */
  readonly clocks: Clocks | null;
  /** Of this process; null where nothing outlives one. */
  readonly epoch: number | null;
  /** One append is outstanding at a time; a failure is final for the process (journal rule 4). */
  append(batches: readonly Batch[], done: (error: Error | null) => void): void;
  /** Null when nothing is wanting. */
  readonly lack: Lack | null;
  /** Goes on with what waits, and asks again for what is wanting: to be called about once a second while there is anything of that. */
  tick(nowMs: number): void;
  /** Makes a shard anew of what it is kept in: nothing of it may be under way. Calls back later, once. */
  rebuild(shard: ShardState, done: (error: unknown, state: ShardState | null) => void): void;
}
