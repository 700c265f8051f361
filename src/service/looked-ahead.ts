import type { Message } from '../core/message.ts';
import type { ShardState } from '../core/state.ts';
import type { Integrity } from '../ports/integrity.ts';

/** Payloads that are hashed together. */
const TOGETHER = 4;
/** Longer ones gain nothing. */
const PAYLOAD_BYTES_MAX = 1024;

/**
 * Whether payloads at rest are intact (IN1), for whoever leases one message after the other: with one that is asked about those are
 * hashed that will most likely be next, where many together take less than one by one. What is not leased then was hashed in vain, so it
 * is three at most.
 */
export class LookedAhead {
  private readonly integrity: Integrity;
  private readonly shard: ShardState;
  private readonly topic: string;
  /** Made when something is hashed ahead: most look at one message only. */
  private known: Map<Message, string> | null = null;

  constructor(integrity: Integrity, shard: ShardState, topic: string) {
    this.integrity = integrity;
    this.shard = shard;
    this.topic = topic;
  }

  /** `ahead`: how many more may be asked about. */
  isIntact(message: Message, ahead: number): boolean {
    const { payload, payloadHash } = message;
    if (payload === null) return false;
    const hash = this.known?.get(message) ?? this.hashOf(payload, ahead);
    return hash === payloadHash;
  }

  private hashOf(payload: Uint8Array, ahead: number): string {
    const { integrity } = this;
    const next = integrity.payloadHashesOf === undefined ? [] : this.next(Math.min(ahead, TOGETHER - 1));
    if (next.length === 0) return integrity.payloadHashOf(payload);
    const payloads = next.map(({ payload: its }) => its as Uint8Array);
    const [hash, ...hashes] = integrity.payloadHashesOf?.([payload, ...payloads]) ?? [];
    this.known = new Map(next.map((one, i) => [one, hashes[i] as string]));
    return hash as string;
  }

  /** Those that were never given out yet, in their order. */
  private next(count: number): Message[] {
    const next: Message[] = [];
    if (count < 1) return next;
    for (const message of this.shard.topics.get(this.topic)?.fresh.after(-1) ?? []) {
      if (message.payload === null || message.payload.byteLength > PAYLOAD_BYTES_MAX) break;
      if (next.push(message) === count) break;
    }
    return next;
  }
}
