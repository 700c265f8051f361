import { describe, expect, it } from 'vitest';
import { headerOf, keyringOf, nonceOf } from '../../sim/capabilities.ts';
import { TimeChecker } from '../../sim/checkers/time.ts';
import { EPOCH_MS, NodeClock } from '../../sim/clock.ts';
import { ItfTrace } from '../../sim/export/itf.ts';
import { SHIVIZ_EXPRESSION, ShiVizLog } from '../../sim/export/shiviz.ts';
import { FaultLog } from '../../sim/fault-log.ts';
import { FAULT_KINDS, type PlannedFault } from '../../sim/faults/index.ts';
import { readSchedule } from '../../sim/files.ts';
import { swarmSchedule } from '../../sim/fuzz/swarm.ts';
import { Loop } from '../../sim/loop.ts';
import { type Happening, Narrator } from '../../sim/narrate.ts';
import { runSchedule } from '../../sim/run.ts';
import type { Schedule } from '../../sim/schedule.ts';
import { Authority } from '../../src/auth/authorize.ts';

const DAY_MS = 86_400_000;
const ONCE = { min: 0, max: 0 };
const ms = (value: number) => ({ min: value, max: value });

/** A short quiet run with these faults. */
function quiet(
  faults: readonly PlannedFault[],
  changed: Partial<Schedule['setup']> = {},
  durationMs = 20_000,
): Schedule {
  const { setup, ...schedule } = readSchedule('happy-path');
  return { ...schedule, goals: {}, faults, setup: { ...setup, durationMs, ...changed } };
}

describe('clocks of a node', () => {
  it('steps of the wall reach no process, and the next one only where the journal does not know of them (TM1)', () => {
    const clock = new NodeClock(new Loop(), 5_000);
    expect([clock.nowMs(), clock.wallMs()]).toEqual([EPOCH_MS + 5_000, EPOCH_MS + 5_000]);
    const before = { name: 'clocks', serviceMs: clock.nowMs(), wallMs: clock.wallMs() } as const;
    clock.step(60_000);
    expect([clock.nowMs(), clock.wallMs()]).toEqual([EPOCH_MS + 5_000, EPOCH_MS + 65_000]);
    const after = { ...before, wallMs: clock.wallMs() };
    clock.begin(after);
    expect(clock.nowMs()).toBe(EPOCH_MS + 5_000);
    clock.begin(before);
    expect(clock.nowMs()).toBe(EPOCH_MS + 65_000);
    clock.step(-120_000);
    clock.begin(before);
    expect(clock.nowMs()).toBe(EPOCH_MS + 5_000);
  });

  it('over a restart: off by what the wall clock was set by since that could be written down, by no more and no less is a breach (TM1)', () => {
    const begun = (how: (clock: NodeClock, time: TimeChecker) => void, serviceMs: number, wallMs: number): number => {
      const clock = new NodeClock(new Loop(), 0);
      const time = new TimeChecker(clock);
      time.started(true);
      time.appending();
      time.durable();
      how(clock, time);
      clock.begin({ name: 'clocks', serviceMs: EPOCH_MS + serviceMs, wallMs: EPOCH_MS + wallMs });
      return time.started(false);
    };
    const breach = expect.objectContaining({ rule: 'TM1' });
    expect(begun(() => {}, 0, 0)).toBe(0);
    expect(begun((clock) => clock.step(DAY_MS), 0, 0)).toBe(DAY_MS);
    expect(begun((clock) => clock.step(-DAY_MS), 0, 0)).toBe(0);
    expect(() => begun((clock) => clock.step(DAY_MS), 0, -10)).toThrow(breach);
    expect(() => begun(() => {}, -10, 0)).toThrow(breach);
    const written = (clock: NodeClock, time: TimeChecker): void => {
      clock.step(DAY_MS);
      time.appending();
      time.durable();
    };
    expect(begun(written, 0, DAY_MS)).toBe(0);
    expect(() => begun(written, 0, 0)).toThrow(breach);
    // Whether an append under way is there, the next start finds out.
    const writing = (clock: NodeClock, time: TimeChecker): void => {
      clock.step(DAY_MS);
      time.appending();
    };
    expect([begun(writing, 0, DAY_MS), begun(writing, 0, 0)]).toEqual([0, DAY_MS]);
    const unsaid = (clock: NodeClock, time: TimeChecker): void => {
      clock.step(1_000);
      time.idle();
      time.looked();
      time.idle();
    };
    expect(() => begun(unsaid, 0, 0)).toThrow(breach);
  });

  it('drift and standstill bend time both ways, and say how long a deadline is away', () => {
    const loop = new Loop();
    const clock = new NodeClock(loop, 0);
    const pass = (by: number): void => void loop.step(loop.nowMs + by);
    clock.drift(1.5);
    pass(1_000);
    expect(clock.nowMs()).toBe(EPOCH_MS + 1_500);
    expect(clock.untilMs(EPOCH_MS + 1_800)).toBe(200);
    clock.freeze(true);
    pass(1_000);
    expect([clock.nowMs(), clock.untilMs(EPOCH_MS + 1_800)]).toEqual([EPOCH_MS + 1_500, Number.POSITIVE_INFINITY]);
    clock.freeze(false);
    clock.drift(1);
    pass(10);
    expect([clock.nowMs(), clock.untilMs(EPOCH_MS + 1_500)]).toEqual([EPOCH_MS + 1_510, 0]);
  });
});

describe('capabilities', () => {
  const capability = {
    ...({ name: 'consumers#1', key: 1, nonce: nonceOf('1xconsumers'), ops: ['recv'], topic: 'sim.' } as const),
    ...{ expiresS: 10, quotaOps: 5, forged: false },
  };
  const open = (changed: { readonly forged?: boolean; readonly key?: number }, nowMs = EPOCH_MS) =>
    new Authority(keyringOf([1]), { nowMs: () => nowMs, wallMs: () => nowMs }, 30_000).authenticate(
      headerOf({ ...capability, ...changed }),
    );

  it('are real ones: the shipped authority lets them in, or says why not', () => {
    expect(open({})).toMatchObject({ nonce: capability.nonce, keyId: 'k1' });
    expect(open({ forged: true })).toBe('forged');
    expect(open({ key: 2 })).toBe('unknown_key');
    expect(open({}, EPOCH_MS + 131_000)).toBe('expired');
  });
});

describe('faults', () => {
  it('each kind that a schedule can have is injected and counted', () => {
    const all = ['everything-at-once', 'engine-everything'].map((name) => runSchedule(readSchedule(name)));
    const seen = new Set(all.flatMap(({ injected }) => Object.keys(injected)));
    expect(FAULT_KINDS.filter((kind) => !seen.has(kind) && kind !== 'expired')).toEqual([]);
  });

  it('felt: from its beginning until a second after its end', () => {
    const faults = new FaultLog();
    faults.began('partition', 1_000, 500);
    const column = FAULT_KINDS.indexOf('partition');
    expect([faults.feltAt(1_000), faults.feltAt(2_500), faults.feltAt(2_501)]).toEqual([[column], [column], []]);
    faults.began('partition', 3_000, 0);
    faults.began('partition', 3_500, 0);
    expect(faults.feltAt(4_400)).toEqual([column]);
    expect(faults.counts()).toEqual({ partition: 3 });
  });

  it('partition: nothing passes in the direction that is cut, and all of it afterwards', () => {
    const cut = {
      kind: 'partition',
      atMs: 5_000,
      everyMs: ONCE,
      node: 0,
      who: 'producers',
      direction: 'requests',
      forMs: ms(5_000),
    } as const;
    const times: number[] = [];
    class Arrivals extends Narrator {
      protected override tell({ kind, atMs, text }: Happening): void {
        if (kind === 'arrival' && text.includes('producer')) times.push(atMs);
      }
    }
    const result = runSchedule(quiet([cut]), 1, { observers: [new Arrivals()] });
    expect(result.verdict.kind).toBe('held');
    expect(result.tally['send_retries']).toBeGreaterThan(20);
    expect(times.filter((atMs) => atMs > 5_005 && atMs <= 10_000)).toEqual([]);
    expect(times.filter((atMs) => atMs > 10_000 && atMs < 12_000).length).toBeGreaterThan(40);
  });

  it('pause: the process does nothing, what comes meanwhile is done at its end', () => {
    const times: number[] = [];
    class Replies extends Narrator {
      protected override tell({ kind, atMs }: Happening): void {
        if (kind === 'reply') times.push(atMs);
      }
    }
    const pause = { kind: 'pause', atMs: 5_000, everyMs: ONCE, node: 0, forMs: ms(1_000) } as const;
    runSchedule(quiet([pause], {}, 8_000), 1, { observers: [new Replies()] });
    expect(times.filter((atMs) => atMs > 5_000 && atMs < 6_000)).toEqual([]);
    expect(times.filter((atMs) => atMs >= 6_000 && atMs <= 6_010).length).toBeGreaterThan(10);
  });

  it('connection flood: who finds no place is refused, and comes back', () => {
    const flood = {
      kind: 'connection_flood',
      atMs: 5_000,
      everyMs: ONCE,
      node: 0,
      connections: 2_000,
      forMs: ms(3_000),
    } as const;
    const result = runSchedule(quiet([flood]));
    expect(result.verdict.kind).toBe('held');
    expect(result.tally['send_retries']).toBeGreaterThan(20);
  });
});

describe('swarm', () => {
  it('is drawn from its seed alone, and no two are alike', () => {
    const drawn = Array.from({ length: 200 }, (_, seed) => JSON.stringify(swarmSchedule(seed)));
    expect(drawn).toEqual(Array.from({ length: 200 }, (_, seed) => JSON.stringify(swarmSchedule(seed))));
    expect(new Set(drawn).size).toBe(200);
  });

  it('seeds 1..20 hold (200, and what they reach: long-swarm.test.ts)', () => {
    for (let seed = 1; seed <= 20; seed++)
      expect(runSchedule(swarmSchedule(seed)).verdict, `mailbox sim run swarm#${seed}`).toEqual({ kind: 'held' });
  });
});

describe('exports', () => {
  const schedule = quiet([{ kind: 'crash', atMs: 500, everyMs: ONCE, node: 0, downMs: ms(50) }], {}, 800);

  it('ShiViz: every event fits the expression, and requests order what they cause', () => {
    const log = new ShiVizLog();
    runSchedule(schedule, 1, { observers: [log] });
    const text = log.text();
    expect(text.startsWith(`${SHIVIZ_EXPRESSION}\n\n`)).toBe(true);
    const events = [...text.slice(SHIVIZ_EXPRESSION.length + 2).matchAll(new RegExp(SHIVIZ_EXPRESSION, 'g'))];
    expect(events.length).toBe((text.trim().split('\n').length - 2) / 2);
    const clocks = events.map(({ groups }) => ({
      host: groups?.['host'],
      clock: JSON.parse(groups?.['clock'] as string),
    }));
    const own = new Map<string, number>();
    for (const { host, clock } of clocks) {
      expect(clock[host as string]).toBe((own.get(host as string) ?? 0) + 1);
      own.set(host as string, clock[host as string]);
    }
    const arrival = events.findIndex(({ groups }) => groups?.['event']?.includes('of producer 0'));
    expect(Object.keys(clocks[arrival]?.clock)).toContain('producer-0');
  });

  it('ITF: one state after each fact, crash and restart, in the variables of the specification', () => {
    const trace = new ItfTrace();
    const result = runSchedule(schedule, 1, { observers: [trace] });
    const { vars, states } = JSON.parse(trace.text());
    expect(vars).toEqual(['state', 'attempt', 'epoch', 'redrives', 'releases', 'up']);
    const actions: string[] = states.map((state: { '#meta': { action: string } }) => state['#meta'].action);
    expect(actions.filter((action) => action.startsWith('Ack('))).toHaveLength(result.tally['acked'] as number);
    expect(actions).toEqual(expect.arrayContaining(['Init', 'Crash', 'Recover']));
    const last = Object.fromEntries(states.at(-1).state['#map']);
    expect(new Set(Object.values(last))).toEqual(new Set(['acked']));
  });

  it('ITF: a run that is too long is refused, not cut', () => {
    expect(() => runSchedule(quiet([], {}, 60_000), 1, { observers: [new ItfTrace()] })).toThrow(
      /itf: more than 2000 states/,
    );
  });
});
