import { describe, expect, it } from 'vitest';
import { readSchedule } from '../../sim/files.ts';
import { parseSchedule } from '../../sim/schedule.ts';
import { growth } from '../support/growth.ts';

describe('schedule files: what is wrong is named with line, column, field and limit (T4)', () => {
  const good = [
    'name: t',
    'description: d',
    'seed: 1',
    'duration: 10s',
    'producers: { count: 1, every: 5ms }',
    'consumers:',
    '  - { kind: good, count: 1 }',
  ];
  const withLine = (...lines: readonly string[]): string => [...good, ...lines].join('\n');
  const replaced = (at: number, line: string): string => good.with(at, line).join('\n');
  const fault = (text: string): string => withLine(`faults: [ { ${text} } ]`);

  it('the least schedule reads', () => {
    const schedule = parseSchedule(good.join('\n'), 'f');
    expect(schedule).toMatchObject({ setup: { durationMs: 10_000, nodes: 1 }, faults: [], violates: null });
  });

  it('every field of every shipped schedule is read', () => {
    const day = readSchedule('standard-day');
    expect(day).toMatchObject({ setup: { cacheTtlMs: 120_000, topics: 4 }, capabilities: { lifetimeMs: 3_600_000 } });
    expect(day.faults.map(({ kind }) => kind)).toContain('clock_drift');
    expect(readSchedule('clock-skew').setup.skewMs).toEqual([120_000, -120_000, 3_600_000, -3_600_000]);
  });

  it('no such schedule: the shipped ones are named', () => {
    expect(() => readSchedule('no-such')).toThrow(/^no-such: no such schedule; shipped are .*happy-path/);
  });

  const cases: [string, string, string][] = [
    ['unknown field', withLine('colour: red'), 'f:8:1: colour: unknown field'],
    [
      'unknown field within',
      replaced(4, 'producers: { count: 1, every: 5ms, evry: 1 }'),
      'f:5:36: producers.evry: unknown',
    ],
    ['unknown field of a fault', fault('kind: crash, at: 1s, down: 1s, up: 1s'), 'f:8:44: faults[0].up: unknown field'],
    [
      'a field that is misspelt and therefore missing',
      fault('kind: crash, at: 1s, dwon: 1s'),
      'f:8:34: faults[0].dwon: unknown field; down is missing',
    ],
    ['unknown limit', withLine('limits: { max_tries: 1 }'), 'f:8:11: limits.max_tries: unknown field'],
    ['missing field', good.slice(1).join('\n'), 'name: missing'],
    ['a word for a number', replaced(2, 'seed: one'), 'f:3:7: seed "one": must be a whole number 0..'],
    ['a negative seed', replaced(2, 'seed: -1'), 'f:3:7: seed "-1": must be a whole number 0..'],
    ['a duration without a unit', replaced(3, 'duration: 10'), 'f:4:11: duration "10": must be a duration'],
    [
      'no duration at all',
      replaced(3, 'duration: 0s'),
      'f:4:11: duration "0s": must be a duration, like 250ms or 5s, at least 1ms, at most 20d',
    ],
    ['a duration beyond what can be simulated', replaced(3, 'duration: 21d'), 'f:4:11: duration "21d": must be'],
    ['an empty range', withLine('sync: 5ms..1ms'), 'f:8:7: sync "5ms..1ms": must be a duration or a range'],
    [
      'a probability above one',
      withLine('network: { drop: 1.5 }'),
      'f:8:18: network.drop "1.5": must be a number 0..1',
    ],
    [
      'an unknown consumer',
      replaced(6, '  - { kind: lazy, count: 1 }'),
      'f:7:13: consumers[0].kind "lazy": must be good, slow',
    ],
    [
      'a wait beyond the limit',
      replaced(6, '  - { kind: good, count: 1, wait: 21s }'),
      'f:7:35: consumers[0].wait "21s": must be a duration',
    ],
    ['a list that is none', withLine('faults: crash'), 'f:8:9: faults: must be a list'],
    ['an unknown fault', fault('kind: meteor, at: 1s'), 'f:8:19: faults[0].kind "meteor": must be crash'],
    ['a fault without its time', fault('kind: crash, down: 1s'), 'faults[0].at: missing'],
    ['a fault after the end', fault('kind: crash, at: 11s, down: 1s'), 'f:8:30: faults[0].at: must be before the end'],
    [
      'a fault at a node there is not',
      fault('kind: crash, node: 1, at: 1s, down: 1s'),
      'f:8:32: faults[0].node "1": must be a whole number 0..0',
    ],
    [
      'an unknown group',
      fault('kind: partition, at: 1s, for: 1s, who: nobody'),
      'faults[0].who "nobody": must be all, producers',
    ],
    [
      'a clock that runs backwards',
      fault('kind: clock_drift, at: 1s, for: 1s, rate: -1'),
      'faults[0].rate "-1": must be a number 0.1..10',
    ],
    [
      'a step of more than there is to step',
      fault('kind: clock_step, at: 1s, by: -20001d'),
      'faults[0].by "-20001d": must be a duration of at most 20000d, like 2m or -2m',
    ],
    [
      'more nodes than topics',
      withLine('nodes: 3', 'topics: 2'),
      'f:9:9: topics: must be at least the number of nodes, 3',
    ],
    ['a node that heals and is not there', withLine('heals: [0, 1]'), 'f:8:12: heals: must be a list of different'],
    ['no node that heals', withLine('heals: []'), 'f:8:8: heals: must be a list of different whole numbers 0..0'],
    ['more skews than nodes', withLine('skew: [1s, 2s]'), 'f:8:7: skew: must be a list of at most 1'],
    [
      'a window shorter than two leases',
      withLine('limits: { t_replay: 9s }'),
      'f:8:21: limits.t_replay: must be at least 2 x default_visibility (T3)',
    ],
    [
      'a backoff that ends before it begins',
      withLine('limits: { backoff_max: 1ms }'),
      'limits.backoff_max: must be at least backoff_base',
    ],
    ['a visibility below the least', withLine('limits: { default_visibility: 249ms }'), 'at least 250ms'],
    ['an unknown goal', withLine('goals: { fun: 1 }'), 'f:8:10: goals.fun: unknown field; known here are accepted'],
    ['an unknown rule', withLine('violates: Murphy'), 'f:8:11: violates "Murphy": must be '],
    ['an unknown defect', withLine('defect: all'), 'f:8:9: defect "all": must be reply_before_sync'],
    ['a key twice', withLine('name: again'), 'f:8:1: name: Map keys must be unique'],
    ['an anchor bomb', 'a: &a [x]\nb: [*a,*a', 'f:'],
    ['not a mapping', '- 1', 'f:1:1: a schedule is a mapping'],
    ['nothing', '', 'f:1:1: a schedule is a mapping'],
  ];
  for (const [what, text, message] of cases) {
    it(what, () => expect(() => parseSchedule(text, 'f')).toThrow(message));
  }

  it.each([
    ['lists', withLine(`a: ${'['.repeat(10_000)}`), 'f:8:35: deeper than 32 levels'],
    ['lists that end', withLine(`a: ${'['.repeat(10_000)}${']'.repeat(10_000)}`), 'f:8:35: deeper than 32 levels'],
    ['mappings', withLine(`a: ${'{a: '.repeat(10_000)}`), 'deeper than 32 levels'],
    ['lists in lines', withLine(`a:\n${'- '.repeat(10_000)}1`), 'deeper than 32 levels'],
    ['mappings in lines', Array.from({ length: 500 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'deeper than 32'],
    ['keys', '? '.repeat(10_000), 'deeper than 32 levels'],
    ['one level too many', withLine(`a: ${'['.repeat(32)}${']'.repeat(32)}`), 'f:8:35: deeper than 32 levels'],
    ['as deep as may be', withLine(`a: ${'['.repeat(31)}${']'.repeat(31)}`), 'f:8:1: a: unknown field'],
  ])('depth: %s', (_, text, message) => expect(() => parseSchedule(text, 'f')).toThrow(message));

  it('what is hostile is not echoed as it is', () => {
    expect(() => parseSchedule(withLine('"\\u001b[2J\\u202e": 1'), 'f')).toThrow(
      'f:8:1: "\\u001b[2J\\u202e": unknown field',
    );
    expect(() => parseSchedule(replaced(2, 'seed: "\\u001b]0;x\\u0007"'), 'f\x1b')).toThrow(
      'f\\u001b:3:7: seed "\\u001b]0;x\\u0007": must be',
    );
    expect(() => parseSchedule(replaced(2, `seed: ${'9'.repeat(999)}`), 'f')).toThrow(/^f:3:7: seed .{1,120} must be/);
  });

  it('many fields cost no more than their lines (T4)', () => {
    const wide = (count: number): string =>
      [...good, 'limits:', ...Array.from({ length: count }, (_, i) => `  k${i}: 1`)].join('\n');
    const texts = new Map([500, 8_000].map((count) => [count, wide(count)]));
    const ratio = growth(
      (count) => {
        expect(() => parseSchedule(texts.get(count) as string, 'f')).toThrow('limits.k0: unknown field');
      },
      500,
      16,
    );
    expect(ratio).toBeLessThan(8);
  });
});
