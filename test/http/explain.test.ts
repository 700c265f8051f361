import fc from 'fast-check';
import { Compile } from 'typebox/compile';
import { describe, expect, it } from 'vitest';
import { explain } from '../../src/http/explain.ts';
import { check, SCHEMAS, type SchemaName } from '../../src/http/schemas.ts';

const NAMES = Object.keys(SCHEMAS) as SchemaName[];
const GOOD: Readonly<Record<string, unknown>> = {
  ...{ topic: 't', idem_key: 'k', payload_b64: '', receipt: 'r', msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A' },
  ...{ attrs: { a: 'b' }, acks: [{ msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'r' }], messages: [{}], nacks: [{}] },
  ...{ msg_ids: ['01J8ZC4V2N6Q9R0S3T5W7X8Y1A'], nonce: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', key_id: 'k1', reason: 'ttl' },
  ...{ visibility_ms: 250, wait_ms: 1, credit: 1, max_messages: 1, max_bytes: 1, delay_ms: 0, ttl_ms: 1, limit: 1 },
  ...{ retry_after_ms: 0, dead_letter: true, older_than_ms: 0, rate_per_s: 1, include: 'payload', cursor: '0' },
  ...{ payload_hash: `b3:${'0'.repeat(64)}` },
};
const odd = fc.oneof(
  fc.constantFrom<unknown>(null, -1, 0.5, 1e300, '', 'A', '\u0001', 'é', true, [], {}, [1], { a: 1 }, { 'a b': 'x' }),
  fc.constant(Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`a${i}`, 'x']))),
  fc.constant(Array(257).fill({ msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'r' })),
  fc.constant([{ msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'r', more: 1 }]),
  fc.constant({ a: '\u0085' }),
  fc.dictionary(fc.constantFrom('a', 'B', '__proto__', 'c.d'), fc.constantFrom<unknown>('', 'x', 1, '\u007f')),
);
/** A body in which some fields are as they should be, some are not, some are missing and some are nobody's. */
const bodyOf = (name: SchemaName): fc.Arbitrary<unknown> => {
  const fields = Object.keys((SCHEMAS[name] as unknown as { properties: object }).properties);
  const some = fc.subarray(fields, { minLength: Math.max(0, fields.length - 3) });
  const wrong = fc.dictionary(fc.constantFrom(...fields, 'other', 'toString', '__proto__'), odd, { maxKeys: 2 });
  const body = fc.tuple(some, wrong).map(([kept, changed]) => ({
    ...Object.fromEntries(kept.map((field) => [field, GOOD[field]])),
    ...changed,
  }));
  return fc.oneof({ weight: 20, arbitrary: body }, { weight: 1, arbitrary: odd });
};

describe('explain', () => {
  it.each(NAMES)('%s: finds a fault exactly where the compiled schema does', (name) => {
    const compiled = Compile(SCHEMAS[name]);
    const seen = { good: 0, bad: 0 };
    fc.assert(
      fc.property(bodyOf(name), (body) => {
        const isGood = compiled.Check(body);
        seen[isGood ? 'good' : 'bad']++;
        expect(explain(SCHEMAS[name], body) === null).toBe(isGood);
        if (isGood) expect(check(name, body)).toBe(body);
        else expect(() => check(name, body)).toThrow(/^[\w.()' -]{1,80}: ./);
      }),
      { numRuns: 300 },
    );
    expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(0);
  });

  it('one fault is looked for and no more: what is wrong in 256 places costs what is wrong in one (D9)', () => {
    let looked = 0;
    const counted = (): object =>
      Object.defineProperty({ receipt: 'r' }, 'msg_id', {
        enumerable: true,
        get: () => {
          looked++;
          return 'x';
        },
      });
    const acks = Array.from({ length: 256 }, counted);
    expect(() => check('recv', { topic: 't', acks })).toThrow('acks.0.msg_id: a ULID of 26 characters');
    expect(looked).toBeLessThan(8);
  });

  it('fields beyond any number are counted, and none of them is looked at (D9)', () => {
    let looked = 0;
    const attrs: object = {};
    for (let i = 0; i < 10_000; i++) {
      Object.defineProperty(attrs, `a${i}`, {
        enumerable: true,
        get: () => {
          looked++;
          return 'x';
        },
      });
    }
    const body = { topic: 't', idem_key: 'k', payload_b64: '', attrs };
    expect(() => check('send', body)).toThrow('attrs: must not have more than 32 properties');
    expect(looked).toBe(0);
  });
});
