import type { Message } from '../core/message.ts';
import type { ShardState } from '../core/state.ts';
import type { Integrity } from '../ports/integrity.ts';

/** Payloads that are hashed together. */
const TOGETHER = 4;
/** Longer ones gain nothing. */
const PAYLOAD_BYTES_MAX = 1024;

const NONE: readonly Message[] = [];

/**
 * Whether payloads at rest are intact (IN1), for whoever leases one message after the other: with one that is asked about those are
 * hashed that will most likely be next, where many together take less than one by one. What is not leased then was hashed in vain, so it
 * is three at most.
 */
export class LookedAhead {
  private readonly integrity: Integrity;
  private readonly shard: ShardState;
  private readonly topic: string;
  /** What was hashed ahead, in the order in which it will be asked about, and how much of it was. */
  private next: readonly Message[] = NONE;
  private hashes: readonly string[] = [];
  private asked = 0;

  constructor(integrity: Integrity, shard: ShardState, topic: string) {
    this.integrity = integrity;
    this.shard = shard;
    this.topic = topic;
  }

  /** `ahead`: how many more may be asked about. */
  isIntact(message: Message, ahead: number): boolean {
    const { payload, payloadHash } = message;
    if (payload === null) return false;
    return this.hashOf(message, payload, ahead) === payloadHash;
  }

  private hashOf(message: Message, payload: Uint8Array, ahead: number): string {
    // The first hash is that of whoever was asked about when they were made.
    if (this.next[this.asked] === message) return this.hashes[++this.asked] as string;
    const { integrity } = this;
    this.asked = 0;
    this.next = integrity.payloadHashesOf === undefined ? NONE : this.behind(Math.min(ahead, TOGETHER - 1));
    if (integrity.payloadHashesOf === undefined || this.next.length === 0) return integrity.payloadHashOf(payload);
    const payloads = [payload];
    for (const one of this.next) payloads.push(one.payload as Uint8Array);
    this.hashes = integrity.payloadHashesOf(payloads);
    return this.hashes[0] as string;
  }

  /** Those that were never given out yet, in their order. */
  private behind(count: number): readonly Message[] {
    if (count < 1) return NONE;
    const next: Message[] = [];
    for (const message of this.shard.topics.get(this.topic)?.fresh.after(-1) ?? []) {
      if (message.payload === null || message.payload.byteLength > PAYLOAD_BYTES_MAX) break;
      if (next.push(message) === count) break;
    }
    return next;
  }
}
