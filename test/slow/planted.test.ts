import { describe, expect, it } from 'vitest';
import { PLANTED } from '../sim/planted/bugs.ts';
import { find } from '../sim/planted/find.ts';

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
