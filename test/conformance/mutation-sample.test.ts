import { describe, expect, it } from 'vitest';
import { readEquivalents } from '../../tools/mutation/equivalents.ts';
import { type Choice, runKind } from '../../tools/mutation/run.ts';

const SAMPLE: Choice = { sample: 8, seed: 3, match: '', lanes: 1, thorough: false, fresh: true };

describe('mutation, by a few', () => {
  it('a sample: the canary dies, the unchanged lives, and so does no mutant but an equivalent one (V5)', async () => {
    const equivalents = readEquivalents();
    const { verdicts } = await runKind('code', SAMPLE, () => undefined);
    expect(verdicts).toHaveLength(8);
    for (const { mutant, verdict, by } of verdicts)
      expect(verdict, `${mutant.id} ${by}`).toBe(mutant.id in equivalents ? 'lives' : 'killed');
  }, 120_000);
});
