import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AnswersLog } from '../../sim/export/answers.ts';
import { readSchedule } from '../../sim/files.ts';
import { runSchedule } from '../../sim/run.ts';
import { checkHistory, explainHistory, violationsOf } from '../../src/trace/history/check.ts';
import type { Op } from '../../src/trace/history/format.ts';
import { HISTORY_RULES } from '../../src/trace/history/rules.ts';
import fc from '../support/properties.ts';
import { BROKEN, GOOD, HEADER, send, textOf } from './histories.ts';

const brokenIn = (ops: readonly Op[], header = HEADER): string[] => [
  ...new Set(violationsOf(header, ops).map(({ rule }) => rule)),
];

describe('histories: what clients may see (V7)', () => {
  it.each(Object.entries(GOOD))('%s: holds', (_, ops) => {
    expect(checkHistory(textOf(ops)).violations).toEqual([]);
  });

  it.each(Object.entries(BROKEN))('%s: does not, by its rule', (_, { ops, breaks }) => {
    expect(brokenIn(ops)).toEqual(breaks);
    // The order of the lines says nothing.
    expect(brokenIn([...ops].reverse())).toEqual(breaks);
  });

  it('each rule is broken by something, and stands in tla/History.tla under its name', () => {
    const module = readFileSync(resolve(import.meta.dirname, '../../tla/History.tla'), 'utf8');
    const names = HISTORY_RULES.map(({ name }) => name);
    expect(new Set(Object.values(BROKEN).flatMap(({ breaks }) => breaks))).toEqual(new Set(names));
    expect([...module.matchAll(/^(\w+(?:Prop|Inv)) ==/gm)].map(([, name]) => name)).toEqual(names);
    expect([...module.matchAll(/^ASSUME Judge\("(\w+)", \1\)$/gm)].map(([, name]) => name)).toEqual(names);
  });

  it('nothing is said of durations where the clocks are not those of the clients', () => {
    const timed = ['IdempotentInv', 'SingleLeaseProp', 'LateProp', 'RepeatProp'];
    for (const { ops, breaks } of Object.values(BROKEN)) {
      const left = brokenIn(ops, { ...HEADER, true_clocks: false });
      for (const rule of left) expect(breaks).toContain(rule);
      if (breaks.every((rule) => !timed.includes(rule)) && !breaks.includes('DuplicateProp'))
        expect(left).toEqual(breaks);
    }
  });

  it.each([
    ['', 'line 1: empty: the first line is a header'],
    ['{}\n', 'line 1: history: must be "svc-mailbox"; the first line is a header'],
    [textOf([], { ...HEADER, version: 2 as 1 }), 'line 1: version: 2, this reads 1'],
    [textOf([]).replace('MaxAttempts', 'Most'), 'line 1: constants.Most: unknown field'],
    [textOf([send('a', [0, 10])]).slice(0, -9), 'line 2: cut off: the last line has no end'],
    [textOf([send('a', [10, 0])]), 'line 2: end_ms: 0: must be a whole number, at least 10'],
    [textOf([send('a', [0, null])]), 'line 2: end_ms: accepted is an answer, and must have come'],
    [
      textOf([send('a', [0, 1], { result: 'ok' })]),
      'line 2: result: of send one of accepted, duplicate, mismatch, refused, unknown, not "ok"',
    ],
    [textOf([send('a', [0, 1], { topic: undefined as never })]), 'line 2: topic: missing, of a send'],
    [textOf([{ ...send('a', [0, 1]), more: 1 } as Op]), 'line 2: more: unknown field'],
    [textOf([{ ...send('a', [0, 1]), got: [] } as Op]), 'line 2: got: of a recv that was ok, and of no other call'],
  ])('bad input %#: one line that names line and field', (text, says) => {
    expect(() => checkHistory(text)).toThrow(says);
  });

  it('is told with the lines that show it', () => {
    const { ops } = BROKEN['a key accepted twice'] as { ops: readonly Op[] };
    expect(explainHistory(checkHistory(textOf(ops)))).toBe(
      'IdempotentInv: lines 2, 3: accepted as m-a and as m-b\nDOES NOT HOLD: 2 calls',
    );
  });

  it.each(['lossy-network', 'slow-readers', 'engine-failovers'])('what clients of %s saw holds', (name) => {
    const schedule = readSchedule(name);
    const log = new AnswersLog(null);
    runSchedule({ ...schedule, setup: { ...schedule.setup, durationMs: 20_000 } }, schedule.seed, { observers: [log] });
    const { ops, violations } = checkHistory(log.text());
    expect(ops.length).toBeGreaterThan(300);
    expect(violations).toEqual([]);
  });

  it('property: of a history from a run, an answer that is made up, taken away or moved is never taken for what it was not', () => {
    const schedule = readSchedule('lossy-network');
    const log = new AnswersLog(null);
    runSchedule({ ...schedule, setup: { ...schedule.setup, durationMs: 5_000 } }, schedule.seed, { observers: [log] });
    const { header, ops } = checkHistory(log.text());
    const deliveries = ops.flatMap((op, at) => (op.got ?? []).map((_, nth) => ({ at, nth })));
    expect(deliveries.length).toBeGreaterThan(20);
    const pick = fc.integer({ min: 0, max: deliveries.length - 1 });
    fc.assert(
      fc.property(pick, fc.constantFrom('payload_hash', 'idem_key', 'attempt'), (n, field) => {
        const { at, nth } = deliveries[n] as { at: number; nth: number };
        const op = ops[at] as Op;
        const got = (op.got ?? []).map((one, i) =>
          i !== nth ? one : { ...one, [field]: typeof one[field as 'attempt'] === 'number' ? 1_000 : 'made up' },
        );
        const changed = ops.map((one, i) => (i === at ? { ...op, got } : one));
        expect(brokenIn(changed, header)).not.toEqual([]);
        // A second answer to the same call hands out the same lease twice.
        expect(brokenIn([...ops, op], header)).toContain('EpochMonotoneProp');
      }),
    );
  });
});
