import { describe, expect, it } from 'vitest';
import { AnswersLog } from '../../sim/export/answers.ts';
import { readSchedule } from '../../sim/files.ts';
import { runSchedule } from '../../sim/run.ts';
import { tlcJar } from '../../src/model/jar.ts';
import { checkHistory, violationsOf } from '../../src/trace/history/check.ts';
import type { Op } from '../../src/trace/history/format.ts';
import { brokenByTlc } from '../../src/trace/history/tlc.ts';
import { isHere } from '../support/programs.ts';
import { BROKEN, GOOD, HEADER } from './histories.ts';

const brokenIn = (ops: readonly Op[], header = HEADER): string[] =>
  [...new Set(violationsOf(header, ops).map(({ rule }) => rule))].sort();

/** One history after the other, far apart, each with names of its own: what holds of each holds of all. */
function together(all: readonly (readonly Op[])[]): Op[] {
  return all.flatMap((ops, n) => {
    const own = (text: string): string => `${n}:${text}`;
    const text = JSON.stringify(ops, (key, value) => {
      if (key === 'begin_ms' || key === 'end_ms') return value === null ? null : value + n * 100_000;
      return ['topic', 'idem_key', 'msg_id', 'receipt', 'by', 'nonce'].includes(key) ? own(value) : value;
    });
    return (JSON.parse(text) as Op[]).map((op) => (op.dead === undefined ? op : { ...op, dead: op.dead.map(own) }));
  });
}

describe.skipIf(!isHere('java', '-version'))('histories: TLC says the same (V7; unavailable without Java)', () => {
  it('all that hold, together', async () => {
    const ops = together(Object.values(GOOD));
    expect([await brokenByTlc(tlcJar(), HEADER, ops), brokenIn(ops)]).toEqual([[], []]);
  }, 120_000);

  it('those that do not, together: every rule, and no other', async () => {
    const ops = together(Object.values(BROKEN).map((broken) => broken.ops));
    const rules = [...new Set(Object.values(BROKEN).flatMap(({ breaks }) => breaks))].sort();
    expect([[...(await brokenByTlc(tlcJar(), HEADER, ops))].sort(), brokenIn(ops)]).toEqual([rules, rules]);
  }, 120_000);

  it('a run of the simulator, as it was and with answers changed', async () => {
    const schedule = readSchedule('lossy-network');
    const log = new AnswersLog(null);
    runSchedule({ ...schedule, setup: { ...schedule.setup, durationMs: 3_000 } }, schedule.seed, { observers: [log] });
    const { header, ops } = checkHistory(log.text());
    const part = ops.slice(0, 150);
    const changes: readonly ((op: Op, i: number) => Op)[] = [
      (op) => op,
      (op, i) =>
        op.end_ms === null || i % 3 > 0 ? op : { ...op, begin_ms: op.begin_ms + 5_000, end_ms: op.end_ms + 5_000 },
      (op) => (op.got === undefined ? op : { ...op, got: op.got.map((one) => ({ ...one, epoch: 1, attempt: 9 })) }),
      (op) => (op.verb === 'send' && op.result === 'accepted' ? { ...op, payload_hash: 'b3:none' } : op),
      (op, i) => (op.verb === 'recv' && op.result === 'ok' && i % 2 === 0 ? { ...op, got: [] } : op),
    ];
    const seen = new Set<string>();
    for (const change of changes) {
      const changed = part.map(change);
      const broken = brokenIn(changed, header);
      expect([...(await brokenByTlc(tlcJar(), header, changed))].sort()).toEqual(broken);
      for (const rule of broken) seen.add(rule);
    }
    expect(seen.size).toBeGreaterThanOrEqual(4);
  }, 240_000);
});
