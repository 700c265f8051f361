import type { ClientFault, Consequence, Counted, Harm, NodeFault, ParameterSet } from './definition.ts';
import { ALL, type Fault, type FaultKind, type PlannedKind, SCHEDULED } from './index.ts';

// A definition without the types of its parameters: who calls one must have got them by its kind.
type AnyInjected = Consequence<Fault['kind'], ParameterSet, FaultKind> & Counted<FaultKind>;
export type AnyScheduled = Counted<FaultKind> &
  (
    | (NodeFault<PlannedKind, ParameterSet, FaultKind> & { readonly by: 'node' })
    | (ClientFault<PlannedKind, ParameterSet> & { readonly by: 'clients' })
  );

export const INJECTED: readonly AnyInjected[] = ALL.filter((fault) => fault.by === 'node');
const byKind = <D extends { readonly kind: string }>(definitions: readonly D[]): ReadonlyMap<string, D> =>
  new Map(definitions.map((definition) => [definition.kind, definition]));
const injected = byKind(INJECTED);
const scheduled = byKind<AnyScheduled>(SCHEDULED);

export const injectedOf = (kind: Fault['kind']): AnyInjected => injected.get(kind)!;
export const scheduledOf = (kind: PlannedKind): AnyScheduled => scheduled.get(kind)!;

/** Why a kind of fault is none of a world with an engine, or without one; null where it is. */
export function misplaced(kind: PlannedKind, hasEngine: boolean): string | null {
  const { family } = scheduledOf(kind);
  if (family === 'engine' && !hasEngine) return 'needs topology: engine';
  return family === 'disk' && hasEngine ? 'nodes of an engine keep nothing on their disks' : null;
}

/** How long a fault lasts; 0 for one that has no end, or none that is known. */
export const lastsMs = (fault: Fault): number => lastingMs(injectedOf(fault.kind).lastsMs?.(fault), fault);

/** The same of any fault: what its definition says, or else for how long it was planned. */
export const lastingMs = (saidMs: number | undefined, params: object): number =>
  saidMs ?? ('forMs' in params ? Number(params.forMs) : 0);

/** As what a fault is counted. */
export function columnOf(fault: Fault): FaultKind {
  const { columns, counts } = injectedOf(fault.kind);
  return columns[counts?.which(fault) ?? 0] as FaultKind;
}

/** A fault as an earlier version wrote it down, and with it what was not said yet. */
export function completed(fault: Fault): Fault {
  const { parameters } = injectedOf(fault.kind);
  const unsaid = Object.entries(parameters).filter(
    ([name, { formerly }]) => formerly !== undefined && !(name in fault),
  );
  if (unsaid.length === 0) return fault;
  return { ...fault, ...Object.fromEntries(unsaid.map(([name, { formerly }]) => [name, formerly])) };
}

const harmful = (harm: Harm): ReadonlySet<string> =>
  new Set(ALL.filter(({ mayDamage }) => mayDamage?.includes(harm)).map(({ kind }) => kind));
const HARMFUL: Readonly<Record<Harm, ReadonlySet<string>>> = { clocks: harmful('clocks'), disk: harmful('disk') };

/** Whether one of these faults may do such harm. */
export const mayDamage = (faults: readonly { readonly kind: string }[], harm: Harm): boolean =>
  faults.some(({ kind }) => HARMFUL[harm].has(kind));
