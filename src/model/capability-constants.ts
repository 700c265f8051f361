import { type Constants, readConstants } from './constants.ts';
import type { Variables } from './graph.ts';
import { functionOver, NUMBER, names, subset, tuple } from './values.ts';

/** The constants of `tla/Capability.tla`; times are ticks. */
export interface CapabilityConstants {
  readonly N: number;
  readonly T: number;
  readonly NonceOf: readonly number[];
  readonly ParentOf: readonly number[];
  readonly Nonces: number;
  readonly Keys: number;
  readonly Life: number;
  readonly Narrowed: number;
  readonly Ttl: number;
  readonly RefusedTtl: number;
  readonly VerdictTtls: readonly number[];
  readonly AskMax: number;
  readonly MissesMax: number;
  readonly RevocationsMax: number;
  readonly Joins: boolean;
}

const NAMES: readonly (keyof CapabilityConstants)[] = [
  ...(['N', 'T', 'NonceOf', 'ParentOf', 'Nonces', 'Keys', 'Life', 'Narrowed', 'Ttl', 'RefusedTtl'] as const),
  ...(['VerdictTtls', 'AskMax', 'MissesMax', 'RevocationsMax', 'Joins'] as const),
];

export const readCapabilityConstants = (folder: string, name: string): CapabilityConstants =>
  readConstants(folder, name, NAMES) as Constants & CapabilityConstants;

/** What becomes of a question that one node asks another. */
export const STAGES = ['none', 'asked', 'valid', 'refused'] as const;
export type Stage = (typeof STAGES)[number];

export const capabilityVariables = (c: CapabilityConstants): Variables => {
  const things = c.Nonces + c.Keys;
  const each = functionOver(c.T, NUMBER);
  return [
    ['life', each],
    ['key', each],
    ['ring', subset(c.Keys)],
    ['grace', functionOver(things, NUMBER)],
    ['revoked', functionOver(c.N, subset(things))],
    ['entry', functionOver(c.N, each)],
    ['refused', functionOver(c.N, each)],
    ['question', functionOver(c.N, tuple(NUMBER, names(...STAGES), NUMBER, NUMBER, NUMBER))],
    ['misses', functionOver(c.N, NUMBER)],
    ['held', functionOver(c.N, tuple(NUMBER, NUMBER))],
  ];
};

/** Every action of `tla/Capability.tla` by the name TLC labels its steps with. */
export const CAPABILITY_ACTIONS = [
  ...(['Mint', 'Attenuate', 'Rotate', 'Retire', 'Revoke', 'Admit', 'Deny', 'Ask', 'Join', 'Judge', 'Vouch'] as const),
  ...(['Dismiss', 'Lose', 'Serve', 'Cut', 'End', 'Purge', 'Restart', 'Tick'] as const),
];
export type CapabilityAction = (typeof CAPABILITY_ACTIONS)[number];
