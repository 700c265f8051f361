import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Malformed, parseJson } from '../../src/http/json.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

describe('json', () => {
  it('parse: gives what JSON.parse gives for any value up to the depth', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.constantFrom(0, 1), (value, indent) => {
        expect(parseJson(bytes(JSON.stringify(value, null, indent)))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('parse: any bytes are read as JSON.parse reads them, or refused as malformed', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array().map((list) => Buffer.from(list)),
          fc.string().map(bytes),
        ),
        (input) => {
          try {
            expect(parseJson(input)).toEqual(JSON.parse(input.toString()));
          } catch (error) {
            expect(error).toBeInstanceOf(Malformed);
          }
        },
      ),
    );
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
