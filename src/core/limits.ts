import type { LifecycleLimits } from '../../spec/lifecycle.ts';

/** The limits one shard is held to. Counts are whole, times in ms; ranges are those of the configuration table. */
export interface Limits extends LifecycleLimits {
  /** queued + leased + redelivered. */
  readonly shardCapacity: number;
  /** Leased, over all shards of the process. */
  readonly globalInflight: number;
  /** Live idempotency entries. */
  readonly dedupCapacity: number;
  /** Settled receipts remembered; the oldest is forgotten first. */
  readonly settledCapacity: number;
  /** Dead letters of one topic. */
  readonly dlqMaxPerTopic: number;
  /** Dead letters of the shard, so that many topics cannot hold what one may not. */
  readonly dlqCapacity: number;
  readonly dlqRetentionMs: number;
  readonly defaultVisibilityMs: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  readonly tReplayMs: number;
  /** Labels of a topic that say whose it is, 1..4 (BD5). */
  readonly tenantLabels: number;
  /** Percent of a bound that a tenant has while there is any room; 0: tenants are not told apart. */
  readonly tenantShare: number;
  /** Percent of a bound that only tenants within their share may use. */
  readonly tenantReserve: number;
  /** Percent of its tenant's share that a topic has while there is any room in it; 0: topics are not told apart. */
  readonly topicShare: number;
  /** How topics are spread over the shards: 0 by their letters alone, 1 with a secret of the data directory. Fixed for a directory. */
  readonly topicHash: number;
}

export const DEFAULT_LIMITS: Limits = {
  shardCapacity: 4096,
  globalInflight: 8192,
  dedupCapacity: 65_536,
  settledCapacity: 65_536,
  dlqMaxPerTopic: 10_000,
  dlqCapacity: 65_536,
  dlqRetentionMs: 14 * 86_400_000,
  readyRetentionMs: 7 * 86_400_000,
  defaultVisibilityMs: 5_000,
  maxAttempts: 5,
  maxRedrives: 5,
  inflightFactor: 10,
  releasesMax: 3,
  backoffBaseMs: 200,
  backoffMaxMs: 60_000,
  tReplayMs: 300_000,
  tenantLabels: 1,
  tenantShare: 25,
  tenantReserve: 20,
  topicShare: 0,
  topicHash: 1,
};
