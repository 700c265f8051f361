import type { ServerState } from '../../spec/readiness.machine.ts';
import type { ShardState } from '../core/state.ts';
import type { Batch } from '../ports/journal.ts';
import type { Cause, Observer } from '../ports/observer.ts';
import type { Revoked } from '../ports/process-facts.ts';

/** Sees what happens to a process, as it happens: log, metrics, checkers. Cannot change anything. */
export interface NodeObserver extends Observer {
  /** An append begins, */
  appending?(batches: readonly Batch[]): void;
  /** and is durable: replies leave after this. */
  appended?(batches: readonly Batch[]): void;
  /** The journal has failed, and the process is of no more use (journal rule 4). */
  failed?(error: Error): void;
  /** Whether writers should come here, and what is missing for that. */
  state?(state: ServerState, missing: readonly string[]): void;
  /** Something in this shard threw; */
  fell?(shard: number, error: unknown, cause: Cause | null): void;
  /** it was made anew and serves, */
  revived?(state: ShardState): void;
  /** or is left alone for so long. */
  parked?(shard: number, forMs: number, error: unknown): void;
  /** Nobody knows what became of an append of these, for this reason; null: it is known, and durable. */
  unsure?(shards: readonly number[], error: Error | null): void;
  /** These are to be somebody else's: nothing more is asked of them. */
  handsOver?(shards: readonly number[]): void;
  /** What was held for these is answered with a 503: somebody else has them, or their log cannot be gone on with. */
  gaveUp?(shards: readonly number[], why: string, error: Error): void;
  /** Capabilities ended, here and now. */
  revoked?(what: Revoked, cause: Cause, note: string): void;
  /** It is about to look at its clocks. */
  looked?(): void;
}
