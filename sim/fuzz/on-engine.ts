import { PARK_MS_MAX } from '../../spec/shard.machine.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { OF_ENGINE, type PlannedFault } from '../faults/index.ts';
import { type AnyScheduled, misplaced } from '../faults/lookup.ts';
import { range } from '../faults/usual.ts';
import type { Draws } from '../random.ts';
import type { Schedule } from '../schedule.ts';
import type { EngineSetup, Setup } from '../setup.ts';

const SKEWS_MS = [0, 0, 90_000, -90_000, 3_600_000];
/** A shard that is somebody else's, or cannot be had, is asked for again after so long at most; and then by the next node. */
const TAKEOVERS_MS = 4 * PARK_MS_MAX;

/** Draws faults of these kinds, in a world like this. */
export type DrawFaults = (kinds: readonly AnyScheduled[], setup: Setup) => PlannedFault[];

/** The same world, but that its nodes share the shards of an engine: without what a node has only for itself, and with what may happen to that. */
export function onEngine(drawn: Schedule, random: Draws, faultsOf: DrawFaults): Schedule {
  const nodes = 2 + random.below(3);
  const { setup, admin, producers } = drawn;
  const { tenantLabels } = DEFAULT_LIMITS;
  const shared: Setup = {
    ...setup,
    nodes,
    shards: 1 + random.below(4),
    topics: Math.max(nodes, setup.topics),
    limits: { ...setup.limits, tenantShare: 0, tenantLabels },
    heals: random.chance(0.3) ? [random.below(nodes)] : null,
    skewMs: Array.from({ length: nodes }, () => random.pick(SKEWS_MS)),
    settleMs: setup.settleMs + TAKEOVERS_MS,
    ...{ memoryBytes: null, windowBytes: null, verifierMs: null, diskBytes: null },
    engine: engineOf(random),
  };
  const misfits = new Set(['relabel', 'verifier_down']);
  return {
    ...drawn,
    setup: shared,
    producers: { ...producers, mixed: 0 },
    ...{ listeners: null, hostile: null, redrivers: null },
    admin: admin === null ? null : { ...admin, ratePerS: 0 },
    faults: [
      ...drawn.faults
        .filter(({ kind }) => misplaced(kind, true) === null && !misfits.has(kind))
        .map((fault) => ('node' in fault && fault.node !== null ? { ...fault, node: fault.node % nodes } : fault)),
      ...faultsOf(OF_ENGINE, shared),
    ],
  };
}

/** Fast enough for its leases: a node must be able to read a log before its lease is over. */
function engineOf(random: Draws): EngineSetup {
  const isNear = random.chance(0.7);
  return {
    leaseMs: random.pick(isNear ? [300, 1_000, 2_000, 15_000] : [2_000, 15_000]),
    wayMs: random.pick(isNear ? [range(1, 1), range(1, 5)] : [range(5, 50)]),
    runMs: random.pick([range(0, 1), range(1, 3), range(1, 20)]),
    standbyMs: random.pick([range(1, 1), range(1, 10), range(20, 100)]),
    lateMs: random.pick([range(20, 900), range(100, 5_000)]),
    isReplicated: true,
    answersMs: random.pick([500, 2_000]),
    snapshotBytes: random.pick([3_000, 32_768, 1_000_000]),
  };
}
