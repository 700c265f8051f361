import { emptyCells, GOAL_NAMES } from '../checkers/tally.ts';
import type { RunResult } from '../world.ts';

/** Fewer runs than this say nothing about what a batch never reaches. */
export const JUDGED_FROM = 2_000;

/** What a number of runs come to together. */
export interface BatchCounts {
  runs: number;
  steps: number;
  simulatedMs: number;
  readonly tally: Record<string, number>;
  readonly injected: Record<string, number>;
  readonly matrix: number[];
}

export const noCounts = (): BatchCounts => ({ runs: 0, steps: 0, simulatedMs: 0, tally: {}, injected: {}, matrix: [] });

type Part = Pick<RunResult, 'steps' | 'simulatedMs' | 'tally' | 'injected' | 'matrix'> & { readonly runs?: number };

export function add(to: BatchCounts, { runs = 1, steps, simulatedMs, tally, injected, matrix }: Part): void {
  to.runs += runs;
  to.steps += steps;
  to.simulatedMs += simulatedMs;
  for (const [name, count] of Object.entries(tally)) to.tally[name] = (to.tally[name] ?? 0) + count;
  for (const [name, count] of Object.entries(injected)) to.injected[name] = (to.injected[name] ?? 0) + count;
  for (const [i, count] of matrix.entries()) to.matrix[i] = (to.matrix[i] ?? 0) + count;
}

/** Goals that no run reached, and cells of the coverage matrix that none filled. */
export const neverReached = ({ tally, matrix }: BatchCounts): string[] => [
  ...GOAL_NAMES.filter((goal) => (tally[goal] ?? 0) === 0),
  ...emptyCells(matrix),
];
