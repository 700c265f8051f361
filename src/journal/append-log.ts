import type { Batch } from '../ports/journal.ts';

/**
 * Where facts become durable. One append is outstanding at a time. Any failure is final for the process (journal
 * rule 4): it is reported once and nothing is retried.
 */
export interface AppendLog {
  /** Calls `done` once: with null when all of `batches`, in their order, is durable, else with what went wrong. */
  append(batches: readonly Batch[], done: (error: Error | null) => void): void;
}
