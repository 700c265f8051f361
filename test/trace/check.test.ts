import { describe, expect, it } from 'vitest';
import { checkTrace } from '../../src/trace/check.ts';
import { explainTrace } from '../../src/trace/explain.ts';
import type { TraceStep } from '../../src/trace/format.ts';
import { growth } from '../support/growth.ts';
import fc from '../support/properties.ts';
import {
  CORRUPTIONS,
  type CorpusTrace,
  corrupted,
  goodFacts,
  goodTrace,
  textOf,
  traceOf,
} from '../support/trace-corpus.ts';

const GOOD = Array.from({ length: 1000 }, (_, i) => goodTrace(i + 1));

describe('trace check', () => {
  it('corpus: a thousand traces of the code are behaviours of the specification, and say everything there is to say (V5)', () => {
    const seen = new Set<string>();
    for (const trace of GOOD) {
      const result = checkTrace(textOf(trace));
      expect(result.mismatch === null, explainTrace(result, true)).toBe(true);
      for (const { action, changes } of trace.steps)
        seen.add(`${action} ${changes?.state ?? ''} ${changes?.reason ?? ''}`);
    }
    for (const what of [
      ...['Send queued ', 'Recv leased ', 'Ack acked ', 'Nack redelivered ', 'Nack dead_lettered max_attempts'],
      ...[
        'Nack dead_lettered rejected',
        'Nack dead_lettered integrity',
        'Extend  ',
        'Release queued ',
        'Release redelivered ',
      ],
      ...['Expire redelivered ', 'Expire dead_lettered max_attempts', 'Expire dead_lettered ttl'],
      ...['Expire dead_lettered retention', 'Reprocess queued none', 'Purge purged none', 'Recover  '],
    ])
      expect(seen, what).toContain(what);
  });

  it('found: a trace that begins anywhere in a life is one too, and says what was there (V5)', () => {
    const states = new Set<unknown>();
    for (let seed = 1; seed <= 200; seed++) {
      const facts = goodFacts(seed);
      const trace = traceOf(facts, 1 + (seed % facts.length));
      const result = checkTrace(textOf(trace));
      expect(result.mismatch === null, `${seed}: ${explainTrace(result, true)}`).toBe(true);
      for (const { action, changes } of trace.steps) if (action === 'Found') states.add(changes?.state);
    }
    expect(states).toEqual(new Set(['queued', 'leased', 'redelivered', 'acked', 'dead_lettered', 'purged']));
  });

  it('found: what no message can be, what comes twice or after the first step is refused', () => {
    const trace = Array.from({ length: 50 }, (_, i) => traceOf(goodFacts(i + 1), 12)).find(
      ({ steps }) => steps[0]?.changes?.state === 'leased' && steps.some(({ action }) => action === 'Recv'),
    ) as CorpusTrace;
    const says = (steps: readonly TraceStep[]): string => {
      const numbered = steps.map((step, i) => ({ ...step, seq: i + 1 }));
      return explainTrace(checkTrace(textOf({ ...trace, steps: numbered })), false);
    };
    const [first, ...rest] = trace.steps as [TraceStep, ...TraceStep[]];
    const with_ = (changes: object): TraceStep => ({ ...first, changes: { ...first.changes, ...changes } });
    expect(says([with_({ receipt: 7 }), ...rest])).toContain('cannot be found so: receipt = 7');
    expect(says([with_({ timer: 9999 }), ...rest])).toContain('a lease that is none');
    expect(says([with_({ reason: 'ttl' }), ...rest])).toContain('reason = ttl, leased');
    expect(says([with_({ state: 'absent' }), ...rest])).toContain('state = absent');
    expect(says([first, first, ...rest])).toContain('is found twice');
    expect(says([...trace.steps, { ...first, msg_id: 'other' }])).toContain(
      'is found after the first step of its shard',
    );
    expect(says(rest)).toMatch(/was never sent|no \w+ of|time passes/);
  });

  it('found: what is overdue by then must be done at the first step, and not after it', () => {
    const { header } = GOOD[0] as CorpusTrace;
    const line = (seq: number, at_ms: number, action: string, msg_id: string, more: object): TraceStep =>
      ({ seq, at_ms, shard: 0, action, msg_id, outcome: 'ok', ...more }) as TraceStep;
    const lease = { state: 'leased', attempt: 1, epoch: 1, receipt: 1, visibility: 10, left: 5 };
    const over = line(1, 1000, 'Found', 'a', { topic: 't', idem_key: 'a', changes: lease });
    const changes = { state: 'redelivered', receipt: 0, visibility: 0, left: 0, keep: header.constants.ReadyRetention };
    const expired = { changes: { ...changes, error: 'expired' } };
    expect(checkTrace(textOf({ header, steps: [over, line(2, 1007, 'Expire', 'a', expired)] })).mismatch).toBeNull();
    const sent = { state: 'queued', keep: header.constants.ReadyRetention, window: header.constants.TReplay };
    const between = line(2, 1003, 'Send', 'b', { topic: 't', idem_key: 'b', changes: sent });
    const late = checkTrace(textOf({ header, steps: [over, between, line(3, 1007, 'Expire', 'a', expired)] }));
    expect(late.mismatch?.says).toBe('time passes from 1003 to 1007, but the lease of a is over and did not end');
  });

  it('corpus: of a thousand corrupted traces nearly all are refused, each for a reason that can be read', () => {
    const legal: Record<string, number> = {};
    for (const [i, trace] of GOOD.entries()) {
      const how = CORRUPTIONS[i % CORRUPTIONS.length] as (typeof CORRUPTIONS)[number];
      const result = checkTrace(textOf(corrupted(trace, how, i)));
      if (result.mismatch === null) legal[how] = (legal[how] ?? 0) + 1;
      else {
        const text = explainTrace(result, true);
        expect(text).toMatch(/^line \d+: not a behaviour of the specification: /);
        if (result.mismatch.refused.length > 0) expect(text).toMatch(/does not hold|expected \w+ = /);
      }
    }
    // Some corruptions are lives that a message may well have had; test/slow asks TLC of each of them.
    const sum = Object.values(legal).reduce((a, b) => a + b, 0);
    expect(sum).toBeLessThan(350);
    expect(sum).toBeGreaterThan(0);
  });

  const lines = (): string[] =>
    textOf(GOOD[0] as (typeof GOOD)[number])
      .split('\n')
      .slice(0, -1);
  const joined = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');
  const changed = (line: number, field: string, value: unknown): string => {
    const all = lines();
    all[line - 1] = JSON.stringify({ ...JSON.parse(all[line - 1] as string), [field]: value });
    return joined(all);
  };

  it('bad input: one line that names the line and the field', () => {
    const refused = (text: string, says: RegExp): void => {
      let message = '';
      try {
        checkTrace(text);
      } catch (error) {
        expect((error as Error).name).toBe('TraceError');
        message = (error as Error).message;
      }
      expect(message).toMatch(says);
      expect(message).not.toContain('\n');
    };
    refused('', /line 1: empty/);
    refused('{"a":1}\n', /line 1: trace: must be "svc-mailbox"/);
    refused(changed(1, 'version', 2), /line 1: version: 2, this reads 1/);
    refused(changed(1, 'producer', 'me'), /line 1: producer: must be one of/);
    refused(
      changed(1, 'constants', { MaxAttempts: 0 }),
      /line 1: constants\.MaxAttempts: 0: must be a whole number, at least 1/,
    );
    refused(changed(1, 'constants', { Colour: 1 }), /line 1: constants\.Colour: unknown field/);
    refused(changed(1, 'extra', 1), /line 1: extra: unknown field/);
    refused(changed(2, 'action', 'Sned'), /line 2: action: "Sned" is none of Send/);
    refused(changed(2, 'at_ms', -1), /line 2: at_ms: -1: must be a whole number/);
    refused(changed(2, 'at_ms', 1e300), /line 2: at_ms/);
    refused(changed(2, 'outcome', 'maybe'), /line 2: outcome/);
    refused(changed(2, 'changes', { colour: 1 }), /line 2: changes\.colour: must be one of state/);
    refused(changed(2, 'changes', { attempt: 'x' }), /line 2: changes\.attempt: "x": must be a whole number/);
    refused(changed(2, 'changes', { state: 'gone' }), /line 2: changes\.state: must be one of/);
    refused(changed(3, 'seq', 7), /line 3: seq: 7, expected 2/);
    refused(changed(2, 'shard', 4_294_967_294), /line 2: shard: 4294967294: must be a whole number 0\.\.16383/);
    refused(
      changed(2, 'action', '\x1b[2J\u202e'.repeat(99)),
      /line 2: action: "\\u001b\[2J.*" is none|\.\. \(\d+ characters\)/,
    );
    refused(joined(lines()).slice(0, -9), /cut off/);
    refused(joined([...lines().slice(0, 3), 'not json']), /line 4: not JSON/);
  });

  it('bad input: names that every object has, and nesting without end, are one line too', () => {
    const hostile = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const all = lines();
    const withText = (line: number, field: string, json: string): string => {
      const text = JSON.stringify({ ...JSON.parse(all[line - 1] as string), [field]: 'HERE' });
      return joined(all.with(line - 1, text.replace('"HERE"', json)));
    };
    const fields: [number, string][] = [
      ...['trace', 'version', 'producer', 'commit', 'constants'].map((name): [number, string] => [1, name]),
      ...['seq', 'at_ms', 'shard', 'action', 'msg_id', 'topic', 'outcome', 'changes'].map((name): [number, string] => [
        2,
        name,
      ]),
    ];
    const values = [
      deep,
      ...hostile.map((name) => `{"${name}":{"${name}":1}}`),
      '1e999',
      'null',
      '""',
      '[]',
      '-0.5',
      '{"state":{}}',
    ];
    for (const [line, field] of fields)
      for (const value of values) {
        if (field === 'commit' && (value === 'null' || value === '""')) continue;
        let message = '';
        try {
          checkTrace(withText(line, field, value));
        } catch (error) {
          expect((error as Error).name, `${field} ${value.slice(0, 30)}`).toBe('TraceError');
          message = (error as Error).message;
        }
        expect(message, `${field} ${value.slice(0, 30)}`).toMatch(new RegExp(`^line ${line}: .{1,400}$`));
      }
    for (const name of hostile) {
      expect(() => checkTrace(withText(2, name, '1'))).toThrow(/^line 2: .*unknown field$/);
      expect(() => checkTrace(withText(1, name, '1'))).toThrow(/^line 1: .*unknown field$/);
    }
  });

  it('bad input: many shards, and clocks set back again and again, cost no more than their lines', () => {
    const [first] = lines();
    const header = JSON.parse(first as string);
    const { constants } = header;
    Object.assign(constants, { ShardCapacity: 1e6, DedupCapacity: 1e6, MaxAttempts: 1e6 });
    const step = (seq: number, shard: number, at_ms: number) => ({
      seq,
      at_ms,
      shard,
      action: 'Recover',
      outcome: 'ok',
    });
    const send = (seq: number, shard: number) => {
      const changes = { state: 'queued', keep: constants.ReadyRetention, window: constants.TReplay };
      return { ...step(seq, shard, 0), action: 'Send', msg_id: `m${seq}`, topic: `t${seq}`, idem_key: 'k', changes };
    };
    const trace = (of: number, line: (seq: number) => object): string =>
      joined([header, ...Array.from({ length: of }, (_, i) => line(i + 1))].map((one) => JSON.stringify(one)));
    const matched = (text: string): number => checkTrace(text).matched;
    const wide = (size: number): string => trace(size, (seq) => send(seq, seq % 16_384));
    const back = (size: number): string =>
      trace(2 * size, (seq) => (seq <= size ? send(seq, 0) : step(seq, 0, seq % 2)));
    const texts = new Map([wide, back].flatMap((make) => [500, 8_000].map((n) => [`${make.name} ${n}`, make(n)])));
    for (const name of ['wide', 'back']) {
      const ratio = growth((n) => matched(texts.get(`${name} ${n}`) as string), 500, 16);
      expect(matched(texts.get(`${name} 8000`) as string)).toBeGreaterThanOrEqual(8_000);
      expect(ratio, name).toBeLessThan(8);
    }
  });

  it('bad input: whatever the bytes, a verdict or one line', () => {
    const whole = textOf(GOOD[1] as (typeof GOOD)[number]);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.string({ maxLength: 4 }), fc.nat(3), (at, text, drop) => {
        try {
          checkTrace(whole.slice(0, at) + text + whole.slice(at + drop));
        } catch (error) {
          expect((error as Error).name).toBe('TraceError');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
