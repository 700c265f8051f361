import { describe, expect, it } from 'vitest';
import { asDeclared, type Conclusion, conclude, type Expectations, type Verdict } from '../../sim/conclusion.ts';
import { readSchedule } from '../../sim/files.ts';
import { noCounts } from '../../sim/fuzz/batch.ts';
import { bring } from '../../sim/fuzz/hunt.ts';
import { concludeReplay, expectationsOf, formatReplay, parseReplay, replayOf } from '../../sim/replay/file.ts';
import { play } from '../../sim/replay/player.ts';
import { Recorder } from '../../sim/replay/recorder.ts';
import { formatHtml } from '../../sim/report/html.ts';
import { Recording } from '../../sim/report/recording.ts';
import {
  concludeBatch,
  formatBatch,
  formatCatch,
  formatResult,
  jsonOf,
  formatReplay as told,
} from '../../sim/report/text.ts';
import { resultOf, worldOf } from '../../sim/run.ts';
import type { Schedule } from '../../sim/schedule.ts';

const nothing: Expectations = { goals: {}, violates: null };
const safety: Verdict = { kind: 'safety', rule: 'RevokedProp', detail: 'RevokedProp: late', msgId: 'M' };
const liveness: Verdict = { kind: 'liveness', detail: 'one is left', msgId: 'M' };
const held: Verdict = { kind: 'held' };

const CASES: [string, Verdict, Partial<Expectations>, Partial<Conclusion>][] = [
  ['held', held, { goals: { acked: 2 } }, { kind: 'held', line: 'held', exit: 0 }],
  [
    'a goal missed',
    held,
    { goals: { acked: 3 } },
    { kind: 'goals_missed', line: 'GOALS MISSED: acked 2 of 3', exit: 11 },
  ],
  ['not caught', held, { violates: 'LE1' }, { kind: 'not_violated', rule: 'LE1', exit: 11 }],
  ['safety', safety, {}, { kind: 'safety', expected: false, rule: 'RevokedProp', exit: 10 }],
  ['safety, as expected', safety, { violates: 'RevokedProp' }, { kind: 'safety', expected: true, exit: 10 }],
  ['safety of another rule', safety, { violates: 'LE1' }, { kind: 'safety', expected: false, exit: 10 }],
  ['liveness', liveness, {}, { kind: 'liveness', expected: false, rule: 'DeliveredLive', exit: 11 }],
  ['liveness, as expected', liveness, { violates: 'DeliveredLive' }, { kind: 'liveness', expected: true, exit: 11 }],
  ['crashed', { kind: 'crashed', detail: 'x' }, { violates: 'LE1' }, { kind: 'crashed', expected: false, exit: 13 }],
];

describe('conclusion', () => {
  for (const [what, verdict, expects, conclusion] of CASES) {
    it(`${what}: kind, rule, line, badge and exit code agree`, () => {
      const found = conclude({ verdict, tally: { acked: 2 } }, { ...nothing, ...expects });
      expect(found).toMatchObject(conclusion);
      expect(found.exit === 0).toBe(found.kind === 'held');
      expect(/held/i.test(found.line + found.badge)).toBe(found.kind === 'held');
      expect(/as this schedule expects/.test(found.line)).toBe(found.expected);
      expect(/as this schedule expects/.test(found.badge)).toBe(found.expected);
      expect(asDeclared(found)).toBe(what === 'held' || what.includes('as expected'));
    });
  }
});

/** A run, and everything that is ever said of it: text, JSON, page, replay file, the replay of that, a batch of it alone. */
function sayings(schedule: Schedule) {
  const [recorder, recording] = [new Recorder(), new Recording()];
  const { world, driver } = worldOf(schedule, schedule.seed, { observers: [recorder, recording], fingerprint: true });
  const result = resultOf(schedule, schedule.seed, world.run(driver));
  const about = { title: schedule.name, from: 'x#1', version: 'v', minimal: false };
  const saved = replayOf(
    recorder.script(world),
    { world, run: result },
    { ...about, expects: expectationsOf(schedule, result.tally) },
  );
  const read = parseReplay(formatReplay(saved), 'f');
  const { run } = play(read.script);
  const replayed = concludeReplay(run, read.expects);
  const page = formatHtml(
    recording.data(result, result.conclusion, { title: 't', description: 'd', seed: '1', version: 'v', repeat: 'r' }),
  );
  return {
    result,
    text: /^verdict +(.*)$/m.exec(formatResult(result, 1))?.[1],
    json: jsonOf(result, 1) as { verdict: Conclusion; exit: number },
    title: /<title>(.*)<\/title>/.exec(page)?.[1],
    page: JSON.parse(/id="run">(.*)<\/script>/.exec(page)?.[1] ?? '').verdict as Conclusion,
    recorded: saved.verdict.kind,
    replayed,
    replayText: /^verdict +(.*)$/m.exec(told('f', read, run, replayed, 1))?.[1],
  };
}

describe('what is said of a run is the same everywhere', () => {
  const happy = readSchedule('happy-path');
  const short: Schedule = { ...happy, setup: { ...happy.setup, durationMs: 2_000 }, goals: {} };
  const RUNS: [string, Schedule, Conclusion['kind'], boolean][] = [
    ['held', { ...short, goals: { accepted: 1 } }, 'held', false],
    ['a goal missed', { ...short, goals: { recoveries: 3 } }, 'goals_missed', false],
    ['a goal missed that only clients count', { ...short, goals: { renewed: 3 } }, 'goals_missed', false],
    ['a violation that does not come', { ...short, violates: 'NoLossInv' }, 'not_violated', false],
    ['an expected violation', readSchedule('negative-reply-before-sync'), 'safety', true],
    ['a violation', { ...readSchedule('negative-reply-before-sync'), violates: null }, 'safety', false],
    ['an expected end that never comes', readSchedule('negative-stuck-clock'), 'liveness', true],
  ];
  for (const [what, schedule, kind, expected] of RUNS) {
    it(`${what}: text, JSON, page, replay`, () => {
      const { result, text, json, title, page, recorded, replayed, replayText } = sayings(schedule);
      const { line, exit, badge } = result.conclusion;
      expect([result.conclusion.kind, result.conclusion.expected]).toEqual([kind, expected]);
      expect([text, json.verdict.kind, json.verdict.line, json.exit]).toEqual([line, kind, line, exit]);
      expect([title, page.kind, page.badge]).toEqual([`t: ${badge}`, kind, badge]);
      expect([recorded, replayed.kind, replayed.line, replayText]).toEqual([kind, kind, line, line]);
      expect(replayed).toEqual(result.conclusion);
    });
  }

  it('clients count what a script does not: a replay goes by what they counted', () => {
    const lossy = readSchedule('lossy-network');
    const goals = { send_retries: 1, settle_retries: 1 };
    const { replayed } = sayings({ ...lossy, faults: [], goals, setup: { ...lossy.setup, durationMs: 5_000 } });
    expect(replayed.goals.every(({ reached }) => reached > 0)).toBe(true);
  });
});

describe('what is said of a batch', () => {
  const batch = {
    ...{ counts: { ...noCounts(), runs: 3 }, caught: [], fromSeed: 1, lastSeed: 3, schedules: ['x'], missed: [] },
    ...{ seconds: 1, workers: 1, version: 'v' },
  };
  const verdictIn = (text: string): string => /^verdict +(.*)$/m.exec(text)?.[1] ?? '';

  it('a violation that must come and did not is no success, and is named', () => {
    const happy = readSchedule('happy-path');
    const schedule: Schedule = { ...happy, setup: { ...happy.setup, durationMs: 500 }, violates: 'NoLossInv' };
    const { world, driver } = worldOf({ ...schedule, goals: {} }, 1);
    const result = resultOf({ ...schedule, goals: {} }, 1, world.run(driver));
    const found = bring({ schedule, seed: 1 }, result, { folder: 'x', version: 'v', shrinkMs: 1, nowMs: () => 0 });
    expect(formatCatch(found)).toMatch(/NOT CAUGHT: NoLossInv.*\n.*nothing was broken/);
    const one = { ...batch, caught: [found] };
    expect(concludeBatch(one)).toMatchObject({ kind: 'violated', exit: 11, line: '1 violation: NoLossInv not caught' });
    expect(verdictIn(formatBatch(one))).toBe('1 violation: NoLossInv not caught');
  });

  it('expected violations say so; goals that no run reached are not held', () => {
    const expected = { ...batch, counts: { ...batch.counts, expected: { RevokedProp: 3 } } };
    expect(concludeBatch(expected)).toMatchObject({ kind: 'as_expected', exit: 0 });
    expect(verdictIn(formatBatch(expected))).toBe('VIOLATED, as the schedules expect: RevokedProp in 3 of 3 runs');
    expect(concludeBatch({ ...batch, missed: ['x acked 0 of 1'] })).toMatchObject({ kind: 'never_reached', exit: 11 });
    expect(concludeBatch(batch)).toMatchObject({ kind: 'held', exit: 0, line: 'held' });
  });
});
