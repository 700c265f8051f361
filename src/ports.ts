/** The seams of the mailbox: everything that is not a pure function comes in through one of these. */
import type { Fact } from './core/facts.ts';

/**
 * The service's clock: whole milliseconds that never go backwards within a process, anchored to the wall clock when
 * the process started (TM1), so that a stamp is both a deadline's base and an envelope's `ts`.
 */
export interface Clock {
  nowMs(): number;
}

/** A source of randomness. Real processes draw from the kernel, the simulator from a named stream of the seed. */
export interface Random {
  /** A whole number, uniform in [0, below); `below` at most 2^48. */
  below(below: number): number;
  /** `bytes` random bytes as unpadded base64url text (a receipt is 16). */
  token(bytes: number): string;
}

/** One shard's facts, in the order in which they were decided. */
export interface Batch {
  readonly shard: number;
  readonly facts: readonly Fact[];
}

/**
 * Where facts become durable. One append is outstanding at a time; the service is told when it is (`onDurable`).
 * Any failure is final for the process (journal rule 4): `onFailed` is called once and nothing is retried.
 */
export interface Journal {
  append(batches: readonly Batch[]): void;
  onDurable: () => void;
  onFailed: (error: Error) => void;
}
