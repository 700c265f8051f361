import { describe, expect, it } from 'vitest';
import { TlaReader } from '../../src/model/tla-text.ts';
import {
  BOOLEAN,
  decode,
  encode,
  format,
  functionOver,
  NUMBER,
  names,
  sequence,
  subset,
  type Type,
  TypeMismatch,
  tuple,
  type Value,
  widthOf,
} from '../../src/model/values.ts';
import fc from '../support/properties.ts';

interface Typed {
  readonly type: Type;
  readonly value: Value;
}
const leaf: fc.Arbitrary<Typed> = fc.oneof(
  fc.integer({ min: -1, max: 254 }).map((value) => ({ type: NUMBER, value })),
  fc.boolean().map((value) => ({ type: BOOLEAN, value })),
  fc.constantFrom('a', 'b', 'dead_lettered').map((value) => ({ type: names('a', 'b', 'dead_lettered'), value })),
  fc.uniqueArray(fc.integer({ min: 1, max: 4 })).map((value) => ({ type: subset(4), value: value.sort() })),
);
const anyTyped: fc.Arbitrary<Typed> = fc.oneof(
  leaf,
  fc.array(leaf, { minLength: 1, maxLength: 3 }).map((items) => ({
    type: tuple(...items.map(({ type }) => type)),
    value: items.map(({ value }) => value),
  })),
  fc.tuple(leaf, fc.nat(3)).map(([{ type, value }, size]) => ({
    type: sequence(3, type),
    value: Array.from({ length: size }, () => value),
  })),
  fc.tuple(leaf, fc.integer({ min: 1, max: 3 })).map(([{ type, value }, size]) => ({
    type: functionOver(size, type),
    value: Array.from({ length: size }, () => value),
  })),
);

describe('values', () => {
  it('values: what is written is what is read, in bytes and as TLC prints it', () => {
    fc.assert(
      fc.property(anyTyped, ({ type, value }) => {
        const bytes = new Uint8Array(widthOf(type));
        expect(encode(type, value, bytes, 0)).toBe(bytes.length);
        expect(decode(type, bytes, 0)).toEqual(value);
        const reader = new TlaReader(format(type, value));
        expect(reader.read(type)).toEqual(value);
        reader.end();
      }),
    );
  });

  it('values: equal bytes mean equal values of one type', () => {
    fc.assert(
      fc.property(anyTyped, fc.integer({ min: -1, max: 5 }), ({ type, value }, other) => {
        const [a, b] = [new Uint8Array(widthOf(type)), new Uint8Array(widthOf(type))];
        encode(type, value, a, 0);
        const changed = type.kind === 'number' ? other : value;
        encode(type, changed, b, 0);
        expect(Buffer.compare(a, b) === 0).toBe(JSON.stringify(changed) === JSON.stringify(value));
      }),
    );
  });

  it('values: a set is no sequence, a string no number, whatever it looks like', () => {
    const read = (type: Type, text: string) => () => {
      const reader = new TlaReader(text);
      const value = reader.read(type);
      reader.end();
      encode(type, value, new Uint8Array(64), 0);
    };
    expect(read(sequence(3, NUMBER), '<<1, 2>>')).not.toThrow();
    expect(read(sequence(3, NUMBER), '{1, 2}')).toThrow(TypeMismatch);
    expect(read(subset(3), '<<1, 2>>')).toThrow(TypeMismatch);
    expect(read(NUMBER, '"1"')).toThrow(TypeMismatch);
    expect(read(names('1'), '1')).toThrow(TypeMismatch);
    expect(read(names('a'), '"b"')).toThrow(/one of a, not b/);
    expect(read(sequence(1, NUMBER), '<<1, 2>>')).toThrow(/at most 1/);
    expect(read(functionOver(2, NUMBER), '<<1>>')).toThrow(/a tuple of 2/);
    expect(read(NUMBER, '255')).toThrow(/-1\.\.254/);
    expect(read(BOOLEAN, 'TRUE FALSE')).toThrow(/the end/);
  });

  it('values: order within a set does not count', () => {
    const [a, b] = [new Uint8Array(3), new Uint8Array(3)];
    encode(subset(3), [3, 1], a, 0);
    encode(subset(3), [1, 3], b, 0);
    expect(a).toEqual(b);
  });
});
