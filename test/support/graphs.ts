import { expect } from 'vitest';
import { checkModel, type ModelCheck } from '../../src/model/check.ts';
import type { Model } from '../../src/model/models.ts';

/** Those that take longest. */
export const LARGE_MODELS: readonly string[] = [
  'MCCapability',
  'MCCrash',
  'MCDeadLetters',
  'MCGroupCommit',
  'MCLease',
  'MCLive',
  'MCMailbox',
  'MCNodes',
  'MCOverlap',
  'MCOwnersAsync',
  'MCOwnersLate',
  'MCOwnersPipe',
  'MCRollover',
  'MCSettled',
  'MCTenants',
];

/** Code and specification have the same states and steps, and what must happen does in the end. */
export function sameGraph(model: Model): Pick<ModelCheck, 'code' | 'never'> {
  const { verdict, code, spec, never, detail } = checkModel(model);
  expect(verdict, detail).toBe('equal');
  expect(code).toEqual(spec);
  if (!model.tiny) expect(code?.states).toBeGreaterThan(1000);
  return { code, never };
}
