import { Compile } from 'typebox/compile';
import { describe, expect, it, vi } from 'vitest';
import { SCHEMAS, type SchemaName } from '../../src/api/schemas.ts';
import { check, faultFinder } from '../../src/http/check.ts';
import { PARTS_OF_ONE, parseJson } from '../../src/http/json.ts';
import fc from '../support/properties.ts';

const NAMES = Object.keys(SCHEMAS) as SchemaName[];
const GOOD: Readonly<Record<string, unknown>> = {
  ...{ topic: 't', idem_key: 'k', payload_b64: '', receipt: 'r', msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A' },
  ...{ attrs: { a: 'b' }, acks: [{ msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'r' }], messages: [{}], nacks: [{}] },
  ...{ msg_ids: ['01J8ZC4V2N6Q9R0S3T5W7X8Y1A'], nonce: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', key_id: 'k1', reason: 'ttl' },
  ...{ visibility_ms: 250, wait_ms: 1, credit: 1, max_messages: 1, max_bytes: 1, delay_ms: 0, ttl_ms: 1, limit: 1 },
  ...{ retry_after_ms: 0, dead_letter: true, older_than_ms: 0, rate_per_s: 1, include: 'payload', cursor: '0' },
  ...{ dry_run: true, prefix: 'a', state: 'leased', after: 'now' },
  ...{ payload_hash: `b3:${'0'.repeat(64)}` },
};
const odd = fc.oneof(
  fc.constantFrom<unknown>(null, -1, 0.5, 1e300, '', 'A', '\u0001', 'é', true, [], {}, [1], { a: 1 }, { 'a b': 'x' }),
  fc.constant(Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`a${i}`, 'x']))),
  fc.constant(Array(257).fill({ msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'r' })),
  fc.constant([{ msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'r', more: 1 }]),
  fc.constant({ a: '\u0085' }),
  fc.constantFrom('é', '🦉').chain((unit) => fc.constantFrom(1024, 1025).map((n) => unit.repeat(n))),
  fc.constantFrom(1024, 1025).map((n) => ({ a: '🦉'.repeat(n) })),
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
    const faultIn = faultFinder(SCHEMAS[name]);
    const seen = { good: 0, bad: 0 };
    fc.assert(
      fc.property(bodyOf(name), (body) => {
        const isGood = compiled.Check(body);
        seen[isGood ? 'good' : 'bad']++;
        expect(faultIn(body) === null).toBe(isGood);
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

  it('an object with far too many fields is known since it was parsed, and not gone through again (D9)', () => {
    const attrs = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`a${i}`, 'x']));
    const item = { topic: 't', idem_key: 'k', payload_b64: '' };
    const refusal = (body: object): unknown => {
      const value = parseJson(Buffer.from(JSON.stringify(body))) as object;
      const keys = vi.spyOn(Object, 'keys');
      try {
        check('send', value);
        return null;
      } catch (error) {
        const counted = keys.mock.calls.filter(
          ([one]) => one === value || one === (value as typeof item & { attrs: object }).attrs,
        );
        return [(error as Error).message, counted.length];
      } finally {
        keys.mockRestore();
      }
    };
    expect(refusal({ ...item, attrs })).toEqual(['attrs: must not have more than 32 properties', 1]);
    expect(refusal(attrs)).toEqual(['body: must not have more than 7 properties', 0]);
  });

  it('a request that is no batch has fewer parts (D9)', () => {
    const fullest = { topic: 't', acks: Array(256).fill({ msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'r' }) };
    expect(check('recv', parseJson(Buffer.from(JSON.stringify(fullest)), PARTS_OF_ONE))).toEqual(fullest);
    const ids = { topic: 't', msg_ids: Array(1_000).fill('01J8ZC4V2N6Q9R0S3T5W7X8Y1A') };
    expect(check('purge', parseJson(Buffer.from(JSON.stringify(ids)), PARTS_OF_ONE))).toEqual(ids);
    const many = JSON.stringify({ attrs: Object.fromEntries(Array.from({ length: 1_300 }, (_, i) => [`a${i}`, 'x'])) });
    expect(() => parseJson(Buffer.from(many), PARTS_OF_ONE)).toThrow('more than 1280 members');
  });
});
