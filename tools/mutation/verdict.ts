import type { Mutant } from './mutants.ts';

export interface Verdict {
  readonly mutant: Mutant;
  /** `invalid`: it does not compile, and does not count. */
  readonly verdict: 'killed' | 'lives' | 'invalid';
  /** The model that saw it; `load`, `timeout` or `crash` when it does not get that far. */
  readonly by: string;
  /** What was seen. */
  readonly why: string;
}
