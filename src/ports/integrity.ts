import type { Attrs } from '../core/facts.ts';

/** What the hash chain of an envelope is of. */
export interface Chained {
  readonly topic: string;
  readonly sentAtMs: number;
  readonly idemKey: string;
  readonly payloadHash: string;
  readonly attrs: Attrs;
}

/** Hashes of payloads and envelopes (`wire`: Hashes). */
export interface Integrity {
  /** `b3:` and 64 lower-case hex digits. */
  payloadHashOf(payload: Uint8Array): string;
  /** The same of each, where many together take less than one by one. */
  payloadHashesOf?(payloads: readonly Uint8Array[]): readonly string[];
  hashChainOf(topic: string, sentAtMs: number, idemKey: string, payloadHash: string, attrs: Attrs): string;
  /** The same of each, where there is `payloadHashesOf`. */
  hashChainsOf?(all: readonly Chained[]): readonly string[];
  /** The `sig` of an envelope, where a signing key is configured (K3). */
  sigOf?(hashChain: string): string | null;
}
