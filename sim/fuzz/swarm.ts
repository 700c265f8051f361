import { PARK_MS_MAX } from '../../spec/shard.machine.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import { PIECE } from '../call.ts';
import { PLENTY } from '../capabilities.ts';
import { TEMPER_NAMES } from '../clients/consumer.ts';
import type { HostileRules } from '../clients/hostile.ts';
import type { ListenerRules } from '../clients/listener.ts';
import type { ObserverRules } from '../clients/observer.ts';
import type { RedriverRules } from '../clients/redriver.ts';
import { DRAWN_ALONE, DRAWN_TOGETHER, type PlannedFault } from '../faults/index.ts';
import { type AnyScheduled, mayDamage } from '../faults/lookup.ts';
import { relabel } from '../faults/relabel.ts';
import { range } from '../faults/usual.ts';
import type { NetworkRules } from '../network-rules.ts';
import { type Draws, Stream } from '../random.ts';
import type { Schedule } from '../schedule.ts';
import type { Setup } from '../setup.ts';
import { type DrawFaults, onEngine } from './on-engine.ts';

const NEVER = range(0, 0);
const SKEWS_MS = [0, 0, 0, 90_000, -90_000, 3_600_000, -3_600_000];

/**
 * A schedule drawn from a seed: a random subset of everything that can go wrong, each at a random rate, in a small world
 * with tight limits. No two are alike; what one leaves out, another does all the time (swarm testing).
 */
export function swarmSchedule(seed: number): Schedule {
  const drawn = separateSchedule(seed);
  const sharing = new Stream(seed, 'swarm engine');
  if (!sharing.chance(ON_ENGINE)) return drawn;
  const faults: DrawFaults = (kinds, setup) =>
    kinds.flatMap((fault) => {
      const random = new Stream(seed, `swarm, ${fault.kind}`);
      return random.chance(OF_ENGINE) ? [faultOf(fault, random, setup)] : [];
    });
  return onEngine(drawn, sharing, faults);
}

/** Share of worlds whose nodes share an engine. */
const ON_ENGINE = 0.25;
/** Share of those that have a kind of fault of an engine. */
const OF_ENGINE = 0.5;

/** Each node is a mailbox of its own. */
function separateSchedule(seed: number): Schedule {
  const random = new Stream(seed, 'swarm');
  // Of their own: they move nothing that is drawn for others.
  const together = new Stream(seed, 'swarm batches');
  const streaming = new Stream(seed, 'swarm streams');
  const durationMs = random.pick([2_000, 5_000, 10_000, 20_000]);
  const tenants = new Stream(seed, 'swarm tenants');
  const limits = sharedOf(tenants, limitsOf(random));
  const looking = new Stream(seed, 'swarm observers');
  const verifying = new Stream(seed, 'swarm verifier');
  const listening = new Stream(seed, 'swarm listeners');
  const redriving = new Stream(seed, 'swarm redrivers');
  const redrives = redriving.chance(0.3);
  const setup = {
    ...onDisk(new Stream(seed, 'swarm disk'), setupOf(random, durationMs, limits)),
    memoryBytes: memoryBytesOf(new Stream(seed, 'swarm memory'), limits),
    windowBytes: windowBytesOf(new Stream(seed, 'swarm window')),
    verifierMs: verifying.chance(0.2) ? verifying.pick([range(1, 5), range(20, 300)]) : null,
  };
  return {
    file: `swarm#${seed}`,
    name: `swarm-${seed}`,
    description: 'drawn from its seed',
    seed,
    setup,
    network: networkOf(random),
    producers: { ...producersOf(random), ...batchOf(together, new Stream(seed, 'swarm mixed'), setup) },
    consumers: [
      ...Array.from({ length: 1 + random.below(3) }, () => ({
        ...consumersOf(random),
        batching: together.chance(0.2) ? together.pick([0.5, 1]) : 0,
      })),
      ...(redrives && redriving.chance(0.8) ? [REJECTING] : []),
    ],
    streams: streaming.chance(0.4) ? [pacedOf(new Stream(seed, 'swarm paced'), streamsOf(streaming))] : [],
    observers: looking.chance(0.3) ? { count: 1 + looking.below(2), ...observersOf(looking) } : null,
    listeners: listening.chance(0.2) ? { count: 1 + listening.below(2), ...listenersOf(listening) } : null,
    hostile: limits.tenantShare > 0 && tenants.chance(0.5) ? hostileOf(tenants) : null,
    redrivers: redrives ? { count: 1 + redriving.below(2), ...redriversOf(redriving) } : null,
    admin: random.chance(0.4) ? adminOf(random) : null,
    capabilities: {
      lifetimeMs: random.chance(0.3) ? random.pick([2_000, 10_000]) : 0,
      quotaOps: random.chance(0.15) ? 1 + random.below(20) : PLENTY,
    },
    faults: [
      ...faultsOf(DRAWN_TOGETHER, random, setup),
      ...(limits.tenantShare > 0 && tenants.chance(0.5) ? [faultOf(relabel, tenants, setup)] : []),
      ...DRAWN_ALONE.flatMap((fault) => faultsOf([fault], new Stream(seed, `swarm, ${fault.kind}`), setup)),
    ],
    goals: {},
    violates: null,
  };
}

const faultsOf = (kinds: readonly AnyScheduled[], random: Draws, setup: Setup): PlannedFault[] =>
  kinds
    .filter((kind) => random.chance(mayDamage([kind], 'disk') ? 0.06 : 0.25))
    .map((kind) => faultOf(kind, random, setup));

/** Some have little memory; never so little that dead letters fill it, which nobody consumes. */
function memoryBytesOf(random: Draws, { dlqMaxPerTopic, tenantShare }: Limits): number | null {
  if (!random.chance(tenantShare > 0 ? 0.6 : 0.3) || dlqMaxPerTopic > 10) return null;
  const bytes = (TOPICS_MAX * dlqMaxPerTopic + random.pick([1, 3, 20])) * MESSAGE_BYTES_MAX;
  // Beyond half of it a tenant may have to leave the rest to others.
  return tenantShare > 0 ? 2 * bytes : bytes;
}
/** Some remember few ended messages at a time. */
const windowBytesOf = (random: Draws): number | null => (random.chance(0.2) ? random.pick([15_000, 60_000]) : null);
const TOPICS_MAX = 4;
/** A payload of 3,000 bytes, its key, and what a message takes besides. */
const MESSAGE_BYTES_MAX = 5_000;

/** Some have a small disk; never one that dead letters fill up, which nobody consumes. */
function onDisk(random: Draws, setup: Setup): Setup {
  const diskBytes = random.pick([1_200_000, 2_000_000]);
  if (!random.chance(0.3) || setup.limits.dlqMaxPerTopic > 10) return setup;
  return { ...setup, diskBytes, settleMs: setup.settleMs + 2 * setup.limits.tReplayMs + ROOM_MS };
}
/** Most that it takes until a disk is looked at again on which nothing happens. */
const ROOM_MS = 120_000;

function limitsOf(random: Draws): Limits {
  const some = <T>(plain: T, ...others: readonly T[]): T => (random.chance(0.5) ? random.pick(others) : plain);
  const d = DEFAULT_LIMITS;
  const defaultVisibilityMs = random.pick([250, 500, 1_000, 2_000]);
  const backoffBaseMs = random.pick([1, 50, 200]);
  return {
    shardCapacity: some(d.shardCapacity, 1, 2, 5, 50),
    globalInflight: some(d.globalInflight, 1, 2, 10),
    dedupCapacity: some(d.dedupCapacity, 1, 3, 20, 200),
    settledCapacity: d.settledCapacity,
    dlqMaxPerTopic: some(d.dlqMaxPerTopic, 1, 2, 10),
    dlqCapacity: d.dlqCapacity,
    dlqRetentionMs: some(d.dlqRetentionMs, 1_000, 10_000),
    readyRetentionMs: some(d.readyRetentionMs, 500, 3_000, 20_000),
    defaultVisibilityMs,
    maxAttempts: random.pick([1, 2, 3, 5]),
    maxRedrives: random.pick([1, 2, 5]),
    inflightFactor: random.pick([1, 2, 10]),
    releasesMax: random.pick([0, 1, 3]),
    backoffBaseMs,
    backoffMaxMs: Math.max(backoffBaseMs, random.pick([100, 1_000, 5_000])),
    tReplayMs: random.pick([2, 5, 20]) * defaultVisibilityMs,
    tenantLabels: d.tenantLabels,
    tenantShare: 0,
    tenantReserve: d.tenantReserve,
    topicShare: 0,
    topicHash: d.topicHash,
  };
}

/** In some each tenant has its share of all bounds, which may be those of the shard's dead letters too (BD5). */
function sharedOf(random: Draws, limits: Limits): Limits {
  if (!random.chance(0.3)) return limits;
  const d = DEFAULT_LIMITS;
  // What nobody comes near to is not shared out.
  const tight = (bound: number, plain: number, ...others: readonly number[]): number =>
    bound === plain ? random.pick(others) : bound;
  return {
    ...limits,
    shardCapacity: tight(limits.shardCapacity, d.shardCapacity, 5, 10, 30),
    globalInflight: tight(limits.globalInflight, d.globalInflight, 4, 12),
    tenantLabels: random.pick([1, 2, 2, 2]),
    tenantShare: random.pick([10, 25, 50]),
    tenantReserve: random.pick([10, 20, 50]),
    dlqCapacity: random.pick([limits.dlqCapacity, 3, 10]),
  };
}

const hostileOf = (random: Draws): HostileRules => ({
  everyMs: random.pick([range(20, 60), range(50, 200)]),
  holds: random.pick([0, 0.5, 1]),
});

function setupOf(random: Draws, durationMs: number, limits: Limits): Setup {
  const nodes = random.chance(0.2) ? 2 : 1;
  const topics = nodes + random.below(3);
  const settleBy = random.chance(0.3) ? 'silence' : 'acks';
  const setup = {
    nodes,
    shards: 1 + random.below(3),
    topics,
    limits,
    durationMs,
    settleBy: settleBy as Setup['settleBy'],
    heals: nodes > 1 && random.chance(0.3) ? [random.below(nodes)] : null,
    syncMs: random.pick([range(0, 0), range(1, 3), range(1, 20), range(50, 500)]),
    skewMs: Array.from({ length: nodes }, () => random.pick(SKEWS_MS)),
    cacheTtlMs: random.pick([5_000, 30_000]),
    connectionsMax: random.chance(0.15) ? 8 + random.below(6) : 1024,
    memoryBytes: null,
    windowBytes: null,
    verifierMs: null,
    diskBytes: null,
    defect: null,
  };
  return { ...setup, settleMs: boundMs(setup) };
}

/**
 * What all there is may take to settle at most, with room: delays, leases and backoffs; everything that waits, so much at a
 * time as may be leased, each turn with its syncs, or taken by someone who says nothing with all its attempts; and windows
 * until there is room for another key; and a file of its own for each payload that is large; and a shard that is parked.
 */
function boundMs(setup: Omit<Setup, 'settleMs'>): number {
  const { limits, settleBy, topics, syncMs } = setup;
  const { maxAttempts, defaultVisibilityMs, backoffMaxMs, inflightFactor, globalInflight, shardCapacity, tReplayMs } =
    limits;
  const heldMs = DELAY_MS_MAX + inflightFactor * VISIBILITY_MS_MAX + backoffMaxMs;
  const turns = Math.ceil(Math.min(shardCapacity, WAITING_MAX) / Math.min(globalInflight, WAITING_MAX));
  const turnMs = settleBy === 'silence' ? maxAttempts * (defaultVisibilityMs + backoffMaxMs + 2_000) : 500;
  const filesMs = WAITING_MAX * SYNCS_OF_A_FILE * syncMs.max;
  const turnsTaken = limits.tenantShare > 0 ? 2 * turns : turns;
  return 2 * (heldMs + topics * tReplayMs + turnsTaken * (turnMs + 3 * syncMs.max) + filesMs + PARK_MS_MAX) + 60_000;
}
const WAITING_MAX = 1_000;
const SYNCS_OF_A_FILE = 4;
const DELAY_MS_MAX = 5_000;
const VISIBILITY_MS_MAX = 5_000;

function networkOf(random: Draws): NetworkRules {
  const rate = (): number => (random.chance(0.35) ? random.pick([0.01, 0.1, 0.3]) : 0);
  const latencyMs = random.pick([range(1, 1), range(1, 5), range(1, 50), range(20, 300)]);
  return { latencyMs, drop: rate(), duplicate: rate(), reorder: rate(), lostReply: rate(), gone: rate() };
}

/** Items of some batches come under capabilities of their own, where nobody else is asked about them. */
function batchOf(
  together: Draws,
  mixing: Draws,
  { verifierMs }: Setup,
): Pick<Schedule['producers'], 'batch' | 'mixed'> {
  const batch = together.chance(0.3) ? 2 + together.below(8) : 1;
  const isMixed = batch > 1 && verifierMs === null && mixing.chance(0.3);
  return { batch, mixed: isMixed ? mixing.pick([0.1, 0.5]) : 0 };
}

function producersOf(random: Draws): Omit<Schedule['producers'], 'batch' | 'mixed'> {
  const share = (): number => (random.chance(0.3) ? random.pick([0.05, 0.3, 1]) : 0);
  return {
    count: 1 + random.below(2),
    everyMs: random.pick([range(20, 100), range(50, 500), range(500, 2_000)]),
    poison: share(),
    delayed: share(),
    delayMs: range(1, DELAY_MS_MAX),
    mortal: share(),
    ttlMs: random.pick([range(1, 100), range(100, 3_000)]),
    repeated: share() / 2,
    clashing: share() / 2,
    damaged: share() / 2,
    bytes: random.pick([range(3, 3), range(0, 4), range(0, 40), range(0, 3_000)]),
  };
}

const consumersOf = (random: Draws): Omit<Schedule['consumers'][number], 'batching'> => ({
  kind: random.pick(TEMPER_NAMES),
  count: 1 + random.below(2),
  workMs: random.pick([range(1, 5), range(1, 100), range(100, 1_000)]),
  share: random.pick([0.1, 0.5, 1]),
  visibilityMs: random.chance(0.3) ? random.pick([250, 1_000, VISIBILITY_MS_MAX]) : 0,
  waitMs: random.pick([0, 0, 200, 1_000, 5_000]),
  messagesMax: random.pick([1, 2, 8]),
  bytesMax: random.chance(0.2) ? 1 + random.below(20) : 524_288,
  riding: random.chance(0.4) ? random.pick([0.5, 1]) : 0,
});

/** Some under a quota, and with so little credit that each step is one piece. */
function pacedOf(random: Draws, streams: Omit<Schedule['streams'][number], 'quotaOps'>): Schedule['streams'][number] {
  const quotaOps = random.chance(0.4) ? random.pick([1, 2, 5]) : 0;
  return { ...streams, quotaOps, credit: quotaOps === 0 ? streams.credit : Math.min(streams.credit, PIECE) };
}

const streamsOf = (random: Draws): Omit<Schedule['streams'][number], 'quotaOps'> => ({
  count: 1 + random.below(2),
  credit: random.pick([1, 2, 4, 16]),
  bytesMax: random.chance(0.2) ? 1 + random.below(20) : 524_288,
  messagesMax: random.pick([0, 0, 1, 5]),
  waitMs: random.pick([0, 200, 2_000]),
  takesMs: random.pick([range(0, 3), range(1, 100), range(500, 8_000)]),
  workMs: random.pick([range(1, 5), range(1, 100), range(100, 1_000)]),
  visibilityMs: random.chance(0.3) ? random.pick([250, 1_000, VISIBILITY_MS_MAX]) : 0,
  forgotten: random.pick([0, 0, 0.2, 1]),
  riding: random.pick([0, 0, 0.5]),
  lifeMs: random.pick([range(50, 500), range(500, 5_000), range(5_000, 30_000)]),
});

const observersOf = (random: Draws): ObserverRules => ({
  everyMs: random.pick([range(10, 100), range(200, 1_000)]),
  limit: random.pick([1, 3, 50]),
});

const listenersOf = (random: Draws): ListenerRules => ({
  takesMs: random.pick([range(0, 3), range(1, 100), range(500, 8_000)]),
  waitMs: random.pick([0, 500]),
  narrow: random.pick([0, 0.5]),
  lifeMs: random.pick([range(50, 500), range(1_000, 10_000)]),
});

/** So that there is something to put back. */
const REJECTING: Schedule['consumers'][number] = {
  ...{ kind: 'rejecting', count: 1, workMs: range(1, 20), share: 1, visibilityMs: 0, waitMs: 200 },
  ...{ messagesMax: 2, bytesMax: 524_288, riding: 0, batching: 0 },
};

const redriversOf = (random: Draws): RedriverRules => ({
  everyMs: random.pick([range(20, 200), range(200, 1_000)]),
  ratePerS: random.pick([0, 1, 2, 10]),
  dry: random.pick([0, 0, 0.3]),
  cancelled: random.pick([0, 0.1, 0.3]),
  foreign: random.pick([0, 0.2]),
  brief: random.pick([0, 0.5, 1]),
  revoked: random.pick([0, 0, 0.3]),
});

const adminOf = (random: Draws): NonNullable<Schedule['admin']> => ({
  everyMs: random.pick([200, 1_000, 5_000]),
  purge: random.pick([0, 0.3, 1]),
  ratePerS: random.chance(0.4) ? random.pick([1, 10, 1_000]) : 0,
});

function faultOf(definition: AnyScheduled, random: Draws, { durationMs, nodes }: Setup): PlannedFault {
  const { kind, by } = definition;
  const everyMs = random.chance(0.6)
    ? random.pick([range(500, 2_000), range(1_000, 5_000), range(5_000, 10_000)])
    : NEVER;
  const atMs = random.below(durationMs);
  const node = random.chance(0.5) ? random.below(nodes) : null;
  const who = random.pick(['all', 'all', 'producers', 'consumers'] as const);
  const forMs = random.pick([range(1, 200), range(200, 2_000), range(2_000, 10_000)]);
  const params = definition.draw(random, { who, forMs });
  return { kind, atMs, everyMs, ...(by === 'node' ? { node } : {}), ...params } as unknown as PlannedFault;
}
