import type { Fact } from '../core/facts.ts';
import type { ShardState } from '../core/state.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** Bounds of BD1, and of memory, that fill up and drain, by the name that `/readyz` gives them. */
export const BOUNDS = ['shard_capacity', 'dedup_capacity', 'global_inflight', 'memory', 'window_memory'] as const;
export type BoundName = (typeof BOUNDS)[number];

/** At this share of any bound writers are steered elsewhere (BD3). */
export const DEGRADED_SHARE = 0.9;

/** A wait that nobody should be told to undercut or to exceed. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 30_000;
/** The rate is that of about the last seconds. */
const MEMORY_MS = 5_000;

/** How fast something leaves: an exponentially fading count of the departures. */
export class DrainRate {
  private count = 0;
  private atMs = 0;

  note(nowMs: number): void {
    this.fade(nowMs);
    this.count++;
  }

  /** Estimated ms until `wanted` more have left, Infinity when nothing leaves. */
  msUntil(wanted: number, nowMs: number): number {
    this.fade(nowMs);
    return this.count < 0.01 ? Number.POSITIVE_INFINITY : (wanted * MEMORY_MS) / this.count;
  }

  private fade(nowMs: number): void {
    if (nowMs <= this.atMs) return;
    this.count *= Math.exp((this.atMs - nowMs) / MEMORY_MS);
    this.atMs = nowMs;
  }
}

/** What has left each shard and the leases of all, and from it how long a refused caller should stay away (D5). */
export class Drains {
  private readonly shards: readonly ShardState[];
  private readonly depth: readonly DrainRate[];
  private readonly leased = new DrainRate();
  private readonly memory: MemoryBudget;

  constructor(shards: readonly ShardState[], memory: MemoryBudget) {
    this.shards = shards;
    this.memory = memory;
    this.depth = shards.map(() => new DrainRate());
  }

  note(fact: Fact, shard: number): void {
    const { name } = fact;
    if (name !== 'acked' && name !== 'nacked' && name !== 'expired' && name !== 'released') return;
    this.leased.note(fact.atMs);
    if (name === 'acked' || fact.to === 'dead_lettered') (this.depth[shard] as DrainRate).note(fact.atMs);
  }

  /** ms until this bound of this shard is likely to be below the share at which writers are sent away. */
  retryAfterMs(bound: BoundName, shard: ShardState, nowMs: number): number {
    const { limits } = shard;
    switch (bound) {
      case 'shard_capacity': {
        const excess = shard.depth - DEGRADED_SHARE * limits.shardCapacity;
        return clamp((this.depth[shard.shard] as DrainRate).msUntil(Math.max(1, excess), nowMs), RETRY_MS_MAX);
      }
      case 'dedup_capacity':
        // Windows end when they end: that of the oldest entry is known.
        return clamp(shard.windowUntilMs - nowMs, limits.tReplayMs);
      case 'global_inflight': {
        const leased = this.shards.reduce((sum, each) => sum + each.leases.size, 0);
        const excess = Math.max(1, leased - DEGRADED_SHARE * limits.globalInflight);
        const firstMs = Math.min(
          ...this.shards.map((each) => each.leases.first()?.timerAtMs ?? Number.POSITIVE_INFINITY),
        );
        return clamp(Math.min(this.leased.msUntil(excess, nowMs), firstMs - nowMs), RETRY_MS_MAX);
      }
      case 'window_memory': {
        const ends = this.shards.map(({ windowUntilMs }) => windowUntilMs);
        return clamp(Math.min(...ends) - nowMs, limits.tReplayMs);
      }
      case 'memory': {
        // As many messages as make up the excess, were all of the same size, at the rate of all shards together.
        const held = this.shards.reduce((sum, each) => sum + each.depth + each.dead.size, 0);
        const excess = Math.max(1, held * (1 - DEGRADED_SHARE / this.memory.memoryUsed));
        const rates = this.depth.map((each) => 1 / each.msUntil(excess, nowMs));
        return clamp(1 / rates.reduce((sum, rate) => sum + rate, 0), RETRY_MS_MAX);
      }
    }
  }

  /** How far each bound is used, of those of a shard by the fullest one. */
  used(): { readonly name: BoundName; readonly share: number; readonly shard: number | null }[] {
    const leased = this.shards.reduce((sum, each) => sum + each.leases.size, 0);
    const fullest = (name: BoundName, shareOf: (shard: ShardState) => number) => {
      const shares = this.shards.map((each) => ({ name, share: shareOf(each), shard: each.shard }));
      return shares.reduce((most, one) => (one.share > most.share ? one : most));
    };
    return [
      fullest('shard_capacity', ({ depth, limits }) => depth / limits.shardCapacity),
      fullest('dedup_capacity', ({ windows, limits }) => windows.size / limits.dedupCapacity),
      { name: 'global_inflight', share: leased / (this.shards[0]?.limits.globalInflight ?? 1), shard: null },
      { name: 'memory', share: this.memory.memoryUsed, shard: null },
      { name: 'window_memory', share: this.memory.windowUsed, shard: null },
    ];
  }

  /** Bounds that are used to 90 % or more, with the longest wait of any shard (BD3, D7). */
  filling(nowMs: number): { readonly name: BoundName; readonly retryAfterMs: number }[] {
    const found = new Map<BoundName, number>();
    const leased = this.shards.reduce((sum, each) => sum + each.leases.size, 0);
    for (const shard of this.shards) {
      const { limits } = shard;
      const used: Readonly<Record<BoundName, number>> = {
        shard_capacity: shard.depth / limits.shardCapacity,
        dedup_capacity: shard.windows.size / limits.dedupCapacity,
        global_inflight: leased / limits.globalInflight,
        memory: this.memory.memoryUsed,
        window_memory: this.memory.windowUsed,
      };
      for (const name of BOUNDS) {
        if (used[name] < DEGRADED_SHARE) continue;
        found.set(name, Math.max(found.get(name) ?? 0, this.retryAfterMs(name, shard, nowMs)));
      }
    }
    return [...found].map(([name, retryAfterMs]) => ({ name, retryAfterMs }));
  }
}

const clamp = (ms: number, most: number): number => Math.min(Math.max(ms, RETRY_MS_MIN), Math.max(most, RETRY_MS_MIN));
