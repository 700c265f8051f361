import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mutant } from './mutants.ts';
import type { Verdict } from './verdict.ts';

/** Mutants that no comparison of graphs can tell from the original, each with the reason why: by id, reviewed by hand. */
export type Equivalents = Readonly<Record<string, string>>;

export const EQUIVALENTS_FILE = join(import.meta.dirname, 'equivalents.json');
export const readEquivalents = (): Equivalents => JSON.parse(readFileSync(EQUIVALENTS_FILE, 'utf8')) as Equivalents;

/** What is wrong with the list: names of nothing, no reason, a mutant that was killed after all. */
export function faultsOf(
  equivalents: Equivalents,
  mutants: readonly Mutant[],
  verdicts: readonly Verdict[],
): readonly string[] {
  const known = new Set(mutants.map(({ id }) => id));
  return [
    ...Object.keys(equivalents)
      .filter((id) => !known.has(id))
      .map((id) => `equivalents: there is no mutant ${id}`),
    ...Object.entries(equivalents)
      .filter(([, reason]) => reason.length < 10)
      .map(([id]) => `equivalents: no reason for ${id}`),
    ...verdicts
      .filter(({ mutant, verdict }) => verdict === 'killed' && mutant.id in equivalents)
      .map(({ mutant, by, why }) => `equivalents: ${mutant.id} was killed by ${by}: ${why}`),
  ];
}
