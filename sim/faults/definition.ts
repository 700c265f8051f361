import type { Group } from '../capabilities.ts';
import type { NodeClock } from '../clock.ts';
import type { Disk } from '../disk.ts';
import type { DiskTrouble, Tear } from '../disk-trouble.ts';
import type { Cut } from '../engine.ts';
import type { Draws, Range } from '../random.ts';
import type { VerifierTrouble } from '../verifier.ts';
import type { Parameter } from './parameters.ts';

export const FAMILIES = ['network', 'process', 'clock', 'load', 'authority', 'disk', 'engine'] as const;
export type Family = (typeof FAMILIES)[number];

/** What a fault may harm for good, so that the checkers must not ask for it any more in a run that has such a fault. */
export const HARMS = {
  clocks: 'durations on a node are not those of true time',
  disk: 'a disk may not have what it said to have, and its node may be lost by that',
} as const;
export type Harm = keyof typeof HARMS;

export type ParameterSet = Readonly<Record<string, Parameter<unknown, unknown>>>;
/** The parameters as a schedule has them, */
export type Planned<P extends ParameterSet> = {
  readonly [Name in keyof P]: P[Name] extends Parameter<infer T, infer _> ? T : never;
};
/** and as they are when chance has decided. */
export type Exact<P extends ParameterSet> = {
  readonly [Name in keyof P]: P[Name] extends Parameter<infer _, infer T> ? T : never;
};
/** A fault as it is injected, and as a replay file has it: no chance is left in it. */
export type Injected<K extends string, P extends ParameterSet> = {
  readonly kind: K;
  readonly node: number;
} & Exact<P>;

interface Described<K extends string> {
  readonly kind: K;
  readonly family: Family;
  /** What happens, in a line of the documentation. */
  readonly text: string;
  readonly mayDamage?: readonly Harm[];
}

/** What is drawn for every kind alike, whether it has use for it or not: so the draws of one do not depend on another. */
export interface CommonDraws {
  readonly who: Group | 'all';
  readonly forMs: Range;
}

// Methods and no properties below, so that a definition with parameters of its own is one of any parameters as well.

/** A fault that is done to one node, or to the links that lead to it. */
export interface NodeFault<K extends string, P extends ParameterSet, C extends string> extends Described<K> {
  readonly parameters: P;
  /** As what it is counted when not as its kind, and as which of these. */
  readonly counts?: { readonly as: readonly C[]; which(fault: Injected<K, P>): number };
  /** As a drawn schedule has it. */
  draw(random: Draws, common: CommonDraws): Planned<P>;
  /** How long it is there; without this `forMs` says it, and what has none has no end that is known. */
  lastsMs?(fault: Injected<K, P>): number;
  inject(at: Place, fault: Injected<K, P>): void;
}

/** A fault that other faults lead to: a replay has it, no schedule does. */
export type Consequence<K extends string, P extends ParameterSet, C extends string> = Omit<NodeFault<K, P, C>, 'draw'>;

/** A fault that consists in what clients or the authority do: a replay has their calls. */
export interface ClientFault<K extends string, P extends ParameterSet> extends Described<K> {
  readonly parameters: P;
  /** It is counted when it begins; otherwise where it arrives. */
  readonly isCounted?: false;
  draw(random: Draws, common: CommonDraws): Planned<P>;
  lastsMs?(params: Exact<P>): number;
  begin(clients: Clients, params: Exact<P>): void;
}

/** A fault that happens to a share of what is sent all the time: no entry of `faults`, but counted as the others are. */
export interface Incidental<K extends string> extends Described<K> {
  /** The field of a schedule that brings it about. */
  readonly field: string;
}

/** Where a fault is injected. */
export interface Place {
  readonly node: FaultyNode;
  readonly network: { trouble(trouble: LinkTrouble): () => void };
  /** That the nodes share; null where each has a disk. */
  readonly engine: FaultyEngine | null;
  readonly nowMs: number;
  /** Runs what ends it, so much later. */
  end(afterMs: number, run: () => void): void;
}

/** What faults do to the engine that nodes share. */
export interface FaultyEngine {
  failOver(): void;
  cancel(): void;
  slow(factor: number, forMs: number): void;
  lag(forMs: number): void;
  full(forMs: number): void;
}

/** What faults do to a node. */
export interface FaultyNode {
  readonly clock: NodeClock;
  readonly store: { readonly disk: Disk; readonly trouble: DiskTrouble };
  /** Its way to the engine; null where it has a disk. */
  readonly shared: { readonly client: { cut(how: Cut): void; partition(forMs: number, isSeen: boolean): void } } | null;
  readonly door: { flood(connections: number): () => void };
  crash(): void;
  start(): void;
  drain(forMs: number, exit: () => void): void;
  pause(forMs: number): void;
  killShard(shard: number): void;
  troubleVerifier(trouble: VerifierTrouble | null): void;
  /** Bounds of messages, leases and keys are at most this; null: as they were. */
  tighten(most: number | null): void;
  /** Labels of a topic that say whose it is; null: as it was. */
  relabel(labels: number | null): void;
  useKeys(keys: readonly number[]): void;
  stopAt(ops: number, tear: Tear, downMs: number): void;
  wallSet(): void;
  clockChanged(): void;
}

export type LinkTrouble = { readonly node: number; readonly who: Group | 'all' } & (
  | { readonly kind: 'partition'; readonly direction: 'both' | 'requests' | 'replies' }
  | { readonly kind: 'delay' | 'slow_reader'; readonly byMs: number }
);

/** What faults have clients do. */
export interface Clients {
  readonly random: Draws;
  readonly issuer: {
    revoke(group: Group, reissueMs: number): void;
    rollOver(overlapMs: number): void;
    goDown(forMs: number): void;
  };
  readonly strangers: readonly { storm(calls: number, forged: number, attenuated: number): void }[];
  /** Has producers do something so many times, one after the other. */
  inTurn(count: number, run: (producer: BusyProducer) => void): void;
  /** Any topic, as chance has it. */
  anyTopic(): string;
  /** Everyone sends to this topic from now on, or with null to their own. */
  sendTo(topic: string | null): void;
  later(afterMs: number, run: () => void): void;
}

export interface BusyProducer {
  /** Sends a new message within this time. */
  burst(withinMs: number): void;
  /** Sends an earlier one again. */
  replay(): void;
}

export interface Counted<C extends string> {
  /** As what it may be counted: columns of the coverage matrix. */
  readonly columns: readonly C[];
}

/** What does not say as what it is counted has its kind for `C`. */
const columns = <C extends string>(kind: string, counts?: { readonly as: readonly C[] }): Counted<C> => ({
  columns: counts?.as ?? [kind as C],
});

export const atNode = <const K extends string, const P extends ParameterSet, const C extends string = K>(
  fault: NodeFault<K, P, C>,
): NodeFault<K, P, C> & Counted<C> & { readonly by: 'node' } => ({
  ...fault,
  ...columns(fault.kind, fault.counts),
  by: 'node',
});

export const consequence = <const K extends string, const P extends ParameterSet, const C extends string = K>(
  fault: Consequence<K, P, C>,
): Consequence<K, P, C> & Counted<C> & { readonly by: 'node' } => ({
  ...fault,
  ...columns(fault.kind, fault.counts),
  by: 'node',
});

export const ofClients = <const K extends string, const P extends ParameterSet>(
  fault: ClientFault<K, P>,
): ClientFault<K, P> & Counted<K> & { readonly by: 'clients' } => ({ ...fault, ...columns(fault.kind), by: 'clients' });

export const incidental = <const K extends string>(
  fault: Incidental<K>,
): Incidental<K> & Counted<K> & { readonly by: 'share' } => ({ ...fault, ...columns(fault.kind), by: 'share' });
