import type { Fact } from '../../src/core/facts.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { ShardState } from '../../src/core/state.ts';
import {
  endedBytesOf,
  errorBytesOf,
  liveBytesOf,
  packAttrs,
  TENANT_BYTES,
  topicBytesOf,
} from '../../src/core/weight.ts';
import { type MemoryBounds, memoryBytesOf } from '../../src/service/memory-budget.ts';
import type { SendRequest } from '../../src/service/messages.ts';
import { isBeyond, type Shares } from './shares.ts';
import type { View } from './view.ts';

/** What the process holds in bytes by its facts, against what it may (BD0). */
export class Held {
  /** A shard fell: what it counted then nobody knows until it is made anew. */
  isUnweighed = false;
  private bytes = 0;
  /** Of each message that lives, without its last error. */
  private readonly of = new Map<string, { readonly topic: string; readonly bytes: number }>();
  /** What was sent and is not durable yet: an append brings it even where its message has ended meanwhile. */
  private readonly unwritten = new Map<string, number>();
  private shards: readonly ShardState[] = [];
  private readonly bounds: MemoryBounds;
  private readonly shares: Shares;

  constructor(bounds: MemoryBounds, shares: Shares) {
    this.bounds = bounds;
    this.shares = shares;
  }

  /** A process counts what it finds. */
  weigh(shards: readonly ShardState[]): void {
    this.shards = shards;
    this.isUnweighed = false;
    this.bytes = 0;
    this.of.clear();
    this.shares.unload();
    for (const { living } of shards) {
      for (const message of living.all()) {
        const liveBytes = liveBytesOf(message.idemKey, packAttrs(message.attrs));
        this.enter(message.msgId, message.topic.name, (message.payload as Uint8Array).byteLength + liveBytes);
        this.grow(message.topic.name, errorBytesOf(message.lastError));
      }
    }
  }

  /** The same by other tenants; what was not known is known no better by that. */
  weighAgain(): void {
    const { isUnweighed } = this;
    this.weigh(this.shards);
    this.isUnweighed = isUnweighed;
  }

  private enter(msgId: string, topic: string, bytes: number): void {
    this.of.set(msgId, { topic, bytes });
    this.grow(topic, bytes);
  }

  /** A fact came true of a message that was `before`. */
  fact(fact: Exclude<Fact, { readonly name: 'recovered' }>, before: View, view: View): void {
    if (fact.name === 'sent') {
      const { msgId, topic, payload, idemKey, attrs } = fact;
      const bytes = payload.byteLength + liveBytesOf(idemKey, packAttrs(attrs));
      this.unwritten.set(msgId, bytes);
      return this.enter(msgId, topic, bytes);
    }
    const { topic, bytes } = this.of.get(fact.msgId) ?? { topic: '', bytes: 0 };
    const isOver = fact.name === 'acked' || fact.name === 'purged';
    this.grow(topic, (isOver ? -bytes : errorBytesOf(view.lastError)) - errorBytesOf(before.lastError));
    if (isOver) this.of.delete(fact.msgId);
  }

  private grow(topic: string, bytes: number): void {
    this.bytes += bytes;
    this.shares.weigh(topic, bytes);
  }

  /** More than it may. */
  get isOver(): boolean {
    return !this.isUnweighed && this.bytes > this.bounds.memoryMax;
  }

  lacksMemoryFor(request: SendRequest): boolean {
    return this.isUnweighed || this.bytes + memoryBytesOf(request) > this.bounds.memoryMax;
  }

  /** So much waits for an append, and this would be more than one may bring. */
  lacksAppendFor(request: SendRequest): boolean {
    let bytes = memoryBytesOf(request);
    for (const each of this.unwritten.values()) bytes += each;
    return bytes > this.bounds.appendMax;
  }

  /** These are durable, */
  written(facts: readonly Fact[]): void {
    for (const fact of facts) if (fact.name === 'sent') this.unwritten.delete(fact.msgId);
  }

  /** and what was not is gone with its process. */
  drop(): void {
    this.unwritten.clear();
  }

  /** The tenant of this topic is beyond its share, and only the reserve is left (BD5). */
  isBeyond(topic: string, limits: Limits): boolean {
    return isBeyond(limits, this.bounds.memoryMax, this.bytes, () => this.shares.bytesOf(topic));
  }

  /** The same of what is remembered: by the tenant's part of the windows, of which the shards say how many are open. */
  isBeyondRemembered(topic: string, limits: Limits): boolean {
    const { endedBytes, shards } = this;
    const { windowMax } = this.bounds;
    if (windowMax === Number.POSITIVE_INFINITY) return false;
    return isBeyond(limits, windowMax, endedBytes, () => {
      const all = shards.reduce((sum, { windows }) => sum + windows.size, 0);
      const own = shards.reduce((sum, shard) => sum + (shard.tenantOf(topic)?.windows ?? 0), 0);
      return Math.floor((endedBytes * own) / Math.max(1, all));
    });
  }

  lacksWindowFor({ topic, idemKey, corrId }: SendRequest): boolean {
    return this.endedBytes + endedBytesOf(idemKey, corrId) + topicBytesOf(topic) + TENANT_BYTES > this.bounds.windowMax;
  }

  /** How much of the fuller bound is used, 0 and up. */
  get used(): number {
    return Math.max(this.bytes / this.bounds.memoryMax, this.endedBytes / this.bounds.windowMax);
  }

  private get endedBytes(): number {
    return this.shards.reduce((sum, shard) => sum + shard.endedBytes, 0);
  }
}
