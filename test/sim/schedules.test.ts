import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { asDeclared } from '../../sim/conclusion.ts';
import { SpecTrace } from '../../sim/export/trace.ts';
import { readSchedule, shippedNames } from '../../sim/files.ts';
import { formatResult } from '../../sim/report/text.ts';
import { runSchedule, type SimResult, worldOf } from '../../sim/run.ts';
import type { Schedule } from '../../sim/schedule.ts';
import { checkTrace } from '../../src/trace/check.ts';
import { explainTrace } from '../../src/trace/explain.ts';

/** A day is too long for here: the benchmark runs it whole. */
const LONGEST_MS = 30 * 60_000;

function shortened(schedule: Schedule): Schedule {
  if (schedule.setup.durationMs <= LONGEST_MS) return schedule;
  const faults = schedule.faults.filter(({ atMs }) => atMs < LONGEST_MS);
  return { ...schedule, faults, goals: {}, setup: { ...schedule.setup, durationMs: LONGEST_MS } };
}

/** Hashes that are committed, of runs in other processes on other machines, say more than a second run here. */
const HASHES = resolve(import.meta.dirname, 'shipped-hashes.json');
const hashes = JSON.parse(readFileSync(HASHES, 'utf8')) as Record<string, string>;
const UPDATE = process.env['UPDATE_DOCS'] === '1';
afterAll(() => {
  if (UPDATE) writeFileSync(HASHES, `${JSON.stringify(hashes, null, 2)}\n`);
});

const shipped = shippedNames().map((name) => shortened(readSchedule(name)));
const summary = ({ schedule, seed, conclusion }: SimResult): string =>
  `${schedule.name} seed ${seed}: ${conclusion.line}`;

describe('shipped schedules', () => {
  it('there are at least 25, negative ones among them, each named as its file and with a seed of its own', () => {
    expect(shipped.length).toBeGreaterThanOrEqual(25);
    expect(shipped.filter((schedule) => schedule.violates !== null).length).toBeGreaterThanOrEqual(4);
    expect(shipped.map(({ name }) => name)).toEqual(shippedNames());
    expect(new Set(shipped.map(({ seed }) => seed)).size).toBe(shipped.length);
    if (!UPDATE) expect(Object.keys(hashes)).toEqual(shippedNames());
    for (const { name, goals, violates, setup } of shipped) {
      if (violates === null && setup.durationMs < LONGEST_MS) expect(Object.keys(goals), name).not.toEqual([]);
    }
  });

  for (const schedule of shipped) {
    it(`${schedule.name}: comes out as declared, with the hash on record, and is a behaviour of the specification (AC1, RT4, V4, V5)`, () => {
      const lines: string[] = [];
      const first = runSchedule(schedule, undefined, { observers: [new SpecTrace(null, (line) => lines.push(line))] });
      expect(asDeclared(first.conclusion), summary(first)).toBe(true);
      expect(first.conclusion.exit).toBe(
        schedule.violates === null ? 0 : schedule.violates === 'DeliveredLive' ? 11 : 10,
      );
      if (UPDATE) hashes[schedule.name] = first.hash;
      expect(first.hash, 'UPDATE_DOCS=1 npx vitest run test/sim/schedules.test.ts puts it on record').toBe(
        hashes[schedule.name],
      );
      expect(formatResult(first, 1)).toContain(first.hash);
      if (schedule.violates !== null) return;
      const checked = checkTrace(lines.join(''));
      expect(checked.mismatch === null, explainTrace(checked, true)).toBe(true);
      expect(checked.matched).toBe(lines.length - 1);
    });
  }

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
