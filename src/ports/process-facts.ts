import type { Limits } from '../core/limits.ts';

/** What happened to the process rather than to a message; journaled beside the facts, for what must outlive it. */
export type ProcessFact = Started | Limited | Revoked | Charged | Barred | Clocks | Told;

/** A process took the journal over. What it did to each shard is a fact of that shard (`recovered`). */
export interface Started {
  readonly name: 'started';
  readonly atMs: number;
  /** One more than that of the process before. */
  readonly term: number;
  readonly shards: number;
  readonly limits: Limits;
}

/** Other limits are in force from here on. */
export interface Limited {
  readonly name: 'limited';
  readonly limits: Limits;
}

export interface Revoked {
  readonly name: 'revoked';
  readonly kind: 'nonce' | 'key_id';
  readonly value: string;
  readonly atMs: number;
}

/** How far a quota window is used (AU2): the sum so far, so that the last one says it all. */
export interface Charged {
  readonly name: 'charged';
  readonly nonce: string;
  /** The links of the capability's chain down to the caveat, by name, a dot between them; absent where the line alone was counted. */
  readonly chain?: string;
  /** The caveat, as it is written. */
  readonly line: string;
  readonly used: number;
  readonly endMs: number;
  readonly windowMs: number;
}

/** What both clocks showed at one moment (journal rule 10): by it the next process knows how long none ran (TM1). */
export interface Clocks {
  readonly name: 'clocks';
  readonly serviceMs: number;
  readonly wallMs: number;
}

/** In snapshots alone: facts of messages up to there, and when the last process before it started (B10). */
export interface Told {
  readonly name: 'told';
  readonly facts: number;
  readonly startedMs: number;
}

/** Too much was made from a link of a capability's chain (AU6): until `endMs` no quota further down is counted, or forgotten. */
export interface Barred {
  readonly name: 'barred';
  readonly nonce: string;
  /** The links down to it, as in `Charged`; empty for the nonce itself. */
  readonly chain: string;
  readonly endMs: number;
  /** No wait for its end is longer, whatever the clock did. */
  readonly windowMs: number;
}
