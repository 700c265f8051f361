import type { DeadReason, PurgeReason } from '../../spec/vocabulary.ts';

/** String pairs that travel with a message. */
export type Attrs = Readonly<Record<string, string>>;

/**
 * What happened to one message, or to the shard itself, as journaled. `apply` is their only reader. Every fact carries its own results
 * (deadline base, not-before, target), so that replay needs neither limits nor randomness. Times: ms of the service clock.
 */
export type Fact = MessageFact | Recovered;
export type MessageFact = Sent | Received | Acked | Nacked | Extended | Released | Expired | Reprocessed | Purged;

export interface Sent {
  readonly name: 'sent';
  readonly atMs: number;
  readonly msgId: string;
  readonly topic: string;
  readonly idemKey: string;
  readonly payload: Uint8Array;
  /** `b3:` and 64 hex digits. */
  readonly payloadHash: string;
  readonly hashChain: string;
  readonly attrs: Attrs;
  readonly corrId: string;
  readonly notBeforeMs: number;
  readonly ttlAtMs: number;
  /** Until when a send with the same key is its duplicate (ID1). */
  readonly idemUntilMs: number;
}
export interface Received {
  readonly name: 'received';
  readonly atMs: number;
  readonly msgId: string;
  readonly receipt: string;
  readonly visibilityMs: number;
  readonly leaseEndsMs: number;
}
export interface Acked {
  readonly name: 'acked';
  readonly atMs: number;
  readonly msgId: string;
  readonly settledUntilMs: number;
}
/** Where a returned message goes, decided at the return itself (RT2). */
interface Returned {
  readonly atMs: number;
  readonly msgId: string;
  readonly to: 'queued' | 'redelivered' | 'dead_lettered';
  readonly notBeforeMs: number;
  readonly reason: DeadReason | null;
  readonly lastError: string | null;
}
export interface Nacked extends Returned {
  readonly name: 'nacked';
  readonly settledUntilMs: number;
}
export interface Extended {
  readonly name: 'extended';
  readonly atMs: number;
  readonly msgId: string;
  readonly visibilityMs: number;
}
export interface Released extends Returned {
  readonly name: 'released';
  /** False while the release goes uncounted (LE7). */
  readonly counted: boolean;
}
export interface Expired extends Returned {
  readonly name: 'expired';
}
export interface Reprocessed {
  readonly name: 'reprocessed';
  readonly atMs: number;
  readonly msgId: string;
}
/** A process took over the shard at this time; in journals of earlier versions that may be before the last fact (TM1). */
export interface Recovered {
  readonly name: 'recovered';
  readonly atMs: number;
}
/** The trace a purge leaves (DL3). */
export interface Purged {
  readonly name: 'purged';
  readonly atMs: number;
  readonly msgId: string;
  readonly payloadHash: string;
  readonly hashChain: string;
  readonly reason: PurgeReason;
}
