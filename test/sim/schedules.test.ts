import { describe, expect, it } from 'vitest';
import { asDeclared } from '../../sim/conclusion.ts';
import { readSchedule, shippedNames } from '../../sim/files.ts';
import { formatResult } from '../../sim/report/text.ts';
import { runSchedule, worldOf } from '../../sim/run.ts';
import {
  comesOutAsDeclared,
  hashesOnRecord,
  LONG_SCHEDULES,
  LONGEST_MS,
  SHIPPED,
  summary,
} from '../support/shipped.ts';

const UPDATE = process.env['UPDATE_DOCS'] === '1';
/** Those that take longest run in the system suite; all of them are put on record here. */
const SHORT = SHIPPED.filter(({ name }) => UPDATE || !LONG_SCHEDULES.includes(name));

describe('shipped schedules', () => {
  it('there are at least 25, negative ones among them, each named as its file and with a seed of its own', () => {
    expect(SHIPPED.length).toBeGreaterThanOrEqual(25);
    expect(SHIPPED.filter((schedule) => schedule.violates !== null).length).toBeGreaterThanOrEqual(4);
    expect(SHIPPED.map(({ name }) => name)).toEqual(shippedNames());
    expect(new Set(SHIPPED.map(({ seed }) => seed)).size).toBe(SHIPPED.length);
    if (!UPDATE) expect(Object.keys(hashesOnRecord)).toEqual(shippedNames());
    for (const { name, goals, violates, setup } of SHIPPED) {
      if (violates === null && setup.durationMs < LONGEST_MS) expect(Object.keys(goals), name).not.toEqual([]);
    }
  });

  it.each(SHORT)(
    '$name: comes out as declared, with the hash on record, and is a behaviour of the specification (AC1, RT4, V4, V5)',
    (schedule) => comesOutAsDeclared(schedule),
  );

  it('another seed is another run', () => {
    const schedule = readSchedule('lossy-network');
    const setup = { ...schedule.setup, durationMs: 2_000 };
    const hashes = [1, 2, 3].map((seed) => runSchedule({ ...schedule, setup, faults: [], goals: {} }, seed).hash);
    expect(new Set(hashes).size).toBe(3);
  });
});

describe('what makes a run fail', () => {
  const happy = readSchedule('happy-path');
  const short = { ...happy, setup: { ...happy.setup, durationMs: 2_000 }, goals: {} };

  it('a goal that was not reached fails the run and names both numbers', () => {
    const result = runSchedule({ ...short, goals: { recoveries: 3 } });
    expect(result.conclusion).toMatchObject({ kind: 'goals_missed', detail: 'recoveries 0 of 3' });
    expect(result.conclusion.exit).toBe(11);
    expect(formatResult(result, 1)).toContain('GOALS MISSED: recoveries 0 of 3');
  });

  it('messages that do not settle within the bound fail the liveness phase', () => {
    const result = runSchedule({
      ...short,
      setup: { ...short.setup, settleMs: 100, settleBy: 'silence' },
      consumers: [],
    });
    expect(result.verdict).toMatchObject({ kind: 'liveness', msgId: expect.stringMatching(/^[0-9A-Z]{26}$/) });
    expect(result.conclusion.exit).toBe(11);
  });

  it('only the nodes that heal are held to the bound; the others keep what they hold', () => {
    const lost = readSchedule('node-lost');
    const { world, driver } = worldOf(lost, lost.seed);
    expect(world.run(driver).verdict.kind).toBe('held');
    expect(world.nodes.map(({ isUp }) => isUp)).toEqual([true, false, true]);
    expect(world.watch.nodes[1]?.lifecycle.pending).toBeGreaterThan(0);
    expect(world.pending).toBe(0);
  });

  it('a negative schedule that holds fails, because it proved nothing', () => {
    const result = runSchedule({ ...short, violates: 'NoLossInv' });
    expect(result.conclusion.exit).toBe(11);
    expect(asDeclared(result.conclusion)).toBe(false);
    expect(formatResult(result, 1)).toContain('NOT CAUGHT: NoLossInv');
  });

  it('a violation of another invariant than the declared one is not as declared', () => {
    const negative = readSchedule('negative-reply-before-sync');
    expect(asDeclared(runSchedule({ ...negative, violates: 'CapacityInv' }).conclusion)).toBe(false);
  });

  it('a capability that is revoked mid-flight gets nothing more, and says so (AU3)', () => {
    const revoke = { kind: 'revoke', of: 'producers', atMs: 5_000, everyMs: { min: 0, max: 0 }, reissueMs: 0 } as const;
    const longer = { ...short, setup: { ...short.setup, durationMs: 10_000 } };
    const result = runSchedule({ ...longer, faults: [revoke], goals: { refused_auth: 1, revoked: 1 } });
    expect(result.conclusion.kind, summary(result)).toBe('held');
    expect(result.tally['accepted']).toBeLessThan(runSchedule(longer).tally['accepted']!);
  });
});
