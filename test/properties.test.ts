import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import fc, { Reached, seedOf } from './support/properties.ts';

describe('property tests', () => {
  it('a bound that a generator is given is one that it reaches', () => {
    const longest = (of: fc.Arbitrary<{ readonly length: number }>): number =>
      Math.max(...fc.sample(of, 200).map(({ length }) => length));
    expect(longest(fc.array(fc.nat(), { maxLength: 400 }))).toBeGreaterThan(350);
    expect(longest(fc.string({ maxLength: 400 }))).toBeGreaterThan(350);
    expect(longest(fc.uint8Array({ maxLength: 400 }))).toBeGreaterThan(350);
    expect(
      longest(fc.dictionary(fc.string({ maxLength: 9 }), fc.nat(), { maxKeys: 60 }).map(Object.keys)),
    ).toBeGreaterThan(50);
  });

  it('sizes reached: what was not, fails', () => {
    const reached = new Reached('sizes');
    for (const items of [3, 12, 5]) reached.saw({ items });
    reached.atLeast({ items: 12 });
    expect(() => reached.atLeast({ items: 13 })).toThrow(/sizes: items reached/);
    expect(() => reached.atLeast({ others: 1 })).toThrow(/sizes: others reached/);
  });

  it('draws the same cases whenever it runs, others if asked to', () => {
    const drawn = (seed: string | undefined): readonly number[] => {
      const cases: number[] = [];
      const property = fc.property(fc.nat(), (n) => void cases.push(n));
      fc.assert(property, { numRuns: 20, ...seedOf(seed) });
      return cases;
    };
    expect(seedOf(undefined)).toEqual({ seed: 1 });
    expect(drawn('7')).toEqual(drawn('7'));
    expect(drawn('7')).not.toEqual(drawn('8'));
    expect(seedOf('random')).toEqual({});
    expect(() => seedOf('any')).toThrow('SEED=any');
    if (process.env['SEED'] === undefined) expect(fc.readConfigureGlobal().seed).toBe(1);
  });

  it('every test takes fast-check from test/support/properties.ts, which sees to that', () => {
    const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const direct = files.filter((file) =>
      /from ["']fast-check["']/.test(readFileSync(resolve(import.meta.dirname, file), 'utf8')),
    );
    expect(direct).toEqual(['support/properties.ts']);
  });
});
