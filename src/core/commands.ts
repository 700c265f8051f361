import type { PurgeReason } from '../../spec/vocabulary.ts';
import type { Attrs } from './facts.ts';

/**
 * What may be asked of a shard. `atMs`, receipts and random numbers are stamped once, by the caller; the core draws
 * nothing. `jitter` is uniform in [0, 1). Values are in range already: parsing refuses the others.
 */
export type Command = Send | Recv | Ack | Nack | Extend | Release | Expire | Reprocess | Purge;

export interface Send {
  readonly name: 'send';
  readonly atMs: number;
  /** The wall clock, for people: `ts`, which the msg_id carries (TM3); whole, 0 .. 2^48-1. */
  readonly tsMs: number;
  readonly topic: string;
  readonly idemKey: string;
  readonly payload: Uint8Array;
  readonly payloadHash: string;
  readonly hashChain: string;
  readonly attrs: Attrs;
  readonly corrId: string;
  readonly delayMs: number;
  /** Infinity for none. */
  readonly ttlMs: number;
  /** Whole, uniform in [0, 2^34): the random part of the msg_id. */
  readonly random: number;
}
/** Leases the one available message of the topic with the lowest sequence number (LE1). */
export interface Recv {
  readonly name: 'recv';
  readonly atMs: number;
  readonly topic: string;
  readonly receipt: string;
  readonly visibilityMs: number;
  /** Larger payloads are left for the next recv; Infinity for the first message of a reply (LE6). */
  readonly bytesMax: number;
  /** Leases held in the other shards: `global_inflight` bounds the sum (BD1). */
  readonly inflightElsewhere: number;
  /** Those of them that are of the topic's tenant (BD5). */
  readonly tenantInflightElsewhere: number;
}
export interface Ack {
  readonly name: 'ack';
  readonly atMs: number;
  readonly msgId: string;
  readonly receipt: string;
}
export interface Nack {
  readonly name: 'nack';
  readonly atMs: number;
  readonly msgId: string;
  readonly receipt: string;
  readonly jitter: number;
  readonly reason: string | null;
  /** 0..12 h: replaces the backoff, whatever backoff_max is (RT1); null for the backoff. */
  readonly retryAfterMs: number | null;
  readonly deadLetter: boolean;
  /** True when the mailbox itself found the payload damaged (IN1). */
  readonly damaged: boolean;
}
export interface Extend {
  readonly name: 'extend';
  readonly atMs: number;
  readonly msgId: string;
  readonly receipt: string;
  /** Null: that of the recv. */
  readonly visibilityMs: number | null;
}
export interface Release {
  readonly name: 'release';
  readonly atMs: number;
  readonly msgId: string;
  readonly receipt: string;
  readonly jitter: number;
}
export interface Expire {
  readonly name: 'expire';
  readonly atMs: number;
  readonly msgId: string;
  readonly epoch: number;
  readonly jitter: number;
}
export interface Reprocess {
  readonly name: 'reprocess';
  readonly atMs: number;
  readonly msgId: string;
}
export interface Purge {
  readonly name: 'purge';
  readonly atMs: number;
  readonly msgId: string;
  readonly reason: PurgeReason;
}
