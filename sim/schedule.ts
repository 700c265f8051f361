import { INVARIANTS, type InvariantName } from '../spec/vocabulary.ts';
import { DEFAULT_LIMITS, type Limits } from '../src/core/limits.ts';
import { CONSUMER_KINDS, type ConsumerKind } from './clients.ts';
import type { NetworkRules } from './network.ts';
import { DEFECTS, type Defect } from './node.ts';
import type { Range } from './random.ts';
import { Fields } from './yaml.ts';

/** A fault schedule, read and in range. Times in ms of simulated time. */
export interface Schedule {
  readonly file: string;
  readonly name: string;
  readonly description: string;
  readonly seed: number;
  readonly durationMs: number;
  /** How long everything may take to settle once the faults are over. */
  readonly settleMs: number;
  readonly shards: number;
  readonly syncMs: Range;
  readonly limits: Limits;
  readonly network: NetworkRules;
  readonly topics: number;
  readonly producers: { readonly count: number; readonly everyMs: Range; readonly poison: number };
  readonly consumers: readonly ConsumerGroup[];
  /** 0 for never. */
  readonly reprocessEveryMs: number;
  readonly faults: readonly Fault[];
  readonly defect: Defect | null;
  readonly goals: Readonly<Record<string, number>>;
  /** A negative schedule: this invariant must be seen to fail. */
  readonly violates: InvariantName | null;
}

export interface ConsumerGroup {
  readonly kind: ConsumerKind;
  readonly count: number;
  readonly workMs: Range;
  readonly share: number;
  readonly visibilityMs: number;
}

export type Fault = { readonly atMs: number; readonly everyMs: number } & (
  | { readonly kind: 'crash'; readonly downMs: Range }
  | { readonly kind: 'partition'; readonly forMs: number; readonly direction: 'both' | 'requests' | 'replies' }
  | { readonly kind: 'clock_step'; readonly byMs: number }
  | { readonly kind: 'burst'; readonly messages: number }
  | { readonly kind: 'revoke'; readonly of: 'producers' | 'consumers' }
);

/** What a goal may ask to have happened. */
export const GOALS = [
  'accepted',
  'duplicates',
  'delivered',
  'redelivered',
  'acked',
  'nacked',
  'extended',
  'released',
  'expired',
  'dead_lettered',
  'reprocessed',
  'purged',
  'saturated',
  'recoveries',
  'send_retries',
  'settle_retries',
  'leases_lost',
  'refused_auth',
  'poisoned',
] as const;

const DAY_MS = 86_400_000;
const NONE: NetworkRules = {
  latencyMs: { min: 1, max: 5 },
  drop: 0,
  duplicate: 0,
  reorder: 0,
  lostReply: 0,
  gone: 0,
};

/** @throws ScheduleError naming file, line, column, field and limit */
export function parseSchedule(text: string, file: string): Schedule {
  const f = Fields.parse(text, file);
  const durationMs = f.duration('duration');
  const limits = f.within('limits', limitsOf, DEFAULT_LIMITS);
  const schedule: Schedule = {
    file,
    name: f.text('name'),
    description: f.text('description'),
    seed: f.whole('seed', 0, Number.MAX_SAFE_INTEGER),
    durationMs,
    settleMs: f.duration('settle', 10 * 60_000),
    shards: f.whole('shards', 1, 64, 2),
    syncMs: f.range('sync', { min: 1, max: 3 }),
    limits,
    network: f.within('network', networkOf, NONE),
    topics: f.whole('topics', 1, 1000, 2),
    producers: f.within('producers', (p) => ({
      count: p.whole('count', 1, 1000),
      everyMs: p.range('every'),
      poison: p.share('poison', 0),
    })),
    consumers: f.list('consumers', (c) => ({
      kind: c.oneOf('kind', CONSUMER_KINDS),
      count: c.whole('count', 1, 1000),
      workMs: c.range('work', { min: 1, max: 50 }),
      share: c.share('share', 0.5),
      visibilityMs: c.duration('visibility', limits.defaultVisibilityMs),
    })),
    reprocessEveryMs: f.duration('reprocess_every', 0),
    faults: f.list('faults', faultOf),
    defect: f.has('defect') ? f.oneOf('defect', DEFECTS) : null,
    goals: f.counts('goals', GOALS),
    violates: f.has('violates') ? f.oneOf('violates', INVARIANTS) : null,
  };
  f.refuseUnknown();
  return schedule;
}

const networkOf = (n: Fields): NetworkRules => ({
  latencyMs: n.range('latency', NONE.latencyMs),
  drop: n.share('drop', 0),
  duplicate: n.share('duplicate', 0),
  reorder: n.share('reorder', 0),
  lostReply: n.share('lost_reply', 0),
  gone: n.share('gone', 0),
});

const limitsOf = (l: Fields): Limits => ({
  ...DEFAULT_LIMITS,
  shardCapacity: l.whole('shard_capacity', 1, 1_000_000, DEFAULT_LIMITS.shardCapacity),
  globalInflight: l.whole('global_inflight', 1, 1_000_000, DEFAULT_LIMITS.globalInflight),
  dedupCapacity: l.whole('dedup_capacity', 1, 1_000_000, DEFAULT_LIMITS.dedupCapacity),
  maxAttempts: l.whole('max_attempts', 1, 1000, DEFAULT_LIMITS.maxAttempts),
  maxRedrives: l.whole('max_redrives', 1, 1000, DEFAULT_LIMITS.maxRedrives),
  dlqMaxPerTopic: l.whole('dlq_max_per_topic', 1, 1_000_000, DEFAULT_LIMITS.dlqMaxPerTopic),
  defaultVisibilityMs: l.duration('default_visibility', DEFAULT_LIMITS.defaultVisibilityMs),
  backoffBaseMs: l.duration('backoff_base', DEFAULT_LIMITS.backoffBaseMs),
  backoffMaxMs: l.duration('backoff_max', DEFAULT_LIMITS.backoffMaxMs),
  tReplayMs: l.duration('t_replay', DEFAULT_LIMITS.tReplayMs),
  readyRetentionMs: l.duration('ready_retention', DEFAULT_LIMITS.readyRetentionMs),
});

const FAULT_KINDS = ['crash', 'partition', 'clock_step', 'burst', 'revoke'] as const;

function faultOf(f: Fields): Fault {
  const kind = f.oneOf('kind', FAULT_KINDS);
  const when = { atMs: f.duration('at'), everyMs: f.duration('every', 0) };
  switch (kind) {
    case 'crash':
      return { ...when, kind, downMs: f.range('down') };
    case 'partition':
      return {
        ...when,
        kind,
        forMs: f.duration('for'),
        direction: f.oneOf('direction', ['both', 'requests', 'replies'], 'both'),
      };
    case 'clock_step':
      return { ...when, kind, byMs: f.shift('by', DAY_MS) };
    case 'burst':
      return { ...when, kind, messages: f.whole('messages', 1, 1_000_000) };
    case 'revoke':
      return { ...when, kind, of: f.oneOf('of', ['producers', 'consumers']) };
  }
}
