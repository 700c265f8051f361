import { describe, expect, it } from 'vitest';
import { Malformed, parseJson } from '../../src/http/json.ts';
import fc, { Reached } from '../support/properties.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

/** What JSON is made of, in any order: much of it is nearly some. */
const PIECES = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"a"',
  '"b":',
  '"',
  '\\',
  '\\u0041',
  '1',
  '-0',
  '1e9',
  'true',
  'null',
  ' ',
];
/** As deep as is taken: chains of lists and objects. */
const nested = fc
  .array(fc.constantFrom('list', 'object'), { maxLength: 15 })
  .map((kinds) => kinds.reduce<unknown>((inner, kind) => (kind === 'list' ? [inner, 0] : { a: inner }), 'x'));

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

describe('json', () => {
  it('parse: gives what JSON.parse gives for any value up to the depth', () => {
    const reached = new Reached('json');
    const value = fc.oneof(fc.jsonValue({ maxDepth: 8, depthSize: 'medium' }), nested);
    fc.assert(
      fc.property(value, fc.constantFrom(0, 1), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseJson(bytes(text))).toEqual(JSON.parse(text));
        reached.saw({ bytes: text.length, depth: depthOf(value) });
      }),
    );
    reached.atLeast({ bytes: 500, depth: 10 });
  });

  it('parse: any bytes are read as JSON.parse reads them, or refused as malformed', () => {
    const reached = new Reached('json bytes');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }).map((list) => Buffer.from(list)),
          fc.string({ maxLength: 200 }).map(bytes),
          fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map((pieces) => bytes(pieces.join(''))),
          fc
            .array(fc.constantFrom('1', '"a"', 'null', '[]', '{"a":1}'), { maxLength: 60 })
            .map((all) => bytes(`[${all}]`)),
        ),
        (input) => {
          let isTaken = true;
          try {
            expect(parseJson(input)).toEqual(JSON.parse(input.toString()));
          } catch (error) {
            expect(error).toBeInstanceOf(Malformed);
            isTaken = false;
          }
          reached.saw(isTaken ? { taken: input.length } : { refused: input.length });
        },
      ),
      { numRuns: 300 },
    );
    reached.atLeast({ taken: 150, refused: 100 });
  });

  it('texts: any quotes, backslashes and shapes in them, short and long, are read as JSON.parse reads them', () => {
    const piece = fc.constantFrom('\\\\', '\\"', '\\u0022', 'a', 'é', '😀', '[', ':', ',', '}', ' ', 'x'.repeat(70));
    const text = fc.array(piece, { maxLength: 120, size: 'max' }).map((pieces) => `"${pieces.join('')}"`);
    fc.assert(
      fc.property(text, text, fc.boolean(), (one, other, isCut) => {
        const whole = `{"k":${one},"l":[${other},{"m":${one}}],"n":1}`;
        if (isCut) expect(() => parseJson(bytes(whole.slice(0, -9)))).toThrow(Malformed);
        else expect(parseJson(bytes(whole))).toEqual(JSON.parse(whole));
      }),
      { numRuns: 300 },
    );
  });

  it('parts: the fullest batch is read; more members, lists or items are refused before they are made (D9)', () => {
    const attrs = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`a${i}`, 'x']));
    const item = { topic: 't', idem_key: 'k', payload_b64: '', payload_hash: 'h', delay_ms: 1, ttl_ms: 1, attrs };
    const fullest = { messages: Array(256).fill(item) };
    expect(parseJson(bytes(JSON.stringify(fullest)))).toEqual(fullest);
    const many = (piece: string): Buffer => bytes(`[${Array(10_754).fill(piece).join()}]`);
    for (const piece of ['{}', '[]', '{"a":1}'])
      expect(() => parseJson(many(piece))).toThrow('more than 10752 members');
    for (const piece of ['1', '""', 'null']) expect(() => parseJson(many(piece))).toThrow('more than 10752 commas');
  });

  it('keys: one that is there twice is refused, at any depth and however it is written', () => {
    for (const text of ['{"a":1,"a":1}', '{"x":[{"b":1,"c":2,"b":3}]}', '{"a":1,"\\u0061":2}', '{"a:b":1,"a:b":2}']) {
      expect(() => parseJson(bytes(text)), text).toThrow('a key is there twice');
    }
    expect(parseJson(bytes('{"a":":","b":"{\\"a\\":1}","c":"\\\\"}'))).toEqual({ a: ':', b: '{"a":1}', c: '\\' });
  });

  it('depth: 16 levels are read, 17 are refused before they are', () => {
    const nested = (depth: number): Buffer => bytes('['.repeat(depth) + ']'.repeat(depth));
    expect(parseJson(nested(16))).toBeDefined();
    expect(() => parseJson(nested(17))).toThrow('deeper than 16 levels');
    expect(() => parseJson(nested(500_000))).toThrow('deeper than 16 levels');
    expect(parseJson(bytes(`["${'['.repeat(100)}"]`))).toEqual(['['.repeat(100)]);
  });

  it('bytes: invalid UTF-8, a BOM and text that never ends are refused', () => {
    expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow('not valid UTF-8');
    expect(() => parseJson(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).toThrow('not valid UTF-8');
    expect(() => parseJson(Buffer.from([0xef, 0xbb, 0xbf, 0x31]))).toThrow('not valid JSON');
    for (const text of ['', '{', '"abc', '"a\\"', '{"a":}', 'NaN', '01', "{'a':1}", '[1,]']) {
      expect(() => parseJson(bytes(text)), text).toThrow('not valid JSON');
    }
  });

  it('__proto__: is a key like any other and changes no object', () => {
    const value = parseJson(bytes('{"__proto__":{"admin":true}}')) as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });
});
