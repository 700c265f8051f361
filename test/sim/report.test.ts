import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { View } from '../../sim/checkers/view.ts';
import { conclude, NOTHING_MORE } from '../../sim/conclusion.ts';
import { ItfTrace } from '../../sim/export/itf.ts';
import { readSchedule } from '../../sim/files.ts';
import type { Seen } from '../../sim/report/model.ts';
import { Recording } from '../../sim/report/recording.ts';
import { worldOf } from '../../sim/run.ts';
import type { Schedule } from '../../sim/schedule.ts';
import type { RunObserver } from '../../sim/watch.ts';
import type { World } from '../../sim/world.ts';
import type { Fact } from '../../src/core/facts.ts';

const ABOUT = { title: 't', description: 'd', seed: '1', version: 'v', repeat: 'r' };

/** What the checker has of a message, as a report tells it. */
function told(view: View, aheadMs: number): Seen {
  const { state, attempt, epoch, redrives, releases, receipt, timerAtMs, deadReason } = view;
  return {
    ...{ state, attempt, epoch, redrives, releases, receipt: receipt?.slice(0, 8) ?? null, reason: deadReason },
    timerMs: view.isPending ? timerAtMs - aheadMs : null,
  };
}

const ABSENT: Seen = {
  ...{ state: 'absent', attempt: 0, epoch: 0, redrives: 0, releases: 0, receipt: null, timerMs: null, reason: null },
};

/** Asks the checkers after every step what each message is that it may have changed; keeps what has become another. */
class Truth implements RunObserver {
  readonly changes: { readonly step: number; readonly msgId: string; readonly seen: Seen }[] = [];
  /** Messages of facts of the step at hand, and nodes that began anew in it, by node. */
  private touched: [number, string][] = [];
  private readonly anew = new Set<number>();
  /** What was asked for last, by node. */
  private readonly known = new Map<number, Map<string, Seen>>();

  fact(node: number, _shard: unknown, fact: Fact): void {
    if (fact.name === 'recovered') this.anew.add(node);
    else this.touched.push([node, fact.msgId]);
  }
  started(node: number): void {
    this.anew.add(node);
  }
  revived(node: number): void {
    this.anew.add(node);
  }

  ask(world: World): void {
    for (const [node, msgId] of this.touched.splice(0)) if (!this.anew.has(node)) this.askOf(world, node, msgId);
    for (const node of this.anew) {
      const { messages } = world.watch.nodes[node]!.lifecycle;
      for (const msgId of messages.keys()) this.askOf(world, node, msgId);
      for (const [msgId, { state }] of this.known.get(node) ?? [])
        if (!messages.has(msgId) && state !== 'acked' && state !== 'purged') this.take(world, node, msgId, ABSENT);
    }
    this.anew.clear();
  }

  private askOf(world: World, node: number, msgId: string): void {
    const live = world.watch.nodes[node]?.lifecycle.messages.get(msgId)?.live;
    const aheadMs = world.nodes[node]!.clock.nowMs() - world.loop.nowMs;
    if (live !== undefined) this.take(world, node, msgId, told(live, aheadMs));
  }

  private take(world: World, node: number, msgId: string, seen: Seen): void {
    const known = this.known.get(node) ?? new Map<string, Seen>();
    this.known.set(node, known);
    if (isDeepStrictEqual(known.get(msgId), seen)) return;
    known.set(msgId, seen);
    this.changes.push({ step: world.loop.steps, msgId, seen });
  }
}

/** The run, what the checkers had step by step, and the report of it. */
function reported(schedule: Schedule, rowsMax?: number) {
  const recording = new Recording(rowsMax);
  const truth = new Truth();
  const { world, driver } = worldOf(schedule, schedule.seed, { observers: [recording, truth] });
  const { loop } = world;
  const step = loop.step.bind(loop);
  loop.step = (ms) => {
    const more = step(ms);
    truth.ask(world);
    return more;
  };
  const run = world.run(driver);
  return { truth, run, data: recording.data(run, conclude(run, NOTHING_MORE), ABOUT) };
}

/** Walks through the report as its page does; the first place where it has something else than the checkers, or null. */
function firstLie({ truth, data }: ReturnType<typeof reported>): object | null {
  const shown = new Map<string, Seen>();
  const id = (message: number): string => data.messages[message]?.id as string;
  for (const [message, seen] of data.before) shown.set(id(message), seen);
  const { step: steps, changes } = data.rows;
  const from = data.leftOut > 0 ? (steps[0] as number) : 0;
  let row = 0;
  for (const { step, msgId, seen } of truth.changes) {
    for (; row < steps.length && (steps[row] as number) <= step; row++)
      for (const [message, then] of changes[row] ?? []) shown.set(id(message), then);
    if (step <= from && data.leftOut > 0) continue;
    if (!isDeepStrictEqual(shown.get(msgId), seen)) return { step, msgId, shown: shown.get(msgId), is: seen };
  }
  return null;
}

const changesIn = ({ data }: ReturnType<typeof reported>, text: RegExp) =>
  data.rows.text.flatMap((told, row) => (text.test(told) ? (data.rows.changes[row] ?? []) : []));

const shortened = (name: string, durationMs: number): Schedule => {
  const schedule = readSchedule(name);
  const faults = schedule.faults.filter(({ atMs }) => atMs < durationMs);
  return { ...schedule, faults, goals: {}, setup: { ...schedule.setup, durationMs } };
};

describe('report: what it shows of a message is what the checkers have, at every step', () => {
  const SCHEDULES: [string, number][] = [
    ['crash-restart', 15_000],
    ['power-cuts', 8_000],
    ['crash-loop', 15_000],
    ['shard-kills', 10_000],
    ['torn-tail', 10_000],
  ];
  for (const [name, durationMs] of SCHEDULES) {
    it(`${name}: restarts too (RT4, TM1)`, () => {
      const found = reported(shortened(name, durationMs));
      const { recoveries = 0, shard_revivals = 0 } = found.run.tally;
      expect(found.run.verdict.kind).toBe('held');
      expect(found.truth.changes.length).toBeGreaterThan(100);
      expect(recoveries + shard_revivals).toBeGreaterThan(0);
      expect(firstLie(found)).toBeNull();
    });
  }

  it('a wall clock that is set back between two processes moves no time of a lease (TM1)', () => {
    const jumps = shortened('clock-jumps', 45_000);
    const limits = { ...jumps.setup.limits, defaultVisibilityMs: 120_000 };
    const faults = jumps.faults.filter(({ atMs }) => atMs >= 40_000);
    const consumers = jumps.consumers.filter(({ kind }) => kind === 'crashing').map((all) => ({ ...all, share: 1 }));
    const found = reported({ ...jumps, faults, consumers, setup: { ...jumps.setup, limits } });
    expect(found.run.tally['recoveries']).toBeGreaterThan(0);
    expect(changesIn(found, /^recovered/).filter(([, { state }]) => state === 'leased')).toEqual([]);
    expect(firstLie(found)).toBeNull();
  });

  it('a send that a crash undid is absent again', () => {
    const undone = changesIn(reported(shortened('power-cuts', 8_000)), /^starts from what its disk kept/);
    expect(undone.some(([, { state }]) => state === 'absent')).toBe(true);
  });

  it('rows left out at the beginning: what was before them is still known', () => {
    const found = reported(shortened('crash-restart', 15_000), 1_000);
    expect(found.data.leftOut).toBeGreaterThan(1_000);
    expect(found.data.before.length).toBeGreaterThan(0);
    expect(firstLie(found)).toBeNull();
  });
});

describe('export: an ITF trace has what the checkers have', () => {
  it('after restarts that undid sends too (RT4)', () => {
    const cuts = shortened('power-cuts', 4_500);
    const itf = new ItfTrace();
    const { world, driver } = worldOf(cuts, cuts.seed, { observers: [itf] });
    driver.start(world);
    for (const node of world.nodes) node.start();
    world.until(4_500);
    const { states } = JSON.parse(itf.text()) as { states: Record<string, { '#map': [number, unknown][] }>[] };
    expect(world.tally.counts['recoveries']).toBeGreaterThan(0);
    const last = new Map(states.at(-1)?.['state']?.['#map']);
    const undone = [...last.values()].filter((state) => state === 'absent').length;
    expect(undone).toBeGreaterThan(0);
    const names = ['state', 'attempt', 'epoch', 'redrives', 'releases'] as const;
    const of = (name: string): Map<number, unknown> => new Map(states.at(-1)?.[name]?.['#map']);
    const shown = [...last]
      .filter(([, state]) => state !== 'absent')
      .map(([n]) => names.map((name) => of(name).get(n)));
    const live = world.watch.nodes.flatMap(({ lifecycle }) =>
      [...lifecycle.messages.values()].map(({ live }) => names.map((name) => live[name])),
    );
    // The file counts messages as they were sent, the checkers by their shards.
    expect(shown.map(String).sort()).toEqual(live.map(String).sort());
  });
});
