import type { LifecycleLimits } from '../../spec/lifecycle.ts';

/** The limits one shard is held to. Counts are whole, times in ms; `LIMITS` has their ranges. */
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

/** What a limit may be in a deployment, and what people and records call it. */
export interface LimitRow {
  readonly name: string;
  readonly kind: 'count' | 'ms';
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
  /** What is in force where a journal or a replay from before the limit does not say it; null for those that were always there. */
  readonly before: number | null;
  /** False: no deployment has another one than its default. */
  readonly isSetting: boolean;
}

const count = <N extends string>(name: N, min: number, max: number, fallback: number, before: number | null = null) =>
  ({ name, kind: 'count', min, max, fallback, before, isSetting: true }) as const;
const time = <N extends string>(name: N, min: number, max: number, fallback: number) =>
  ({ name, kind: 'ms', min, max, fallback, before: null, isSetting: true }) as const;
const fixed = <N extends string>(name: N, min: number, max: number, fallback: number, before: number | null = null) =>
  ({ name, kind: 'count', min, max, fallback, before, isSetting: false }) as const;

const MANY = 10_000_000;
/** Of leases, redrives, releases. */
const TIMES = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** Every limit, once: settings, schedules, replays and records take their names and ranges from here. In this order on disk; append-only. */
export const LIMITS = {
  shardCapacity: count('shard_capacity', 1, MANY, 4096),
  globalInflight: count('global_inflight', 1, MANY, 8192),
  dedupCapacity: count('dedup_capacity', 1, MANY, 65_536),
  settledCapacity: count('settled_capacity', 1, MANY, 65_536),
  dlqMaxPerTopic: count('dlq_max_per_topic', 1, MANY, 10_000),
  dlqCapacity: count('dlq_capacity', 1, MANY, 65_536),
  dlqRetentionMs: time('dlq_retention', 1000, YEAR, 14 * DAY),
  defaultVisibilityMs: time('default_visibility', 250, DAY / 2, 5_000),
  backoffBaseMs: time('backoff_base', 1, HOUR, 200),
  backoffMaxMs: time('backoff_max', 1, DAY / 2, 60_000),
  tReplayMs: time('t_replay', 500, DAY, 300_000),
  maxAttempts: count('max_attempts', 1, TIMES, 5),
  maxRedrives: count('max_redrives', 1, TIMES, 5),
  inflightFactor: count('inflight_factor', 1, 100, 10),
  readyRetentionMs: time('ready_retention', 1000, YEAR, 7 * DAY),
  releasesMax: fixed('releases_max', 0, TIMES, 3),
  tenantLabels: count('tenant_labels', 1, 4, 1, 1),
  tenantShare: count('tenant_share', 0, 100, 25, 0),
  tenantReserve: count('tenant_reserve', 0, 100, 20, 20),
  topicShare: count('topic_share', 0, 100, 0, 0),
  topicHash: fixed('topic_hash', 0, 1, 1, 0),
} as const satisfies Record<keyof Limits, LimitRow>;
export const LIMIT_NAMES = Object.keys(LIMITS) as (keyof Limits)[];

/** Worlds that are simulated or replayed are faster than a deployment: their times, and so those of records, may be as short as can be. */
export const leastOf = ({ kind, min }: LimitRow): number => (kind === 'ms' ? 1 : min);

/** One value for each limit. */
export const eachLimit = (of: (row: LimitRow, limit: keyof Limits) => number): Limits =>
  Object.fromEntries(LIMIT_NAMES.map((limit) => [limit, of(LIMITS[limit], limit)])) as unknown as Limits;

export const DEFAULT_LIMITS = eachLimit(({ fallback }) => fallback);

/** Under a writer that did not know the later ones: it told no tenants apart, and its hash of topics had no key (BD5). */
export const LIMITS_BEFORE = eachLimit(({ before, fallback }) => before ?? fallback);

/** A rule over two limits: one is at least so many times the other. */
export interface LimitRule {
  readonly limit: keyof Limits;
  readonly times: number;
  readonly of: keyof Limits;
  /** The requirement, where it is one. */
  readonly from: string | null;
}

/** Deployments and worlds are held to these; models, which are of a few steps, and so records are not. */
export const LIMIT_RULES: readonly LimitRule[] = [
  { limit: 'tReplayMs', times: 2, of: 'defaultVisibilityMs', from: 'T3' },
  { limit: 'backoffMaxMs', times: 1, of: 'backoffBaseMs', from: null },
];

export const brokenRule = (limits: Limits): LimitRule | null =>
  LIMIT_RULES.find(({ limit, times, of }) => limits[limit] < times * limits[of]) ?? null;

export const ruleText = ({ times, of }: LimitRule): string =>
  `at least ${times === 1 ? '' : `${times} x `}${LIMITS[of].name}`;
/** What is said to whom gave such limits. */
export const refusalOf = (rule: LimitRule): string =>
  `must be ${ruleText(rule)}${rule.from === null ? '' : ` (${rule.from})`}`;
