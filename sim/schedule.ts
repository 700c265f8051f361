import { brokenRule, DEFAULT_LIMITS, eachLimit, LIMITS, type Limits, leastOf, refusalOf } from '../src/core/limits.ts';
import { PLENTY } from './capabilities.ts';
import { RULE_NAMES, type RuleName } from './checkers/breach.ts';
import { GOAL_NAMES } from './checkers/tally.ts';
import { type ConsumerRules, TEMPER_NAMES } from './clients/consumer.ts';
import type { HostileRules } from './clients/hostile.ts';
import type { CapabilityRules } from './clients/issuer.ts';
import type { ListenerRules } from './clients/listener.ts';
import type { ObserverRules } from './clients/observer.ts';
import type { AdminRules } from './clients/others.ts';
import type { ProducerRules } from './clients/producer.ts';
import type { RedriverRules } from './clients/redriver.ts';
import type { StreamerRules } from './clients/streamer.ts';
import { DEFECTS } from './defects.ts';
import type { PlannedFault } from './faults/index.ts';
import { NODES_MAX, SHARDS_MAX } from './faults/parameters.ts';
import { readFault } from './faults/plan.ts';
import { type NetworkRules, QUIET } from './network-rules.ts';
import { type EngineSetup, SETTLE_BY, type Setup, TOPOLOGIES } from './setup.ts';
import { type Fields, YamlFields } from './yaml.ts';

/** A fault schedule, read and in range. Times in ms of simulated time. */
export interface Schedule {
  readonly file: string;
  readonly name: string;
  readonly description: string;
  readonly seed: number;
  readonly setup: Setup;
  readonly network: NetworkRules;
  readonly producers: ProducerRules & { readonly count: number };
  readonly consumers: readonly (ConsumerRules & { readonly count: number })[];
  readonly streams: readonly (StreamerRules & { readonly count: number })[];
  readonly observers: (ObserverRules & { readonly count: number }) | null;
  readonly listeners: (ListenerRules & { readonly count: number }) | null;
  readonly hostile: HostileRules | null;
  readonly redrivers: (RedriverRules & { readonly count: number }) | null;
  readonly admin: AdminRules | null;
  readonly capabilities: CapabilityRules;
  readonly faults: readonly PlannedFault[];
  readonly goals: Readonly<Record<string, number>>;
  /** A negative schedule: this rule must be seen to be broken. */
  readonly violates: RuleName | null;
}

const DAY_MS = 86_400_000;
/** Simulated time is kept in 32 bits by the hash. */
const DURATION_MS_MAX = 20 * DAY_MS;
/** @throws ScheduleError naming file, line, column, field and limit */
export const parseSchedule = (text: string, file: string): Schedule => scheduleOf(YamlFields.parse(text, file), file);

/** Reads a schedule: all that there may be in one is asked for here. @throws ScheduleError */
export function scheduleOf(f: Fields, file: string): Schedule {
  const setup = setupOf(f);
  const schedule: Schedule = {
    file,
    name: f.text('name'),
    description: f.text('description'),
    seed: f.whole('seed', 0, Number.MAX_SAFE_INTEGER),
    setup,
    network: f.within('network', networkOf, QUIET),
    producers: f.within('producers', producersOf),
    consumers: f.list('consumers', consumersOf),
    streams: f.list('streams', streamsOf),
    observers: f.has('observers') ? f.within('observers', observersOf) : null,
    listeners: f.has('listeners') ? f.within('listeners', listenersOf) : null,
    hostile: f.has('hostile') ? f.within('hostile', hostileOf) : null,
    redrivers: f.has('redrivers') ? f.within('redrivers', redriversOf) : null,
    admin: f.has('admin') ? f.within('admin', adminOf) : null,
    capabilities: f.within('capabilities', capabilitiesOf, { lifetimeMs: 0, quotaOps: PLENTY }),
    faults: f.list('faults', (fault) => readFault(fault, setup)),
    goals: f.counts('goals', GOAL_NAMES),
    violates: f.has('violates') ? f.oneOf('violates', RULE_NAMES) : null,
  };
  if (setup.verifierMs !== null && schedule.producers.mixed > 0)
    f.refuse(
      'producers',
      'mixed does not go with a verifier: nobody asks one about the capabilities that items bring here',
    );
  f.refuseUnknown();
  return schedule;
}

function setupOf(f: Fields): Setup {
  const nodes = f.whole('nodes', 1, NODES_MAX, 1);
  const topics = f.whole('topics', 1, 1000, 2);
  if (topics < nodes) f.refuse('topics', `must be at least the number of nodes, ${nodes}: each topic is at one node`);
  const durationMs = f.duration('duration', undefined, 1, DURATION_MS_MAX);
  return {
    nodes,
    shards: f.whole('shards', 1, SHARDS_MAX, 2),
    topics,
    limits: f.within('limits', limitsOf, ALONE),
    durationMs,
    settleMs: f.duration('settle', 10 * 60_000, 1),
    settleBy: f.oneOf('settle_by', SETTLE_BY, 'acks'),
    heals: f.has('heals') ? f.wholes('heals', 0, nodes - 1) : null,
    syncMs: f.range('sync', { min: 1, max: 3 }),
    skewMs: f.shifts('skew', nodes),
    cacheTtlMs: f.duration('cap_cache_ttl', 30_000, 5_000, 120_000),
    connectionsMax: f.whole('max_connections', 1, 1_000_000, 1024),
    memoryBytes: f.has('memory') ? f.whole('memory', 1, 1_000_000_000) : null,
    windowBytes: f.has('window_memory') ? f.whole('window_memory', 1, 1_000_000_000) : null,
    verifierMs: f.has('verifier') ? f.range('verifier') : null,
    diskBytes: f.has('disk') ? f.whole('disk', 1_000_000, 1_000_000_000) : null,
    defect: f.has('defect') ? f.oneOf('defect', DEFECTS) : null,
    engine: engineOf(f),
  };
}

function engineOf(f: Fields): EngineSetup | null {
  const isShared = f.oneOf('topology', TOPOLOGIES, 'separate') === 'engine';
  if (!isShared && f.has('engine')) f.refuse('engine', 'needs topology: engine');
  const setup = f.within('engine', engineIn, ENGINE);
  return isShared ? setup : null;
}

const ENGINE: EngineSetup = {
  ...{ leaseMs: 2_000, wayMs: { min: 1, max: 5 }, runMs: { min: 1, max: 3 }, standbyMs: { min: 1, max: 10 } },
  ...{ lateMs: { min: 20, max: 900 }, isReplicated: true, answersMs: 500, snapshotBytes: 32 * 1024 },
};

const engineIn = (e: Fields): EngineSetup => ({
  leaseMs: e.duration('lease', ENGINE.leaseMs, 100, 60_000),
  wayMs: e.range('way', ENGINE.wayMs),
  runMs: e.range('run', ENGINE.runMs),
  standbyMs: e.range('standby', ENGINE.standbyMs),
  lateMs: e.range('late', ENGINE.lateMs),
  isReplicated: e.oneOf('answers', ANSWERS, 'replicated') === 'replicated',
  answersMs: e.duration('deadline', ENGINE.answersMs, 10, 60_000),
  snapshotBytes: e.whole('snapshot', 1_000, 1_000_000_000, ENGINE.snapshotBytes),
});
/** An engine answers when its standby has it too, or at once. */
const ANSWERS = ['replicated', 'at_once'] as const;

const networkOf = (n: Fields): NetworkRules => ({
  latencyMs: n.range('latency', QUIET.latencyMs),
  drop: n.share('drop', 0),
  duplicate: n.share('duplicate', 0),
  reorder: n.share('reorder', 0),
  lostReply: n.share('lost_reply', 0),
  gone: n.share('gone', 0),
});

/** All topics of a world are of one tenant, and nobody else comes: unless a schedule says so it has everything. */
const ALONE: Limits = { ...DEFAULT_LIMITS, tenantShare: 0 };

function limitsOf(l: Fields): Limits {
  const limits = eachLimit((row, limit) => {
    const { name, kind, max, isSetting } = row;
    // How topics are spread is not for a schedule to say.
    if (!isSetting && limit !== 'releasesMax') return ALONE[limit];
    // A lease of a shorter time could not be asked for either.
    const min = limit === 'defaultVisibilityMs' ? row.min : leastOf(row);
    return kind === 'ms' ? l.duration(name, ALONE[limit], min, max) : l.whole(name, min, max, ALONE[limit]);
  });
  const broken = brokenRule(limits);
  if (broken !== null) l.refuse(LIMITS[broken.limit].name, refusalOf(broken));
  return limits;
}

const producersOf = (p: Fields): Schedule['producers'] => ({
  count: p.whole('count', 1, 1000),
  everyMs: p.range('every'),
  poison: p.share('poison', 0),
  delayed: p.share('delayed', 0),
  delayMs: p.range('delay', { min: 1, max: 5_000 }),
  mortal: p.share('mortal', 0),
  ttlMs: p.range('ttl', { min: 50, max: 5_000 }),
  repeated: p.share('repeated', 0),
  clashing: p.share('clashing', 0),
  damaged: p.share('damaged', 0),
  bytes: p.wholeRange('bytes', 65_536, { min: 3, max: 3 }),
  batch: p.whole('batch', 1, 256, 1),
  mixed: p.share('mixed', 0),
});

const consumersOf = (c: Fields): Schedule['consumers'][number] => ({
  kind: c.oneOf('kind', TEMPER_NAMES),
  count: c.whole('count', 1, 1000),
  workMs: c.range('work', { min: 1, max: 50 }),
  share: c.share('share', 0.5),
  visibilityMs: c.has('visibility') ? c.duration('visibility', undefined, 250, DAY_MS / 2) : 0,
  waitMs: c.duration('wait', 0, 0, 20_000),
  messagesMax: c.whole('max', 1, 256, 4),
  bytesMax: c.whole('bytes', 1, 524_288, 524_288),
  riding: c.share('riding', 0),
  batching: c.share('batching', 0),
});

const streamsOf = (s: Fields): Schedule['streams'][number] => ({
  count: s.whole('count', 1, 1000),
  credit: s.whole('credit', 1, 256, 16),
  bytesMax: s.whole('bytes', 1, 524_288, 524_288),
  messagesMax: s.whole('max', 0, 1_000_000, 0),
  waitMs: s.duration('wait', 0),
  takesMs: s.range('takes', { min: 1, max: 5 }),
  workMs: s.range('work', { min: 1, max: 50 }),
  visibilityMs: s.has('visibility') ? s.duration('visibility', undefined, 250, DAY_MS / 2) : 0,
  quotaOps: s.whole('quota', 0, PLENTY, 0),
  forgotten: s.share('forgotten', 0),
  riding: s.share('riding', 0),
  lifeMs: s.range('life', { min: 5_000, max: 30_000 }),
});

const observersOf = (o: Fields): ObserverRules & { readonly count: number } => ({
  count: o.whole('count', 1, 100),
  everyMs: o.range('every'),
  limit: o.whole('limit', 1, 1000, 20),
});

const listenersOf = (l: Fields): ListenerRules & { readonly count: number } => ({
  count: l.whole('count', 1, 100),
  takesMs: l.range('takes', { min: 1, max: 5 }),
  waitMs: l.duration('wait', 0),
  narrow: l.share('narrow', 0),
  lifeMs: l.range('life', { min: 1_000, max: 10_000 }),
});

const hostileOf = (h: Fields): HostileRules => ({ everyMs: h.range('every'), holds: h.share('holds', 0) });

const redriversOf = (r: Fields): RedriverRules & { readonly count: number } => ({
  count: r.whole('count', 1, 100),
  everyMs: r.range('every'),
  ratePerS: r.whole('rate', 0, 1000, 0),
  dry: r.share('dry', 0),
  cancelled: r.share('cancelled', 0),
  foreign: r.share('foreign', 0),
  brief: r.share('brief', 0),
  revoked: r.share('revoked', 0),
});

const adminOf = (a: Fields): AdminRules => ({
  everyMs: a.duration('every', undefined, 1),
  purge: a.share('purge', 0),
  ratePerS: a.whole('rate', 0, 1000, 0),
});

const capabilitiesOf = (c: Fields): CapabilityRules => ({
  lifetimeMs: c.duration('lifetime', 0),
  quotaOps: c.whole('quota', 1, PLENTY, PLENTY),
});
