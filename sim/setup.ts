import type { Limits } from '../src/core/limits.ts';
import { type MemoryBounds, UNBOUNDED } from '../src/service/memory-budget.ts';
import type { Defect } from './defects.ts';
import type { Range } from './random.ts';

/** How the clients of the end phase behave: they ack what they get, or take it and say nothing. */
export const SETTLE_BY = ['acks', 'silence'] as const;

/** Who keeps what: each node is a mailbox of its own with a disk, or all share the shards of one engine. */
export const TOPOLOGIES = ['separate', 'engine'] as const;

/** The engine that the nodes of a world share. Times in ms of simulated time. */
export interface EngineSetup {
  readonly leaseMs: number;
  /** One way between a node and the engine, what a statement takes there, and the way to its standby. */
  readonly wayMs: Range;
  readonly runMs: Range;
  readonly standbyMs: Range;
  /** How late a statement may be executed whose connection is gone. */
  readonly lateMs: Range;
  /** Answers wait for the standby. */
  readonly isReplicated: boolean;
  /** What is not answered by then will not be. */
  readonly answersMs: number;
  /** A log that is longer than this since its last snapshot gets another one. */
  readonly snapshotBytes: number;
}

/** The world that a schedule and a replay file have in common. Times in ms of simulated time. */
export interface Setup {
  readonly nodes: number;
  /** Of each node. */
  readonly shards: number;
  readonly topics: number;
  readonly limits: Limits;
  readonly durationMs: number;
  /** How long everything may take to settle once the faults are over. */
  readonly settleMs: number;
  readonly settleBy: (typeof SETTLE_BY)[number];
  /** The nodes that run again in the end; the others are gone for good, with what they hold. Null: all of them. */
  readonly heals: readonly number[] | null;
  /** How long the journal takes to sync. */
  readonly syncMs: Range;
  /** How far the wall clock of each node is off when it starts; a node not named is right. */
  readonly skewMs: readonly number[];
  readonly cacheTtlMs: number;
  readonly connectionsMax: number;
  /** Of all messages that live at a node, and of what it remembers of those that ended (BD0); null for any number. */
  readonly memoryBytes: number | null;
  readonly windowBytes: number | null;
  /** Capabilities are verified by somebody else, who answers in this time; null: by the node. */
  readonly verifierMs: Range | null;
  /** Size of the disk of each node, all the time; null for one that is never full by itself. */
  readonly diskBytes: number | null;
  readonly defect: Defect | null;
  /** Null: each node keeps what it has itself. Replays of earlier versions do not say. */
  readonly engine?: EngineSetup | null;
}

/** Small, so that segments fill and snapshots are made within a schedule; no frame is larger than a segment. */
export const SEGMENT_BYTES = 128 * 1024;

/** As replays of earlier versions have them, or have not. */
export const memoryBoundsOf = ({ memoryBytes, windowBytes, engine = null }: Partial<Setup>): MemoryBounds => ({
  ...UNBOUNDED,
  memoryMax: memoryBytes ?? Number.POSITIVE_INFINITY,
  windowMax: windowBytes ?? Number.POSITIVE_INFINITY,
  ...(engine === null ? { appendMax: SEGMENT_BYTES } : {}),
});

/** How far the clocks of two nodes of an engine may be apart: as far as it takes to ask it, when a pause comes between question and answer. */
export const apartMsOf = (engine: EngineSetup | null): number => (engine === null ? 0 : 2 * engine.leaseMs);

export const isHealed = ({ heals }: Setup, node: number): boolean => heals === null || heals.includes(node);

/** Topics `sim.0`, `sim.1` .., each at one node, or asked for there first. */
export const topicOf = ({ topics }: Setup, i: number): string => `sim.${i % topics}`;
export const nodeOfTopic = ({ nodes }: Setup, topic: string): number =>
  Number(topic.slice(topic.lastIndexOf('.') + 1)) % nodes;
