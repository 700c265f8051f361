import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EndsProp, type LeaseEnd, SingleLeaseProp, type TimedView } from '../../spec/invariants.ts';
import type { State } from '../../spec/vocabulary.ts';
import { type Graph, rowOf, valuesOf } from '../../src/model/graph.ts';
import { graphFile, MODELS, subjectOf } from '../../src/model/models.ts';
import { decodeGraph } from '../../src/model/recorded-graph.ts';
import type { Value } from '../../src/model/values.ts';

const WAITS: TimedView = { state: 'queued', attempt: 0, epoch: 0, receipt: null, timerAtMs: 0 };
const LEASED: TimedView = { state: 'leased', attempt: 1, epoch: 1, receipt: 'r1', timerAtMs: 10 };
const BACK: TimedView = { ...LEASED, state: 'redelivered', receipt: null, timerAtMs: 5 };
const ACKED: TimedView = { ...LEASED, state: 'acked', receipt: null };
const DEAD: TimedView = { ...LEASED, state: 'dead_lettered', receipt: null };
const PURGED: TimedView = { ...DEAD, state: 'purged' };

type Step = readonly [what: string, before: TimedView, after: TimedView, atMs: number, by: LeaseEnd | null];

describe('invariants', () => {
  const LAWFUL: readonly Step[] = [
    ['a lease begins where a message waits', WAITS, LEASED, 0, null],
    ['an extension', LEASED, { ...LEASED, timerAtMs: 20 }, 5, null],
    ['its holder acks', LEASED, ACKED, 9, 'holder'],
    ['its holder gives it back', LEASED, BACK, 9, 'holder'],
    ['its deadline passes', LEASED, BACK, 10, 'deadline'],
    ['nobody was there to take it', LEASED, { ...WAITS, epoch: 1 }, 1, 'release'],
    ['a lease after one that is over', BACK, { ...LEASED, epoch: 2, receipt: 'r2' }, 5, null],
  ];
  it.each(LAWFUL)('SingleLeaseProp: holds: %s', (_what, before, after, atMs, by) => {
    expect(SingleLeaseProp(before, after, atMs, by)).toBe(true);
  });

  const BROKEN: readonly Step[] = [
    ['leased while it is leased', LEASED, { ...LEASED, epoch: 2, receipt: 'r2' }, 5, null],
    ['another receipt for the same lease', LEASED, { ...LEASED, receipt: 'r2' }, 5, null],
    ['expired before its deadline', LEASED, BACK, 9, 'deadline'],
    ['acked after its deadline', LEASED, ACKED, 10, 'holder'],
    ['released after its deadline', LEASED, BACK, 10, 'release'],
    ['given back by nobody', LEASED, BACK, 5, null],
    ['leased before its time', BACK, { ...LEASED, epoch: 2 }, 4, null],
    ['leased when it is dead', DEAD, { ...LEASED, epoch: 2 }, 20, null],
    ['leased when it is acked', ACKED, { ...LEASED, epoch: 2 }, 20, null],
    ['a lease of the same epoch', BACK, LEASED, 5, null],
    ['an epoch without a lease', WAITS, { ...WAITS, epoch: 1 }, 5, null],
    ['a lease without a receipt', WAITS, { ...LEASED, receipt: null }, 5, null],
    ['a receipt without a lease', LEASED, { ...BACK, receipt: 'r1' }, 10, 'deadline'],
  ];
  it.each(BROKEN)('SingleLeaseProp: breaks: %s', (_what, before, after, atMs, by) => {
    expect(SingleLeaseProp(before, after, atMs, by)).toBe(false);
  });

  it('EndsProp: an ack of its lease, or a purge of a dead letter with a trace; nothing else ends a message', () => {
    const all = [WAITS, LEASED, BACK, ACKED, DEAD, PURGED, { ...WAITS, state: 'absent' as const }];
    const ends: string[] = [];
    for (const before of all)
      for (const after of all)
        for (const by of ['holder', 'deadline', 'release', null] as const)
          for (const isTraced of [true, false]) {
            const isOver = after.state === 'acked' || after.state === 'purged' || after.state === 'absent';
            if (isOver && before.state !== after.state && EndsProp(before, after, by, isTraced))
              ends.push(`${before.state} ${after.state} ${by} ${isTraced}`);
          }
    expect(ends).toEqual([
      ...['leased acked holder true', 'leased acked holder false'],
      ...['holder', 'deadline', 'release', null].map((by) => `dead_lettered purged ${by} true`),
    ]);
    expect(EndsProp(ACKED, LEASED, null, false)).toBe(false);
    expect(EndsProp(PURGED, WAITS, null, true)).toBe(false);
    expect(EndsProp(WAITS, LEASED, null, false)).toBe(true);
  });

  it('both hold of every step that TLC recorded: here and in tla/Mailbox.tla they mean the same', () => {
    const seen = new Set<string>();
    for (const model of MODELS.filter(({ tiny, graph }) => tiny && graph === 'Mailbox')) {
      const { variables, actions } = subjectOf(model);
      eachStep(decodeGraph(readFileSync(graphFile(model)), variables, actions), (action, before, after) => {
        const by = BY[action] ?? null;
        const isTraced = after.attempt === before.attempt && after.epoch === before.epoch;
        if (!SingleLeaseProp(before, after, 0, by) || !EndsProp(before, after, by, isTraced))
          expect.fail(`${model.name} ${action}: ${JSON.stringify([before, after])}`);
        if (before.state !== after.state) seen.add(`${before.state} ${action} ${after.state}`);
      });
    }
    for (const step of [
      'leased Ack acked',
      'leased Release queued',
      'leased Expire redelivered',
      'dead_lettered Purge purged',
    ])
      expect([...seen]).toContain(step);
    expect([...seen]).toContain('dead_lettered Nack purged');
  });
});

const BY: Readonly<Record<string, LeaseEnd>> = {
  Ack: 'holder',
  Nack: 'holder',
  Expire: 'deadline',
  Release: 'release',
};

/** Every step that takes no time, for each message; times are what is left of them, so it is always 0. */
function eachStep(graph: Graph, take: (action: string, before: TimedView, after: TimedView) => void): void {
  const views = Array.from({ length: graph.count }, (_, i) => viewsOf(valuesOf(graph.variables, rowOf(graph, i))));
  for (let from = 0; from < graph.count; from++)
    for (let e = graph.offsets[from] as number; e < (graph.offsets[from + 1] as number); e++) {
      const [action, to] = [graph.actions[graph.actionOf[e] as number] as string, graph.targetOf[e] as number];
      if (action === 'Tick' || action === 'Recover' || from === to) continue;
      for (const [i, before] of (views[from] as TimedView[]).entries())
        take(action, before, views[to]?.[i] as TimedView);
    }
}

function viewsOf(values: Record<string, Value>): TimedView[] {
  const of = <T>(name: string): readonly T[] => values[name] as unknown as readonly T[];
  return of<State>('state').map((state, i) => {
    const receipt = of<number>('receipt')[i] as number;
    const [attempt, epoch] = [of<number>('attempt')[i] as number, of<number>('epoch')[i] as number];
    return {
      state,
      attempt,
      epoch,
      receipt: receipt === 0 ? null : `r${receipt}`,
      timerAtMs: of<number>('timer')[i] as number,
    };
  });
}
