import { describe, expect, it } from 'vitest';
import { NOTHING_MORE } from '../../sim/conclusion.ts';
import { partingStep, stepsAround } from '../../sim/diff.ts';
import { readSchedule } from '../../sim/files.ts';
import { swarmSchedule } from '../../sim/fuzz/swarm.ts';
import { expectationsOf, formatReplay, parseReplay, type Replay, replayOf } from '../../sim/replay/file.ts';
import { play } from '../../sim/replay/player.ts';
import { Shrinker } from '../../sim/replay/shrink.ts';
import type { Schedule } from '../../sim/schedule.ts';
import { growth } from '../support/growth.ts';
import { type Recorded, record, replaysAlike } from '../support/replays.ts';

const about = {
  title: 't',
  from: 'happy-path#1',
  version: 'test',
  minimal: false,
  expects: expectationsOf(NOTHING_MORE),
};
const saved = (recorded: Recorded): Replay => replayOf(recorded.script, recorded, about);
const shorten = (name: string, durationMs: number): Schedule => {
  const schedule = readSchedule(name);
  const faults = schedule.faults.filter(({ atMs }) => atMs < durationMs);
  return { ...schedule, faults, goals: {}, setup: { ...schedule.setup, durationMs } };
};

describe('replay', () => {
  it('goes through the very same steps as the run it was recorded from, drawn or declared', () => {
    const schedules = [shorten('everything-at-once', 30_000), shorten('lossy-network', 20_000)];
    const others = ['redrive-tasks', 'feeds', 'mixed-batches', 'paced-streams', 'hostile-tenant'];
    for (const name of others) schedules.push(shorten(name, 12_000));
    for (let seed = 1; seed <= 5; seed++) schedules.push(swarmSchedule(seed));
    for (const schedule of schedules) replaysAlike(schedule);
  });

  it('a file holds all of it: what is read back runs the same and is written the same', () => {
    const replay = saved(record(swarmSchedule(3)));
    const text = formatReplay(replay);
    const read = parseReplay(text, 'f');
    expect(formatReplay(read)).toBe(text);
    expect(play(read.script).run.hash).toBe(replay.hash);
    expect(read.prints).toEqual(replay.prints);
  });

  it('needs no seed: what the nodes drew is in the file, and nothing else is drawn', () => {
    const { script, run } = record(shorten('crash-restart', 10_000));
    expect(script.tapes[0]?.length).toBeGreaterThan(100);
    const other = play({ ...script, tapes: script.tapes.map((words) => words.map((word) => word ^ 0x5555)) });
    expect(other.run.hash).not.toBe(run.hash);
    expect(play({ ...script, tapes: script.tapes.map(() => []) }).run.verdict.kind).toBe('held');
  });

  it('after a change it says at which step it parts, and what happens there', () => {
    const { script, world } = record(shorten('happy-path', 3_000));
    const changed = { ...script, setup: { ...script.setup, syncMs: { min: 2, max: 4 } } };
    const now = play(changed, { fingerprint: true });
    const step = partingStep(world.loop.prints ?? [], now.world.loop.prints ?? []);
    expect(step).toBeGreaterThan(1);
    const around = stepsAround((options) => play(changed, options), step);
    // Not every step has something to tell: an op of a disk has not.
    expect(around.length).toBeGreaterThan(0);
    expect(around.every((told) => told.step > step - 4 && told.step <= step)).toBe(true);
    expect(partingStep(world.loop.prints ?? [], world.loop.prints ?? [])).toBe(0);
  });
});

describe('replay files: what is wrong is named', () => {
  const good = formatReplay(saved(record(shorten('happy-path', 300))));
  const broken = (change: (file: { script: Record<string, unknown> } & Record<string, unknown>) => void): string => {
    const file = JSON.parse(good);
    change(file);
    return JSON.stringify(file);
  };
  type Elements = { atMs: number; call: Record<string, unknown> }[];
  const element = (change: (call: Record<string, unknown>) => void): string =>
    broken(({ script }) => change((script['elements'] as Elements)[0]!.call));

  const cases: [string, string, RegExp][] = [
    ['no JSON', good.slice(0, 100), /^f: not JSON: /],
    ['another file', '{"a":1}', /^f: format: must be "svc-mailbox replay 1"/],
    [
      'another version',
      broken((file) => Object.assign(file, { format: 'svc-mailbox replay 2' })),
      /^f: format: must be/,
    ],
    ['an unknown field', broken((file) => Object.assign(file, { colour: 1 })), /colour: unknown field/],
    ['a missing field', broken((file) => Reflect.deleteProperty(file, 'hash')), /hash: missing/],
    ['an unknown verb', element((call) => Object.assign(call, { ask: { verb: 'sned' } })), /script\.elements\.0/],
    [
      'an unknown field of a call',
      element((call) => Object.assign(call, { when: 1 })),
      /elements\.0\.call\.when: unknown/,
    ],
    [
      'a node there is not',
      element((call) => Object.assign(call, { node: 3 })),
      /elements\[0\]: node: must be below the number of nodes, 1/,
    ],
    [
      'a capability there is not',
      element((call) => Object.assign(call, { capability: 99 })),
      /call\.capability: there are only/,
    ],
    [
      'time that goes back',
      broken(({ script }) => Object.assign((script['elements'] as Elements)[0]!, { atMs: 299 })),
      /elements\[1\]: atMs: goes back/,
    ],
  ];
  type Faults = { atMs: number; fault: Record<string, unknown> }[];
  const withFault = (fault: Record<string, unknown>): string =>
    broken(({ script }) => (script['elements'] as Faults).unshift({ atMs: 0, fault: { node: 0, ...fault } }));
  const setup = (change: Record<string, unknown>): string =>
    broken(({ script }) => Object.assign(script['setup'] as object, change));
  cases.push(
    [
      'more bits than a disk has',
      withFault({ kind: 'bit_flip', bits: 1_000_000_000 }),
      /elements\.0\.fault\.bits: must be/,
    ],
    [
      'a clock set by more than a schedule may',
      withFault({ kind: 'clock_step', byMs: 1e300 }),
      /elements\.0\.fault\.byMs/,
    ],
    ['a flood beyond all sockets', withFault({ kind: 'connection_flood', connections: 1e9, forMs: 1 }), /connections/],
    ['a skew beyond what a schedule may have', setup({ skewMs: [1e18] }), /setup\.skewMs\.0/],
    ['syncs that end before they begin', setup({ syncMs: { min: 2, max: 1 } }), /syncMs: max must be at least min/],
    ['no attempts at all', setup({ limits: { maxAttempts: 0 } }), /limits/],
    ['a title of several lines', broken((file) => Object.assign(file, { title: 'a\nb' })), /title/],
    [
      'a field whose name is hostile',
      broken((file) => Object.assign(file, { '\u001b[2J': 1 })),
      /"\\u001b\[2J": unknown/,
    ],
  );
  for (const [what, text, message] of cases) {
    it(what, () => expect(() => parseReplay(text, 'f')).toThrow(message));
  }

  it('what a schedule may ask for at most, its replay file may have', () => {
    const [at, every] = [1, { min: 0, max: 0 }];
    const furthest = { kind: 'clock_step', atMs: at, everyMs: every, node: 0, byMs: 20_000 * 86_400_000 } as const;
    const recorded = record({ ...shorten('happy-path', 300), faults: [furthest] });
    expect(parseReplay(formatReplay(saved(recorded)), 'f').script.elements).toContainEqual({
      atMs: at,
      fault: { kind: 'clock_step', node: 0, byMs: furthest.byMs },
    });
  });

  it('what an earlier version did not say yet is what it meant', () => {
    const read = parseReplay(withFault({ kind: 'disk_full', bytes: 5, forMs: 1 }), 'f');
    expect(read.script.elements[0]).toMatchObject({ fault: { kind: 'disk_full', bytes: 5, of: 'space', forMs: 1 } });
  });

  it('drawn runs are within the bounds of their own files', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const schedule = swarmSchedule(seed);
      const short = { ...schedule, setup: { ...schedule.setup, durationMs: 1_000, settleMs: 1_000 }, faults: [] };
      expect(() => parseReplay(formatReplay(saved(record(short))), 'f')).not.toThrow();
    }
  });

  it('many elements cost no more than their lines (T4)', () => {
    const wide = (count: number): string =>
      broken(({ script }) => {
        const [first] = script['elements'] as Elements;
        script['elements'] = Array.from({ length: count }, () => first);
      });
    const texts = new Map([1_000, 16_000].map((count) => [count, wide(count)]));
    expect(growth((count) => parseReplay(texts.get(count) as string, 'f'), 1_000, 16)).toBeLessThan(8);
  });
});

describe('shrink', () => {
  const whole = record({ ...readSchedule('negative-forgotten-acks'), violates: null });

  it('ends with the fewest elements that still fail in the same way, each of them needed', () => {
    const { script, run, minimal } = new Shrinker(whole.script, { playsMax: 100_000, isLate: () => false }).run();
    expect(run.verdict).toMatchObject({ kind: 'safety', rule: 'PrefixProp' });
    expect(minimal).toBe(true);
    expect(script.elements).toHaveLength(4);
    const verbs = script.elements.map((e) => ('call' in e ? e.call.ask.verb : e.fault.kind));
    expect(verbs).toEqual(['send', 'recv', 'ack', 'crash']);
    for (let i = 0; i < script.elements.length; i++) {
      const verdict = play({ ...script, elements: script.elements.toSpliced(i, 1) }).run.verdict;
      expect(verdict, `without ${verbs[i]}`).not.toMatchObject({ kind: 'safety', rule: 'PrefixProp' });
    }
  });

  it('makes what is left plain: no draws, one node, the default limits, no time to spare', () => {
    const { script } = new Shrinker(whole.script, { playsMax: 100_000, isLate: () => false }).run();
    expect(script.tapes).toEqual([[]]);
    expect(script.setup).toMatchObject({ nodes: 1, shards: 1, topics: 1 });
    expect(script.elements.at(-1)?.atMs).toBeLessThan(20);
    expect(script.capabilities).toHaveLength(2);
  });

  it('stops when its time is over, and does not call minimal what is not proved to be', () => {
    const { script, minimal } = new Shrinker(whole.script, { playsMax: 5, isLate: () => false }).run();
    expect(script.elements.length).toBeGreaterThan(4);
    expect(minimal).toBe(false);
  });

  it('refuses what holds', () => {
    const { script } = record(shorten('happy-path', 300));
    expect(() => new Shrinker(script, { playsMax: 5, isLate: () => false })).toThrow('nothing to shrink');
  });
});
