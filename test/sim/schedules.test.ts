import { describe, expect, it } from 'vitest';
import { readSchedule, shippedNames } from '../../sim/files.ts';
import { asDeclared, exitCodeOf, formatResult } from '../../sim/report.ts';
import { runSchedule, type SimResult } from '../../sim/world.ts';

const shipped = shippedNames().map((name) => readSchedule(name));
const summary = ({ schedule, seed, verdict, missed }: SimResult): string =>
  `${schedule.name} seed ${seed}: ${verdict.kind} ${'detail' in verdict ? verdict.detail : ''} ${missed.join(', ')}`;

describe('shipped schedules', () => {
  it('there are at least five, and negative ones among them', () => {
    expect(shipped.length).toBeGreaterThanOrEqual(5);
    expect(shipped.filter((schedule) => schedule.violates !== null).length).toBeGreaterThanOrEqual(2);
  });

  for (const schedule of shipped) {
    it(`${schedule.name}: comes out as declared, twice with the same hash (AC1, RT4, V4)`, () => {
      const first = runSchedule(schedule);
      expect(asDeclared(first), summary(first)).toBe(true);
      expect(exitCodeOf(first)).toBe(schedule.violates === null ? 0 : 10);
      expect(runSchedule(schedule).hash).toBe(first.hash);
      expect(formatResult(first, 1)).toContain(first.hash);
    }, 120_000);
  }

  it('another seed is another run', () => {
    const schedule = readSchedule('lossy-network');
    const hashes = [1, 2, 3].map((seed) => runSchedule({ ...schedule, durationMs: 2_000, goals: {} }, seed).hash);
    expect(new Set(hashes).size).toBe(3);
  });

  it('seeds 100..139 of the schedules with faults hold, shortened (AC1, RT4, V4)', () => {
    for (let seed = 100; seed < 140; seed++) {
      for (const name of ['lossy-network', 'crash-restart', 'slow-consumers', 'poison-mix']) {
        const whole = readSchedule(name);
        const faults = whole.faults.map((fault) => ({ ...fault, atMs: Math.floor(fault.atMs / 12) }));
        const result = runSchedule({ ...whole, durationMs: 10_000, faults, goals: {} }, seed);
        expect(result.verdict.kind, summary(result)).toBe('held');
      }
    }
  });
});

describe('what makes a run fail', () => {
  const happy = readSchedule('happy-path');
  const short = { ...happy, durationMs: 2_000, goals: {} };

  it('a goal that was not reached fails the run and names both numbers', () => {
    const result = runSchedule({ ...short, goals: { recoveries: 3 } });
    expect(result.missed).toEqual(['recoveries 0 of 3']);
    expect(exitCodeOf(result)).toBe(11);
    expect(formatResult(result, 1)).toContain('GOALS MISSED: recoveries 0 of 3');
  });

  it('messages that nobody takes fail the liveness phase', () => {
    const result = runSchedule({ ...short, settleMs: 5_000, consumers: [] });
    expect(result.verdict.kind).toBe('liveness');
    expect(exitCodeOf(result)).toBe(11);
  });

  it('a negative schedule that holds fails, because it proved nothing', () => {
    const result = runSchedule({ ...short, violates: 'NoLossInv' });
    expect(exitCodeOf(result)).toBe(11);
    expect(asDeclared(result)).toBe(false);
    expect(formatResult(result, 1)).toContain('NOT CAUGHT: NoLossInv');
  });

  it('a violation of another invariant than the declared one is not as declared', () => {
    const negative = readSchedule('negative-reply-before-sync');
    expect(asDeclared(runSchedule({ ...negative, violates: 'CapacityInv' }))).toBe(false);
  });

  it('a capability that is revoked mid-flight gets nothing more, and says so (AU3)', () => {
    const result = runSchedule({
      ...short,
      durationMs: 10_000,
      faults: [{ kind: 'revoke', of: 'producers', atMs: 5_000, everyMs: 0 }],
      goals: { refused_auth: 1 },
    });
    expect(result.verdict.kind, summary(result)).toBe('held');
    expect(result.missed).toEqual([]);
    expect(result.tally['accepted']).toBeLessThan(runSchedule({ ...short, durationMs: 10_000 }).tally['accepted']!);
  });
});
