import { DEFAULT_LIMITS, type Limits } from '../core/limits.ts';
import { HEAP_SHARE, thisMachine } from './machine.ts';
import type { Settings } from './settings.ts';

/** The settings that the core is held to. */
export const limitsOf = (s: Settings): Limits => ({
  shardCapacity: s.shard_capacity,
  globalInflight: s.global_inflight,
  dedupCapacity: s.dedup_capacity,
  settledCapacity: s.settled_capacity,
  dlqMaxPerTopic: s.dlq_max_per_topic,
  dlqCapacity: s.dlq_capacity,
  dlqRetentionMs: s.dlq_retention,
  releasesMax: DEFAULT_LIMITS.releasesMax,
  readyRetentionMs: s.ready_retention,
  defaultVisibilityMs: s.default_visibility,
  maxAttempts: s.max_attempts,
  maxRedrives: s.max_redrives,
  inflightFactor: s.inflight_factor,
  backoffBaseMs: s.backoff_base,
  backoffMaxMs: s.backoff_max,
  tReplayMs: s.t_replay,
  tenantLabels: s.tenant_labels,
  tenantShare: s.tenant_share,
  tenantReserve: s.tenant_reserve,
  topicShare: s.topic_share,
  topicHash: DEFAULT_LIMITS.topicHash,
});

/** The settings that bound what a process holds, in bytes (BD0). */
export const memoryBoundsOf = (s: Settings, { heapBytes } = thisMachine()) => ({
  memoryMax: s.memory,
  windowMax: s.window_memory,
  heapMax: Math.floor(HEAP_SHARE * heapBytes),
  appendMax: s.profile === 'micronode' ? Number.POSITIVE_INFINITY : s.segment_size,
});
