import type { Range } from '../random.ts';
import { authFailures } from './auth-failures.ts';
import { authorityDown } from './authority-down.ts';
import { bitFlip } from './bit-flip.ts';
import { burst } from './burst.ts';
import { clockDrift } from './clock-drift.ts';
import { clockFreeze } from './clock-freeze.ts';
import { clockStep } from './clock-step.ts';
import { connectionFlood } from './connection-flood.ts';
import { crash } from './crash.ts';
import { dedupFlood } from './dedup-flood.ts';
import { FAMILIES, type Family, type Injected, type ParameterSet, type Planned } from './definition.ts';
import { delay, slowReader } from './delay.ts';
import { descriptors } from './descriptors.ts';
import { diskError } from './disk-error.ts';
import { diskFull } from './disk-full.ts';
import { drain } from './drain.ts';
import { engineCancel } from './engine-cancel.ts';
import { engineCut } from './engine-cut.ts';
import { engineFailover } from './engine-failover.ts';
import { engineFull } from './engine-full.ts';
import { enginePartition } from './engine-partition.ts';
import { engineLag, engineSlow } from './engine-slow.ts';
import { expired } from './expired.ts';
import { hotTopic } from './hot-topic.ts';
import { limits } from './limits.ts';
import { lostFile } from './lost-file.ts';
import { lostSync } from './lost-sync.ts';
import { MESSAGE_FAULTS } from './messages.ts';
import { misdirectedWrite } from './misdirected-write.ts';
import { partition } from './partition.ts';
import { pause } from './pause.ts';
import { poison } from './poison.ts';
import { powerCut } from './power-cut.ts';
import { relabel } from './relabel.ts';
import { replayStorm } from './replay-storm.ts';
import { revoke } from './revoke.ts';
import { keyring, rollover } from './rollover.ts';
import { shardKill } from './shard-kill.ts';
import { shortWrite } from './short-write.ts';
import { tailFlip } from './tail-flip.ts';
import { verifierDown } from './verifier-down.ts';

/** Drawn from one stream, in this order: a kind more or less here, or in another place, would make all drawn worlds others. */
export const DRAWN_TOGETHER = [
  ...([crash, drain, pause, partition, delay, slowReader, clockStep, clockFreeze, clockDrift] as const),
  ...([connectionFlood, burst, replayStorm, dedupFlood, hotTopic] as const),
  ...([authorityDown, revoke, rollover, authFailures] as const),
  ...([powerCut, diskError, diskFull, shortWrite, lostSync, bitFlip, misdirectedWrite, shardKill] as const),
] as const;

/** Drawn each from a stream of its own: here is the place of a new kind, which moves nothing that is drawn for another. */
export const DRAWN_ALONE = [lostFile, descriptors, limits, verifierDown, tailFlip, relabel] as const;

/** Of the engine that nodes share: drawn each from a stream of its own, where there is one. */
export const OF_ENGINE = [
  ...([engineFailover, engineCut, engineCancel, engineSlow, engineLag, engineFull, enginePartition] as const),
] as const;

/** The kinds that a schedule can have in its `faults`. */
export const SCHEDULED = [...DRAWN_TOGETHER, ...DRAWN_ALONE, ...OF_ENGINE] as const;
const CONSEQUENCES = [keyring] as const;
/** What happens to shares of the calls, all the time. */
export const INCIDENTAL = [...MESSAGE_FAULTS, poison, expired] as const;
export const ALL = [...SCHEDULED, ...CONSEQUENCES, ...INCIDENTAL] as const;

type Scheduled = (typeof SCHEDULED)[number];
type Definition = (typeof ALL)[number];

export type PlannedKind = Scheduled['kind'];
export const PLANNED_KINDS: readonly PlannedKind[] = SCHEDULED.map(({ kind }) => kind);

interface OnNode {
  /** Null: chance says which. */
  readonly node: number | null;
}
type PlannedOf<D> = D extends {
  readonly by: infer By;
  readonly kind: infer K;
  readonly parameters: infer P extends ParameterSet;
}
  ? { readonly kind: K } & (By extends 'node' ? OnNode : unknown) & Planned<P>
  : never;
/** A fault as a schedule has it: first at `atMs`, then every `everyMs` (0: once). */
export type PlannedFault = { readonly atMs: number; readonly everyMs: Range } & PlannedOf<Scheduled>;

type InjectedOf<D> = D extends {
  readonly by: 'node';
  readonly kind: infer K extends string;
  readonly parameters: infer P extends ParameterSet;
}
  ? Injected<K, P>
  : never;
/** One fault as it is injected. Times in ms, `node` by number. */
export type Fault = InjectedOf<Definition>;

/** As what faults are counted. Append-only: whoever reads the counts of runs knows them by these names. */
export type FaultKind = Definition['columns'][number];

const columnsOf = (family: Family): readonly FaultKind[] => [
  ...new Set(ALL.filter((fault) => fault.family === family).flatMap((fault): readonly FaultKind[] => fault.columns)),
];
export const FAULT_FAMILIES: readonly (readonly [Family, readonly FaultKind[]])[] = FAMILIES.map((family) => [
  family,
  columnsOf(family),
]);
/** The columns of the coverage matrix, family by family. */
export const FAULT_KINDS: readonly FaultKind[] = FAULT_FAMILIES.flatMap(([, kinds]) => kinds);
