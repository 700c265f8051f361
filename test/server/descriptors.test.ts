import { describe, expect, it } from 'vitest';
import { DescriptorBudget, needDescriptors } from '../../src/server/descriptors.ts';
import fc from '../support/properties.ts';

describe('limit of open files', () => {
  it('the server never takes more than it allows; fewer connections are told with the sum, too few are refused with it', () => {
    const count = fc.integer({ min: 0, max: 3_000 });
    const seen = { all: 0, fewer: 0, refused: 0 };
    fc.assert(
      fc.property(count, count, count, fc.integer({ min: 1, max: 65_536 }), (limit, inUse, others, asked) => {
        let budget: DescriptorBudget;
        try {
          budget = new DescriptorBudget(others, limit, inUse);
        } catch (error) {
          seen.refused++;
          const { message } = error as Error;
          expect(inUse + others + 16).toBeGreaterThan(limit - 64);
          for (const said of [`RLIMIT_NOFILE) is ${limit},`, `in all: raise it`]) expect(message).toContain(said);
          return;
        }
        const allowed = budget.connections(asked);
        expect(allowed + inUse + others).toBeLessThanOrEqual(limit);
        expect(allowed).toBeLessThanOrEqual(asked);
        if (allowed === asked) {
          seen.all++;
          expect(budget.shortage(asked)).toBeNull();
          return;
        }
        seen.fewer++;
        expect(budget.shortage(asked)).toMatch(
          `max_connections is ${asked}, but the limit of open files (RLIMIT_NOFILE) is ${limit}`,
        );
        expect(budget.shortage(asked)).toMatch(`${allowed} connections are let in at once`);
        // With what it says that it takes, it lets all in.
        const enough = Number(/ to (\d+)$/.exec(budget.shortage(asked) ?? '')?.[1]);
        expect(new DescriptorBudget(others, enough, inUse).connections(asked)).toBe(asked);
      }),
      { numRuns: 500 },
    );
    for (const times of Object.values(seen)) expect(times).toBeGreaterThan(5);
  });

  it('where the system does not tell one, all connections are let in', () => {
    expect(new DescriptorBudget(0, null, 0).connections(65_536)).toBe(65_536);
    expect(new DescriptorBudget(0, Number.POSITIVE_INFINITY, 9).shortage(65_536)).toBeNull();
    needDescriptors(null);
  });

  it('with too few to load the program the start is refused, and says how many are needed', () => {
    needDescriptors(256);
    expect(() => needDescriptors(255)).toThrow(
      'the limit of open files (RLIMIT_NOFILE) is 255, the server needs 256 at least: raise it (`ulimit -Hn`, or LimitNOFILE= of the unit)',
    );
  });
});
