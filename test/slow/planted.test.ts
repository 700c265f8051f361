import { describe, expect, it } from 'vitest';
import { FOUND_BY_SCHEDULE, PLANTED } from '../sim/planted/bugs.ts';
import { find, foundBy } from '../sim/planted/find.ts';
import { ON_ENGINE } from '../sim/planted/on-engine.ts';

describe('planted bugs, all of them', () => {
  const sizes: number[] = [];

  for (const bug of PLANTED) {
    it(`${bug.name}: found within two minutes on one core, its case minimal`, async () => {
      const found = await find(bug);
      expect(found?.minimal, bug.name).toBe(true);
      sizes.push(found?.elements ?? Number.POSITIVE_INFINITY);
    }, 240_000);
  }

  it('the median case has at most 12 elements', () => {
    sizes.sort((a, b) => a - b);
    expect(sizes).toHaveLength(PLANTED.length);
    expect(sizes[sizes.length >> 1]).toBeLessThanOrEqual(12);
  });
});

describe('planted bugs that take a world of their own', () => {
  for (const { bug, schedule, rule } of [...FOUND_BY_SCHEDULE, ...ON_ENGINE]) {
    it(`${bug.name}: the shipped schedule ${schedule} finds it`, async () => {
      expect(await foundBy(bug, schedule)).toBe(rule);
    }, 240_000);
  }
});
