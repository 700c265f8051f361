/** The seams of the mailbox: everything that is not a pure function comes in through one of these. */
import type { Attrs, Fact } from './core/facts.ts';
import type { ShardState } from './core/state.ts';

/**
 * The service's clock: whole milliseconds that never go backwards within a process, anchored to the wall clock when
 * the process started (TM1), so that a stamp is both a deadline's base and an envelope's `ts`.
 */
export interface Clock {
  nowMs(): number;
  /** The wall clock as it stands, for the times of capabilities and for nothing else. */
  wallMs(): number;
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
 * Where facts become durable. One append is outstanding at a time. Any failure is final for the process (journal
 * rule 4): it is reported once and nothing is retried.
 */
export interface Journal {
  /** Calls `done` once: with null when all of `batches` is durable, else with what went wrong. */
  append(batches: readonly Batch[], done: (error: Error | null) => void): void;
}

/** Hashes of payloads and envelopes (`wire`: Hashes). */
export interface Integrity {
  /** `b3:` and 64 lower-case hex digits. */
  payloadHashOf(payload: Uint8Array): string;
  hashChainOf(topic: string, sentAtMs: number, idemKey: string, payloadHash: string, attrs: Attrs): string;
  /** The `sig` of an envelope, where a signing key is configured (K3). */
  sigOf?(hashChain: string): string | null;
}

/** Watches facts as they become true: metrics, decision lines, traces. Cannot refuse or change anything. */
export interface Observer {
  fact(shard: ShardState, fact: Fact): void;
}
