import { describe, expect, it } from 'vitest';
import type { Capability } from '../../src/auth/authorize.ts';
import { Malformed, parseJson } from '../../src/http/json.ts';
import { type Match, match } from '../../src/http/routes.ts';
import { corpus } from '../support/corpus.ts';
import { fuzz, takes } from '../support/fuzz.ts';
import { mutants } from '../support/mutate.ts';
import { odder } from '../support/odd.ts';
import fc from '../support/properties.ts';

const KEPT = corpus('json').map(({ name, ...kept }) => {
  const [path = '', ...words] = name.split(' ');
  return { ...kept, path, name: `${path}: ${words.join(' ')}` };
});
const PATHS = [...new Set(KEPT.map(({ path }) => path))];

/** Nothing is asked of it. */
const NOBODY = {} as Capability;

/** What a route makes of a value, as far as it goes before the service is asked. @throws Malformed */
function read(path: string, value: unknown): void {
  const { route, msgId } = match('POST', `/v1/${path}`) as Match;
  route.json?.({ value, msgId, corrId: '-', capability: NOBODY, flag200: false });
  route.stream?.(value);
}

/** Refused as malformed, or taken by the routes it is for. */
function check(body: Buffer): void {
  takes(Malformed, () => {
    const value = parseJson(body);
    for (const path of PATHS) takes(Malformed, () => read(path, value));
  });
}

describe('fuzz: JSON', () => {
  it.each(KEPT.map((kept) => [kept.name, kept] as const))('kept: %s (T4, V2)', (_name, { path, bytes, isGood }) => {
    check(bytes);
    expect(takes(Malformed, () => read(path, parseJson(bytes)))).toBe(isGood);
  });

  it('bytes that were changed: refused as malformed, or taken (V1, V2)', () => {
    fuzz(mutants(KEPT.map(({ bytes }) => bytes)), check);
  });

  it('values that were changed: refused as malformed, or taken (V1, V2)', () => {
    const values = KEPT.filter(({ isGood, bytes }) => isGood && bytes.length < 2_000).map(({ bytes }) =>
      parseJson(bytes),
    );
    fuzz(
      fc
        .constantFrom(...values)
        .chain(odder)
        .map((value) => Buffer.from(JSON.stringify(value) ?? '')),
      check,
    );
  });

  it('far too much of anything: refused in no more time than anything else (D4, V2)', () => {
    const many = (count: number, of: unknown) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`X${i}`, of]));
    const send = { topic: 'a', idem_key: 'k', payload_b64: '' };
    const bodies = [
      { ...send, ...many(80_000, 1) },
      { ...send, attrs: many(80_000, 1) },
      { topic: 'a', acks: Array(300_000).fill({}) },
      { topic: 'a', acks: Array(256).fill(many(300, 1)) },
      { messages: Array(256).fill({ ...send, attrs: many(300, '') }) },
      { topic: 'a', msg_ids: Array(200_000).fill(1) },
    ];
    fuzz(fc.constantFrom(...bodies.map((body) => Buffer.from(JSON.stringify(body)))), check);
  });
});
