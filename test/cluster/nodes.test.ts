import { describe, expect, it } from 'vitest';
import { NodesWorld } from '../support/nodes-world.ts';

const WORLDS = Number(process.env['WORLDS'] ?? 25);

describe('shipped nodes on one engine', () => {
  it('shards change hands all the time, whatever fails: no message that was accepted is lost, none that was acked comes again (AC1, AC3)', () => {
    const sum = { sent: 0, acked: 0, deliveries: 0 };
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= WORLDS; seed++) {
      const world = new NodesWorld(seed);
      world.run(8_000);
      expect(world.wrong(), `seed ${seed}`).toBe(null);
      sum.sent += world.sent.size;
      sum.acked += world.acked.size;
      sum.deliveries += world.deliveries.length;
      for (const node of world.nodes)
        for (const [what, count] of node.seen) seen.set(what, (seen.get(what) ?? 0) + count);
    }
    console.log(`${WORLDS} worlds:`, sum, Object.fromEntries(seen));
    expect(seen.get('gave up: halted')).toBe(undefined);
    expect(sum.sent).toBeGreaterThan(10 * WORLDS);
    expect(sum.acked).toBeGreaterThan(5 * WORLDS);
    expect(seen.get('gave up: not_owner')).toBeGreaterThan(WORLDS);
    expect(seen.get('snapshot')).toBeGreaterThan(5 * WORLDS);
  }, 240_000);

  it.each(['asynchronous engine', 'lease instead of the log'] as const)('a mistake is found: %s', (mistake) => {
    const found = (seed: number): string | null => {
      try {
        const world = new NodesWorld(seed, { mistake });
        world.run(8_000);
        return world.wrong();
      } catch (error) {
        return (error as Error).message;
      }
    };
    const first = Array.from({ length: 40 }, (_, i) => i + 1).find((seed) => found(seed) !== null);
    expect(first).toBeDefined();
    console.log(`${mistake}: seed ${first}: ${found(first as number)}`);
  });
});
