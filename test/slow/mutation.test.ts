import { describe, expect, it } from 'vitest';
import { faultsOf, readEquivalents } from '../../tools/mutation/equivalents.ts';
import { type Choice, runKind } from '../../tools/mutation/run.ts';

const ALL: Choice = { sample: undefined, seed: 0, match: '', lanes: 2, thorough: false, fresh: true };

describe('mutation', () => {
  it.each(['code', 'spec'] as const)(
    'every mutant of the %s is killed, but those that are equivalent (V5)',
    async (kind) => {
      const equivalents = readEquivalents();
      const { mutants, verdicts } = await runKind(kind, ALL, () => undefined);
      const alive = verdicts.filter(({ mutant, verdict }) => verdict === 'lives' && !(mutant.id in equivalents));
      expect(alive.map(({ mutant }) => mutant.id)).toEqual([]);
      const own = Object.fromEntries(
        Object.entries(equivalents).filter(([id]) => id.startsWith('tla/') === (kind === 'spec')),
      );
      expect(faultsOf(own, mutants, verdicts)).toEqual([]);
    },
    7_200_000,
  );
});
