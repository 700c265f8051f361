import { emptyCells, GOAL_NAMES } from '../checkers/tally.ts';
import type { Schedule } from '../schedule.ts';
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
  /** Runs that broke the rule which their schedule says must be broken, by rule. */
  readonly expected: Record<string, number>;
  /** The most that one run reached of each goal of a named schedule: `crash-restart recoveries`. */
  readonly goals: Record<string, number>;
}

export const noCounts = (): BatchCounts => ({
  ...{ runs: 0, steps: 0, simulatedMs: 0, tally: {}, injected: {}, matrix: [], expected: {}, goals: {} },
});

type Part = Pick<RunResult, 'steps' | 'simulatedMs' | 'tally' | 'injected' | 'matrix'> &
  Partial<Pick<BatchCounts, 'runs' | 'goals' | 'expected'>>;

export function add(to: BatchCounts, part: Part): void {
  const { runs = 1, steps, simulatedMs, tally, injected, matrix, goals = {}, expected = {} } = part;
  to.runs += runs;
  to.steps += steps;
  to.simulatedMs += simulatedMs;
  for (const [name, count] of Object.entries(tally)) to.tally[name] = (to.tally[name] ?? 0) + count;
  for (const [name, count] of Object.entries(injected)) to.injected[name] = (to.injected[name] ?? 0) + count;
  for (const [rule, count] of Object.entries(expected)) to.expected[rule] = (to.expected[rule] ?? 0) + count;
  for (const [i, count] of matrix.entries()) to.matrix[i] = (to.matrix[i] ?? 0) + count;
  for (const [name, most] of Object.entries(goals)) to.goals[name] = Math.max(to.goals[name] ?? 0, most);
}

/** What a run reached of the goals of its schedule, by schedule and goal. */
export const goalsReached = ({ name, goals }: Schedule, tally: RunResult['tally']): Record<string, number> =>
  Object.fromEntries(Object.keys(goals).map((goal) => [`${name} ${goal}`, tally[goal] ?? 0]));

/** Goals of these schedules that none of their runs reached, with the most that one did. */
export const goalsMissed = (schedules: readonly Schedule[], reached: BatchCounts['goals']): string[] =>
  schedules.flatMap(({ name, goals }) =>
    Object.entries(goals)
      .map(([goal, least]) => ({ goal: `${name} ${goal}`, least }))
      .filter(({ goal, least }) => (reached[goal] ?? 0) < least)
      .map(({ goal, least }) => `${goal} ${reached[goal] ?? 0} of ${least}`),
  );

/** Goals that no run reached, and cells of the coverage matrix that none filled. */
export const neverReached = ({ tally, matrix }: BatchCounts): string[] => [
  ...GOAL_NAMES.filter((goal) => (tally[goal] ?? 0) === 0),
  ...emptyCells(matrix),
];
