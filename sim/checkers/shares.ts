import * as invariants from '../../spec/invariants.ts';
import type { Limits } from '../../src/core/limits.ts';
import { tenantOf } from '../../src/core/tenant.ts';
import type { TopicLine, Tracked } from './line.ts';
import { View } from './view.ts';

/** What a message is before its send. */
const NEVER = new View();

/** What the tenants hold, counted from the facts alone (BD5). */
export class Shares {
  private readonly pending = new Map<string, number>();
  private readonly dead = new Map<string, number>();
  private readonly leased = new Map<string, number>();
  private readonly bytes = new Map<string, number>();
  /** Of all tenants in all shards. */
  inflight = 0;
  private labels: number;

  constructor({ tenantLabels }: Limits) {
    this.labels = tenantLabels;
  }

  /** The process begins anew: all is counted again. */
  clear(): void {
    for (const counts of [this.pending, this.dead, this.leased]) counts.clear();
    this.inflight = 0;
  }

  /** Topics are of other tenants from here on. */
  regroup({ tenantLabels }: Limits, messages: Iterable<Tracked>): void {
    this.labels = tenantLabels;
    this.clear();
    for (const message of messages) this.move(message, NEVER);
  }

  /** The payloads are weighed anew. */
  unload(): void {
    this.bytes.clear();
  }

  /** The state of a message has changed. */
  move({ topic, shard, live }: Tracked, before: View): void {
    const tenant = this.tenantOf(topic.name);
    const here = `${shard} ${tenant}`;
    add(this.pending, here, Number(live.isPending) - Number(before.isPending));
    add(this.dead, here, Number(live.state === 'dead_lettered') - Number(before.state === 'dead_lettered'));
    const leased = Number(live.state === 'leased') - Number(before.state === 'leased');
    add(this.leased, tenant, leased);
    this.inflight += leased;
  }

  weigh(topic: string, bytes: number): void {
    add(this.bytes, this.tenantOf(topic), bytes);
  }

  tenantOf(topic: string): string {
    return tenantOf(topic, this.labels);
  }
  pendingOf(topic: string, shard: number): number {
    return this.pending.get(`${shard} ${this.tenantOf(topic)}`) ?? 0;
  }
  leasedOf(topic: string): number {
    return this.leased.get(this.tenantOf(topic)) ?? 0;
  }
  bytesOf(topic: string): number {
    return this.bytes.get(this.tenantOf(topic)) ?? 0;
  }

  /** No tenant of this shard has more dead letters than that of this topic (DL3). */
  hasMostDead(topic: string, shard: number): boolean {
    const own = this.dead.get(`${shard} ${this.tenantOf(topic)}`) ?? 0;
    for (const [key, count] of this.dead) if (count > own && key.startsWith(`${shard} `)) return false;
    return true;
  }

  /** Open windows of the tenant of this topic, among the topics of one shard. Costs as much as there are keys: asked only near the bound. */
  windowsOf(topic: string, topics: Iterable<TopicLine>, nowMs: number): number {
    const tenant = this.tenantOf(topic);
    let count = 0;
    for (const { name, windows } of topics) {
      if (this.tenantOf(name) !== tenant) continue;
      for (const message of windows.values()) if (message.live.idemUntilMs > nowMs) count++;
    }
    return count;
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  if (by === 0) return;
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

/** Whether one more of a bound is against the rule; `ofTenant` is asked only where it counts. Topics of a tenant are not told apart. */
export function isBeyond(limits: Limits, bound: number, used: number, ofTenant: () => number): boolean {
  const { tenantShare: share, tenantReserve: reserve } = limits;
  if (share === 0 || (bound - used) * 100 > reserve * bound) return false;
  return !invariants.IsolationProp({ bound, used, ofTenant: ofTenant() }, share, reserve);
}
