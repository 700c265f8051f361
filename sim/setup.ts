import type { Limits } from '../src/core/limits.ts';
import { type MemoryBounds, UNBOUNDED } from '../src/service/memory-budget.ts';
import type { Defect } from './defects.ts';
import type { Range } from './random.ts';

/** How the clients of the end phase behave: they ack what they get, or take it and say nothing. */
export const SETTLE_BY = ['acks', 'silence'] as const;

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
}

/** Small, so that segments fill and snapshots are made within a schedule; no frame is larger than a segment. */
export const SEGMENT_BYTES = 128 * 1024;

/** As replays of earlier versions have them, or have not. */
export const memoryBoundsOf = ({ memoryBytes, windowBytes }: Partial<Setup>): MemoryBounds => ({
  ...UNBOUNDED,
  memoryMax: memoryBytes ?? Number.POSITIVE_INFINITY,
  windowMax: windowBytes ?? Number.POSITIVE_INFINITY,
  appendMax: SEGMENT_BYTES,
});

export const isHealed = ({ heals }: Setup, node: number): boolean => heals === null || heals.includes(node);

/** Topics `sim.0`, `sim.1` .., each at one node. */
export const topicOf = ({ topics }: Setup, i: number): string => `sim.${i % topics}`;
export const nodeOfTopic = ({ nodes }: Setup, topic: string): number =>
  Number(topic.slice(topic.lastIndexOf('.') + 1)) % nodes;
