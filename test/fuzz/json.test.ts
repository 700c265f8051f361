import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Malformed, parseJson } from '../../src/http/json.ts';
import { type Input, type Match, match } from '../../src/http/routes.ts';
import { corpus } from '../support/corpus.ts';
import { fuzz, takes } from '../support/fuzz.ts';
import { mutants } from '../support/mutate.ts';
import { odder } from '../support/odd.ts';

const KEPT = corpus('json').map(({ name, ...kept }) => {
  const [path = '', ...words] = name.split(' ');
  return { ...kept, path, name: `${path}: ${words.join(' ')}` };
});
const PATHS = [...new Set(KEPT.map(({ path }) => path))];

/** What a route makes of a value, as far as it goes before the service is asked. @throws Malformed */
function read(path: string, value: unknown): void {
  const { route, msgId } = match('POST', `/v1/${path}`) as Match;
  const input: Input = { value, msgId, corrId: '-' };
  route.one?.(input, false);
  route.many?.(input, false);
  route.stream?.(input);
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
});
