import { describe, expect, it } from 'vitest';
import { MISTAKES } from '../support/cluster-mistakes.ts';
import { ClusterWorld } from '../support/cluster-world.ts';

const WORLDS = Number(process.env['WORLDS'] ?? 500);
/** A mistake must show in so many worlds. */
const MISTAKEN_MAX = 600;

describe('worlds: nodes over one engine', () => {
  it(
    'whatever goes wrong: what was answered is in the log, a term is of one node, and no owner answers after the next (AC1, R3)',
    () => {
      const sum = { answers: 0, takeovers: 0 };
      const faults = new Map<string, number>();
      const looks = new Map<string, number>();
      for (let seed = 1; seed <= WORLDS; seed++) {
        const world = new ClusterWorld(seed).run();
        expect(world.checker.breach, `seed ${seed}`).toBe(null);
        sum.answers += world.checker.answers;
        sum.takeovers += world.checker.takeovers;
        for (const [what, count] of world.faults) faults.set(what, (faults.get(what) ?? 0) + count);
        for (const [found, count] of world.checker.looks) looks.set(found, (looks.get(found) ?? 0) + count);
      }
      console.log(`${WORLDS} worlds:`, sum, Object.fromEntries(faults), Object.fromEntries(looks));
      expect(sum.answers).toBeGreaterThan(20 * WORLDS);
      expect(sum.takeovers).toBeGreaterThan(4 * WORLDS);
      expect([...looks.keys()].sort()).toEqual(['absent', 'foreign', 'present']);
    },
    Math.max(240_000, 100 * WORLDS),
  );

  it('the same seed is the same world', () => {
    const run = () => {
      const { checker, loop } = new ClusterWorld(7).run();
      return [checker.answers, checker.takeovers, [...checker.looks], loop.nowMs];
    };
    expect(run()).toEqual(run());
  });

  it.each(MISTAKES)(
    'a mistake is found: %s',
    (mistake) => {
      for (let seed = 1; seed <= MISTAKEN_MAX; seed++) {
        const { breach } = new ClusterWorld(seed, mistake).run().checker;
        if (breach === null) continue;
        console.log(`${mistake}: seed ${seed}: ${breach}`);
        return;
      }
      expect.unreachable(`${MISTAKEN_MAX} worlds are none the wiser`);
    },
    120_000,
  );
});
