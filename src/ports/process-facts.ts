import type { DeadReason, Outcome } from '../../spec/vocabulary.ts';
import type { Limits } from '../core/limits.ts';

/** What happened to the process rather than to a message; journaled beside the facts, for what must outlive it. */
export type ProcessFact = Started | Limited | Revoked | Charged | Barred | Clocks | Told | RedriveBegun | RedriveWent;

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

/** What outlives a process of a capability under which something goes on: enough to know when it ends, not enough to use it. */
export interface Grant {
  readonly nonce: string;
  readonly keyId: string;
  /** When that key was made, ms since 1970: another that has its id is another. */
  readonly keyCreatedMs: number;
  /** s since 1970. */
  readonly expiresS: number;
  readonly notBeforeS: number;
}

/** Why a redrive did not move a dead letter. Journaled by place: it only grows at its end. */
export const REDRIVE_WHYS = ['redrives_spent', 'not_dead_lettered', 'not_found', 'no_room'] as const;
export type RedriveWhy = (typeof REDRIVE_WHYS)[number];
/** Likewise. */
export const REDRIVE_STATES = ['running', 'done', 'cancelled', 'ended'] as const;
export type RedriveState = (typeof REDRIVE_STATES)[number];
/** Redrives that are remembered: beyond that the oldest that has ended is forgotten. */
export const REDRIVES_MAX = 64;
/** Failures of one that are told one by one; the others are counted. */
export const FAILURES_MAX = 100;

/** What a redrive is to move (DL5). */
export interface RedriveOf {
  readonly topic: string;
  /** Infinity for all. */
  readonly limit: number;
  readonly msgIds: readonly string[] | null;
  readonly reason: DeadReason | null;
  /** Null for as fast as it goes. */
  readonly ratePerS: number | null;
  /** Says what would move, and moves nothing. */
  readonly dryRun: boolean;
}

/** A redrive was begun as a task. */
export interface RedriveBegun extends RedriveOf {
  readonly name: 'redrive_begun';
  readonly id: string;
  readonly atMs: number;
  /** Of the shard when it was begun: what died later is no part of it. */
  readonly lastNumber: number;
  readonly grant: Grant;
}

/** How far a redrive is. */
export interface RedriveWent {
  readonly name: 'redrive_went';
  readonly id: string;
  readonly state: RedriveState;
  /** Why it ended before it was done. */
  readonly endedBy: Outcome | null;
  readonly endedMs: number | null;
  /** Of a list: how many of it were tried. Of a topic: the number of the last dead letter that was looked at. */
  readonly place: number;
  readonly moved: number;
  /** How many were not moved, by the place of the reason in `REDRIVE_WHYS`. */
  readonly reasons: readonly number[];
  /** Those since it was told last. */
  readonly failures: readonly { readonly msgId: string; readonly why: RedriveWhy }[];
}
