import { describe, expect, it } from 'vitest';
import { conclude, NOTHING_MORE } from '../../sim/conclusion.ts';
import { readSchedule } from '../../sim/files.ts';
import { answerOf, requestOf } from '../../sim/report/calls.ts';
import { Durability } from '../../sim/report/durability.ts';
import type { ReportData } from '../../sim/report/model.ts';
import { Recording } from '../../sim/report/recording.ts';
import { worldOf } from '../../sim/run.ts';
import type { Schedule } from '../../sim/schedule.ts';
import type { RunObserver } from '../../sim/watch.ts';
import type { Fact } from '../../src/core/facts.ts';
import fc from '../support/properties.ts';

const ABOUT = { title: 't', description: 'd', seed: '1', version: 'v', repeat: 'r' };

/** Counts what it sees become durable, apart from the report. */
class Synced implements RunObserver {
  count = 0;
  synced(_node: number, _shard: number, facts: readonly Fact[]): void {
    this.count += facts.length;
  }
}

function reported(schedule: Schedule, rowsMax?: number) {
  const [recording, synced] = [new Recording(rowsMax), new Synced()];
  const { world, driver } = worldOf(schedule, schedule.seed, { observers: [recording, synced] });
  const run = world.run(driver);
  const data = recording.data(run, conclude(run, { ...NOTHING_MORE, violates: schedule.violates }), ABOUT);
  return { world, run, data, synced };
}

const shortened = (name: string, durationMs: number): Schedule => {
  const schedule = readSchedule(name);
  const faults = schedule.faults.filter(({ atMs }) => atMs < durationMs);
  return { ...schedule, faults, goals: {}, setup: { ...schedule.setup, durationMs } };
};

const kindOf = (data: ReportData, row: number): string => data.kinds[data.rows.kind[row] as number] as string;
const rowsOf = (data: ReportData, kind: string): number[] =>
  data.rows.step.map((_, row) => row).filter((row) => kindOf(data, row) === kind);
const differing = ({ comparison }: ReportData): string[] =>
  (comparison?.cells ?? []).filter(({ differs }) => differs).map(({ name }) => name);

describe('report: process and specification, where a rule was broken', () => {
  it('a restart that forgets acks: the message differs in what the ack changed (PrefixProp)', () => {
    const { data } = reported(readSchedule('negative-forgotten-acks'));
    expect(data.verdict).toMatchObject({ kind: 'safety', expected: true, rule: 'PrefixProp', exit: 10 });
    expect(differing(data)).toEqual(['state', 'receipt', 'deadline or not before']);
    expect(data.comparison?.cells[0]).toEqual({
      ...{ name: 'state', process: 'leased', specification: 'acked', differs: true },
    });
    expect(data.comparison?.lane).toBe('node 0');
  });

  it('an answer before its facts are durable: that differs, and the message does not (AC1)', () => {
    const { data } = reported(readSchedule('negative-reply-before-sync'));
    expect(differing(data)).toEqual(['facts under the answer, and how many of them are durable']);
    const [last] = rowsOf(data, 'fact').slice(-1);
    expect(data.rows.durable[last as number]).toBeUndefined();
  });

  it('a revoked capability that is let in: both sides have the same message (RevokedProp)', () => {
    const { data } = reported(readSchedule('negative-deaf-to-revocation'));
    expect(data.comparison?.cells.length).toBeGreaterThan(5);
    expect(differing(data)).toEqual([]);
  });

  it('a run that held compares nothing, and says exit code 0', () => {
    const { data } = reported(shortened('happy-path', 2_000));
    expect(data.comparison).toBeNull();
    expect(data.verdict).toMatchObject({ kind: 'held', exit: 0 });
  });
});

describe('report: durable or not, for each fact (AC1)', () => {
  for (const [name, durationMs] of [
    ['happy-path', 4_000],
    ['power-cuts', 8_000],
    ['shard-kills', 10_000],
    ['crash-restart', 15_000],
  ] as const) {
    it(`${name}: as many as were seen to become durable, each at the row that says so`, () => {
      const { data, synced } = reported(shortened(name, durationMs));
      const durable = Object.entries(data.rows.durable);
      expect(durable.length).toBe(synced.count);
      expect(durable.length).toBeGreaterThan(50);
      for (const [fact, at] of durable) {
        expect([kindOf(data, Number(fact)), kindOf(data, at)]).toEqual(['fact', 'sync']);
        expect(at).toBeGreaterThan(Number(fact));
        expect(data.rows.lane[at]).toBe(data.rows.lane[Number(fact)]);
      }
    });
  }

  it('a fact that a power cut undid never is', () => {
    const { data } = reported(shortened('power-cuts', 8_000));
    expect(rowsOf(data, 'fact').filter((row) => data.rows.durable[row] === undefined).length).toBeGreaterThan(0);
  });

  it('any order of decisions, syncs and crashes: what became durable is a prefix of what was not undone', () => {
    type Act = { readonly act: 'decide' } | { readonly act: 'sync'; readonly count: number } | { readonly act: 'undo' };
    const acts = fc.array(
      fc.oneof(
        { weight: 5, arbitrary: fc.constant<Act>({ act: 'decide' }) },
        {
          weight: 3,
          arbitrary: fc.record({ act: fc.constant('sync' as const), count: fc.integer({ min: 1, max: 5 }) }),
        },
        { weight: 1, arbitrary: fc.constant<Act>({ act: 'undo' }) },
      ),
      { maxLength: 60, size: 'max' },
    );
    let syncs = 0;
    fc.assert(
      fc.property(acts, (all) => {
        const durability = new Durability();
        const [waiting, found, must]: [number[], number[], number[]] = [[], [], []];
        // The same name, message and time again and again: only the order tells them apart.
        const fact = { name: 'extended', msgId: 'M', atMs: 1 } as Fact;
        for (const [at, one] of all.entries()) {
          if (one.act === 'decide') {
            durability.decided(0, 1, { ...fact }, at);
            waiting.push(at);
          } else if (one.act === 'undo') {
            durability.undone(0, at % 2 === 0 ? 1 : null);
            waiting.length = 0;
          } else {
            const count = Math.min(one.count, waiting.length);
            must.push(...waiting.splice(0, count));
            found.push(
              ...durability.synced(
                0,
                1,
                Array.from({ length: count }, () => ({ ...fact })),
              ),
            );
            syncs += count;
          }
        }
        expect(found).toEqual(must);
      }),
    );
    expect(syncs).toBeGreaterThan(100);
  });
});

describe('report: requests, answers and what is counted', () => {
  const { world, data } = reported(shortened('lossy-network', 8_000));

  it('every row of a call has its request, every answer what was answered', () => {
    const answers = rowsOf(data, 'answer').filter(
      (row) => data.outcomes[data.rows.outcome[row] as number] !== 'no answer',
    );
    expect(answers.length).toBeGreaterThan(100);
    for (const row of answers) {
      const call = data.calls[data.rows.call[row] as number];
      const answer = JSON.parse(data.answers[`${data.rows.call[row]} ${data.rows.copy[row]}`] as string);
      expect(JSON.parse(call?.request as string)).toMatchObject({ verb: call?.verb });
      expect(answer.outcome).toBe(data.outcomes[data.rows.outcome[row] as number]);
    }
  });

  it('rows that a fault of the network hits say which (drop, duplicate, lost_reply)', () => {
    const hit = (fault: string) => Object.values(data.rows.fault).filter((of) => data.faults[of] === fault).length;
    const { drop = 0, duplicate = 0 } = world.faults.counts();
    expect(drop).toBeGreaterThan(0);
    expect(hit('drop')).toBe(drop);
    expect(hit('duplicate')).toBe(duplicate);
    expect(hit('lost_reply')).toBeGreaterThan(0);
  });

  it('waiting and leased messages, counted from the page, are those of the checkers; rows left out too', () => {
    for (const rowsMax of [undefined, 500]) {
      const { setup } = shortened('crash-restart', 9_000);
      const schedule = { ...shortened('crash-restart', 9_000), setup: { ...setup, settleMs: 1 } };
      const { world: end, data: of } = reported(schedule, rowsMax);
      const states = new Map<number, string>();
      for (const [message, { state }] of of.before) states.set(message, state);
      for (const changes of Object.values(of.rows.changes))
        for (const [message, { state }] of changes) states.set(message, state);
      const count = (...wanted: string[]) => [...states.values()].filter((state) => wanted.includes(state)).length;
      const lifecycles = end.watch.nodes.map(({ lifecycle }) => lifecycle);
      const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
      expect(of.beforeUntold.pending + count('queued', 'leased', 'redelivered')).toBe(
        sum(lifecycles.map(({ pending }) => pending)),
      );
      expect(of.beforeUntold.leased + count('leased')).toBe(sum(lifecycles.map(({ inflight }) => inflight)));
      if (rowsMax !== undefined) {
        expect(of.leftOut).toBeGreaterThan(rowsMax);
        expect(Object.keys(of.calls).length).toBeLessThanOrEqual(rowsMax);
        expect(Object.keys(of.answers).length).toBeLessThanOrEqual(2 * rowsMax);
      }
    }
  });

  it('payloads are sizes, receipts and hashes are cut, long lists are counted, what is not set is left out', () => {
    const receipt = 'r'.repeat(64);
    const call = {
      ask: {
        ...{ verb: 'send', topic: 't', idemKey: 'k'.repeat(500), payload: new Uint8Array(7), payloadHash: receipt },
        ...{ attrs: {}, corrId: '', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY },
      },
    } as unknown as Parameters<typeof requestOf>[0];
    const { verb, topic, request } = requestOf(call);
    expect([verb, topic]).toEqual(['send', 't']);
    expect(JSON.parse(request)).toEqual({
      ...{ verb: 'send', topic: 't', idemKey: 'k'.repeat(200), payload: '7 bytes', payloadHash: 'r'.repeat(12) },
      ...{ corrId: '', delayMs: 0, ttlMs: 'for ever' },
    });
    const deliveries = Array.from({ length: 33 }, () => ({ receipt }));
    const answer = JSON.parse(answerOf({ outcome: 'ok', deliveries } as unknown as Parameters<typeof answerOf>[0]));
    expect(answer.deliveries.length).toBe(21);
    expect(answer.deliveries[0]).toEqual({ receipt: 'r'.repeat(12) });
    expect(answer.deliveries[20]).toBe('and 13 more');
  });
});
