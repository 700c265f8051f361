import type { Service } from '../service/service.ts';

/** At this share of any bound writers are steered elsewhere (BD3). */
const DEGRADED_SHARE = 0.9;
const RETRY_AFTER_S = 1;

export type ServerState = 'starting' | 'ready' | 'draining' | 'failed';

export interface ReadinessReport {
  readonly ready: boolean;
  /** What is missing, by name (O4). */
  readonly missing: readonly string[];
  readonly retryAfterS: number;
}

/** Whether writers should come here (D7, BD3). */
export class Readiness {
  state: ServerState = 'starting';
  private readonly service: Service;

  constructor(service: Service) {
    this.service = service;
  }

  report(): ReadinessReport {
    const missing = this.state === 'ready' ? this.saturated() : [this.state];
    return { ready: missing.length === 0, missing, retryAfterS: RETRY_AFTER_S };
  }

  private saturated(): string[] {
    const { shards, inflight } = this.service;
    const limits = shards[0]?.limits;
    if (limits === undefined) return ['shards'];
    const over = (used: number, bound: number): boolean => used >= DEGRADED_SHARE * bound;
    const found: string[] = [];
    if (shards.some((shard) => over(shard.depth, limits.shardCapacity))) found.push('shard_capacity');
    if (shards.some((shard) => over(shard.idemLine.size, limits.dedupCapacity))) found.push('dedup_capacity');
    if (over(inflight, limits.globalInflight)) found.push('global_inflight');
    return found;
  }
}
