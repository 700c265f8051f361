import { OWNERSHIP_STATES } from '../../spec/ownership.ts';
import { type Constants, readConstants } from './constants.ts';
import type { Variables } from './graph.ts';
import { functionOver, NUMBER, names, sequence, tuple } from './values.ts';

/** The constants of `tla/Ownership.tla`. */
export interface OwnershipConstants {
  readonly N: number;
  readonly LogMax: number;
  readonly FlightMax: number;
  readonly FailoversMax: number;
  readonly Late: boolean;
  readonly Synchronous: boolean;
}

const NAMES: readonly (keyof OwnershipConstants)[] = [
  ...(['N', 'LogMax', 'FlightMax', 'FailoversMax', 'Late', 'Synchronous'] as const),
];

export const readOwnershipConstants = (folder: string, name: string): OwnershipConstants =>
  readConstants(folder, name, NAMES) as Constants & OwnershipConstants;

/** What a frame is: the first of a term, something that was appended, or what only settles the frames before it. */
export const FRAME_KINDS = ['started', 'data', 'nothing'] as const;
export type FrameKind = (typeof FRAME_KINDS)[number];

/** Where the statement of a frame is; nobody answers `none`. */
export const PLACES = ['way', 'done', 'refused', 'none'] as const;
export type StatementPlace = (typeof PLACES)[number];

/** Term, node and kind of every frame up to this one. */
const chain = ({ LogMax }: OwnershipConstants) => sequence(LogMax, tuple(NUMBER, NUMBER, names(...FRAME_KINDS)));

export const ownershipVariables = (c: OwnershipConstants): Variables => [
  ['log', sequence(c.LogMax, chain(c))],
  ['standby', NUMBER],
  ['failovers', NUMBER],
  ['mode', functionOver(c.N, names(...OWNERSHIP_STATES))],
  ['known', functionOver(c.N, chain(c))],
  ['flight', functionOver(c.N, sequence(c.LogMax, tuple(chain(c), names(...PLACES))))],
  ['late', functionOver(c.N, chain(c))],
  ['told', chain(c)],
];

/** Every action of `tla/Ownership.tla` by the name TLC labels its steps with. */
export const OWNERSHIP_ACTIONS = [
  ...(['Claim', 'Granted', 'Denied', 'Read', 'Misread', 'Send', 'Answer', 'Refuse', 'Look', 'HandOver'] as const),
  ...(['Lapse', 'Cut', 'Execute', 'Arrive', 'Replicate', 'Failover'] as const),
];
export type OwnershipAction = (typeof OWNERSHIP_ACTIONS)[number];
