import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Loop } from '../../sim/loop.ts';
import { Stream } from '../../sim/random.ts';
import { parseSchedule } from '../../sim/schedule.ts';

describe('loop', () => {
  it('runs events by time, then in the order in which they were asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 200 }), (delays) => {
        const loop = new Loop();
        const ran: [number, number][] = [];
        for (const [i, delay] of delays.entries()) loop.after(delay, 'client', i, () => ran.push([loop.nowMs, i]));
        while (loop.step(1000));
        const expected = delays
          .map((delay, i): [number, number] => [delay, i])
          .sort(([a, i], [b, j]) => a - b || i - j);
        expect(ran).toEqual(expected);
        expect(loop.steps).toBe(delays.length);
      }),
    );
  });

  it('does not run what is later than asked', () => {
    const loop = new Loop();
    loop.after(10, 'client', 0, () => {});
    expect(loop.step(9)).toBe(false);
    expect(loop.nowMs).toBe(9);
    expect(loop.step(10)).toBe(true);
  });

  it('hashes every number of every record, across its buffer (SHA-256 over little-endian words)', () => {
    const loop = new Loop();
    const words: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      loop.record(i % 11, i, i * 7);
      words.push(0, i % 11, i, i * 7);
    }
    const bytes = Buffer.alloc(words.length * 4);
    for (const [i, word] of words.entries()) bytes.writeInt32LE(word, i * 4);
    expect(loop.digest()).toBe(createHash('sha256').update(bytes).digest('hex'));
  });
});

describe('random streams', () => {
  it('are fixed by seed and name, and independent of each other', () => {
    const draw = (stream: Stream): number[] => Array.from({ length: 50 }, () => stream.next());
    const first = draw(new Stream(1, 'a'));
    const other = new Stream(1, 'b');
    draw(other);
    expect(draw(new Stream(1, 'a'))).toEqual(first);
    expect(draw(new Stream(1, 'b'))).not.toEqual(first);
    expect(draw(new Stream(2, 'a'))).not.toEqual(first);
    expect(draw(new Stream(1 + 2 ** 32, 'a'))).not.toEqual(first);
  });

  it('the first draws of a stream never change', () => {
    const stream = new Stream(42, 'network');
    expect([stream.next(), stream.next(), stream.next()]).toMatchInlineSnapshot(`
      [
        2944988741,
        3487751199,
        1155769417,
      ]
    `);
  });

  it('draw inside their bounds, evenly', () => {
    const stream = new Stream(7, 'even');
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[stream.below(10)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    for (let i = 0; i < 1000; i++) expect(stream.within({ min: 3, max: 5 })).toBeOneOf([3, 4, 5]);
  });
});

describe('schedule files: what is wrong is named with line, column, field and limit', () => {
  const good = [
    'name: t',
    'description: d',
    'seed: 1',
    'duration: 10s',
    'producers: { count: 1, every: 5ms }',
    'consumers:',
    '  - { kind: good, count: 1 }',
  ];
  const withLine = (line: string): string => [...good, line].join('\n');
  const replaced = (at: number, line: string): string => good.with(at, line).join('\n');

  it('the least schedule reads', () => {
    expect(parseSchedule(good.join('\n'), 'f')).toMatchObject({ durationMs: 10_000, faults: [], violates: null });
  });

  const cases: [string, string, string][] = [
    ['unknown field', withLine('colour: red'), 'f:8:1: colour: unknown field'],
    [
      'unknown field within',
      replaced(4, 'producers: { count: 1, every: 5ms, evry: 1 }'),
      'f:5:36: producers.evry: unknown',
    ],
    ['missing field', good.slice(1).join('\n'), 'name: missing'],
    ['a word for a number', replaced(2, 'seed: one'), 'f:3:7: seed: must be a whole number 0..'],
    ['a negative seed', replaced(2, 'seed: -1'), 'f:3:7: seed: must be a whole number 0..'],
    ['a duration without a unit', replaced(3, 'duration: 10'), 'f:4:11: duration: must be a duration'],
    ['an empty range', withLine('sync: 5ms..1ms'), 'f:8:7: sync: must be a duration or a range'],
    ['a probability above one', withLine('network: { drop: 1.5 }'), 'f:8:18: network.drop: must be a number 0..1'],
    [
      'an unknown consumer',
      replaced(6, '  - { kind: lazy, count: 1 }'),
      'f:7:13: consumers[0].kind: must be good, slow',
    ],
    ['a list that is none', withLine('faults: crash'), 'f:8:9: faults: must be a list'],
    ['an unknown fault', withLine('faults: [ { kind: meteor, at: 1s } ]'), 'f:8:19: faults[0].kind: must be crash'],
    ['a fault without its time', withLine('faults: [ { kind: crash, down: 1s } ]'), 'faults[0].at: missing'],
    ['an unknown goal', withLine('goals: { fun: 1 }'), 'f:8:10: goals.fun: unknown field; known here are accepted'],
    ['an unknown invariant', withLine('violates: Murphy'), 'f:8:11: violates: must be '],
    [
      'a step of more than a day',
      withLine('faults: [ { kind: clock_step, at: 1s, by: -2d } ]'),
      'faults[0].by: must be',
    ],
    ['a key twice', withLine('name: again'), 'f:8:1: Map keys must be unique'],
    ['an anchor bomb', 'a: &a [x]\nb: [*a,*a', 'f:'],
    ['not a mapping', '- 1', 'f:1:1: a schedule is a mapping'],
    ['nothing', '', 'f:1:1: a schedule is a mapping'],
  ];
  for (const [what, text, message] of cases) {
    it(what, () => expect(() => parseSchedule(text, 'f')).toThrow(message));
  }
});
