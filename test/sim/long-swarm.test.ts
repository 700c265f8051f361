import { describe, expect, it } from 'vitest';
import { ACTIONS, emptyCells, GOAL_NAMES } from '../../sim/checkers/tally.ts';
import { FAULT_KINDS } from '../../sim/faults/index.ts';
import { swarmSchedule } from '../../sim/fuzz/swarm.ts';
import { formatCoverage } from '../../sim/report/text.ts';
import { runSchedule } from '../../sim/run.ts';
import { replaysAlike } from '../support/replays.ts';

describe('swarm, longer', () => {
  it('seeds 1..200 hold, and reach all but a few goals and cells of the coverage matrix between them', () => {
    const reached = new Set<string>();
    const matrix = new Array<number>(ACTIONS.length * FAULT_KINDS.length).fill(0);
    for (let seed = 1; seed <= 200; seed++) {
      const result = runSchedule(swarmSchedule(seed));
      expect(result.verdict, `mailbox sim run swarm#${seed}`).toEqual({ kind: 'held' });
      for (const goal of Object.keys(result.tally)) reached.add(goal);
      for (const [i, count] of result.matrix.entries()) matrix[i]! += count;
    }
    expect(GOAL_NAMES.filter((goal) => !reached.has(goal))).toEqual([]);
    expect(emptyCells(matrix).length).toBeLessThan(matrix.length / 6);
    expect(formatCoverage(matrix)).toContain('partition');
  });

  it('seeds 6..20 go through the very same steps when they are replayed', () => {
    for (let seed = 6; seed <= 20; seed++) replaysAlike(swarmSchedule(seed));
  });
});
