import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SCHEMAS } from '../../src/api/schemas.ts';
import { limitsOf } from '../../src/config/limits.ts';
import { SETTINGS, type Settings } from '../../src/config/settings.ts';
import { BytesError, Reader, Writer } from '../../src/journal/bytes.ts';
import type { Ascii, Text } from '../../src/journal/field-types.ts';
import { FIELDS, LIMIT_FIELDS } from '../../src/journal/fields.ts';
import { readRecord, writeRecord } from '../../src/journal/record.ts';
import type { Entry, Item } from '../../src/journal/record-items.ts';
import fc from '../support/properties.ts';
import { anyEntry } from '../support/records.ts';

/** A reader that notes what was read where. */
class Spy extends Reader {
  readonly numbers: { readonly at: number; readonly bytes: 1 | 2 | 4 | 8 }[] = [];
  readonly texts: { readonly at: number; readonly bytes: number }[] = [];

  override u8(): number {
    this.numbers.push({ at: this.at, bytes: 1 });
    return super.u8();
  }
  override u16(): number {
    this.numbers.push({ at: this.at, bytes: 2 });
    return super.u16();
  }
  override u32(): number {
    this.numbers.push({ at: this.at, bytes: 4 });
    return super.u32();
  }
  override f64(): number {
    this.numbers.push({ at: this.at, bytes: 8 });
    return super.f64();
  }
  override text(bytesMax: number): string | null {
    return this.noted(super.text(bytesMax));
  }
  override ascii(bytesMax: number, allowed: Uint8Array): string | null {
    return this.noted(super.ascii(bytesMax, allowed));
  }
  private noted(text: string | null): string | null {
    const bytes = Buffer.byteLength(text ?? '');
    this.texts.push({ at: this.at - bytes, bytes });
    return text;
  }
}

function bytesOf({ shard, item }: Entry): Buffer {
  const w = new Writer();
  writeRecord(w, shard, item);
  return Buffer.from(w.buffer.subarray(0, w.length));
}

const put = (bytes: Buffer, { at, bytes: width }: Spy['numbers'][number], value: number): Buffer => {
  const changed = Buffer.from(bytes);
  if (width === 8) changed.writeDoubleLE(value, at);
  else if (width === 4) changed.writeUInt32LE(value, at);
  else if (width === 2) changed.writeUInt16LE(value, at);
  else changed.writeUInt8(value, at);
  return changed;
};
const get = (bytes: Buffer, { at, bytes: width }: Spy['numbers'][number]): number =>
  width === 8 ? bytes.readDoubleLE(at) : bytes.readUIntLE(at, width);

/** What is read, or why nothing is. */
function read(bytes: Uint8Array): { readonly item: Item } | { readonly why: string } {
  try {
    return readRecord(new Reader(bytes));
  } catch (error) {
    expect(error).toBeInstanceOf(BytesError);
    return { why: (error as Error).message };
  }
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Every number, text and choice of an item by its path: `kind.field`. */
function leavesOf(item: object, kind: string): Map<string, unknown> {
  const leaves = new Map<string, unknown>();
  for (const [name, value] of Object.entries(item)) {
    if (name === 'attrs' || name === 'payload' || name === 'payloadHash' || name === 'hashChain') continue;
    if (Array.isArray(value)) {
      for (const [i, one] of value.entries()) {
        if (typeof one !== 'object') leaves.set(`${kind}.${name}[${i}]`, one);
        else for (const [k, v] of leavesOf(one, kind)) leaves.set(`${k}[${i}]`, v);
      }
    } else if (typeof value === 'object' && value !== null)
      for (const [k, v] of leavesOf(value, kind)) leaves.set(k, v);
    else if (name !== 'name') leaves.set(`${kind}.${name}`, value);
  }
  return leaves;
}

const attrsIn = (item: object): unknown[] =>
  Object.entries(item).flatMap(([name, value]) => {
    if (name === 'attrs') return [value];
    return typeof value === 'object' && value !== null && !(value instanceof Uint8Array) ? attrsIn(value) : [];
  });

/** The one field in which two items of a kind differ, null when they differ in more or less than one, or in what is no field here. */
function changedField(one: Item, other: Item): string | null {
  // A length in attrs may move what follows so that only one field of it is read otherwise.
  if (one.name !== other.name || !isDeepStrictEqual(attrsIn(one), attrsIn(other))) return null;
  const before = leavesOf(one, one.name);
  const after = leavesOf(other, other.name);
  const changed = [...before].filter(([path, value]) => !Object.is(after.get(path), value)).map(([path]) => path);
  return before.size === after.size && changed.length === 1 ? (changed[0] as string) : null;
}

/** The name of the field that a number in a record is of: another number in its place changes that field and nothing else. */
function fieldAt(entry: Entry, bytes: Buffer, place: Spy['numbers'][number]): string | null {
  for (const by of [1, -1]) {
    const value = get(bytes, place) + by;
    if (place.bytes < 8 && (value < 0 || value >= 2 ** (8 * place.bytes))) continue;
    const found = read(put(bytes, place, value));
    const path = 'item' in found ? changedField(entry.item, found.item) : null;
    if (path !== null) return path;
  }
  return null;
}

/** The name of the field that a text in a record is of. */
function textAt(entry: Entry, bytes: Buffer, at: number): string | null {
  for (const other of ['a', 'b', '0', '1']) {
    const changed = Buffer.from(bytes);
    changed[at] = other.charCodeAt(0);
    const found = read(changed);
    const path = 'item' in found ? changedField(entry.item, found.item) : null;
    if (path !== null) return path;
  }
  return null;
}

/** Limits by the names of their settings. */
const SETTING_OF: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(LIMIT_FIELDS).map(([limit, { name }]) => [limit, name]),
);
const saidOf = (path: string): string => {
  const field = (path.split('.')[1] as string).replace(/\[\d+\]/, '');
  return field === 'slots' && path.includes('[') ? 'slot' : (SETTING_OF[field] ?? snake(field));
};

/** They may say that something never ends. */
const NEVER = ['sent.ttlAtMs', 'message.ttlAtMs', 'redrive_begun.limit'];

describe('fields', () => {
  it('a number out of its range, in whichever numeric field of whichever kind: refused with the name of the field', () => {
    const refused = new Set<string>();
    const numeric = new Set<string>();
    fc.assert(
      fc.property(anyEntry, (entry) => {
        const bytes = bytesOf(entry);
        for (const [path, value] of leavesOf(entry.item, entry.item.name)) {
          if (typeof value === 'number') numeric.add(path.replace(/\[\d+\]/, '[]'));
        }
        const spy = new Spy(bytes);
        readRecord(spy);
        for (const place of spy.numbers) {
          if (place.bytes === 1) continue;
          const path = fieldAt(entry, bytes, place);
          if (path === null) continue;
          const never = NEVER.includes(path);
          const outside =
            place.bytes === 8
              ? [Number.NaN, -Infinity, 0.5, -1e16, 1e16, 2 ** 53, ...(never ? [] : [Infinity])]
              : [2 ** (8 * place.bytes) - 1];
          for (const value of outside) {
            const found = read(put(bytes, place, value));
            expect('why' in found ? found.why : `${path} is taken as ${value}`).toMatch(
              new RegExp(`^${entry.item.name}(_apart|_link|_within)?: ${saidOf(path)} is `),
            );
          }
          refused.add(path.replace(/\[\d+\]/, '[]'));
        }
      }),
      { numRuns: 200 },
    );
    expect([...refused].sort()).toEqual([...numeric].sort());
    console.log(`${refused.size} numeric fields of records`);
    expect(refused.size).toBeGreaterThan(100);
  });

  it('a text with a control character, too long, empty or no UTF-8: refused with the name of the field', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(anyEntry, fc.nat(), (entry, where) => {
        const bytes = bytesOf(entry);
        const spy = new Spy(bytes);
        readRecord(spy);
        for (const { at, bytes: length } of spy.texts) {
          const path = textAt(entry, bytes, at);
          if (path === null || length === 0) continue;
          for (const bad of [0x07, 0x1b, 0x7f, 0xff]) {
            const changed = Buffer.from(bytes);
            changed[at + (where % length)] = bad;
            const found = read(changed);
            expect('why' in found ? found.why : `${path} is taken with ${bad}`).toMatch(
              new RegExp(`^${entry.item.name}(_apart|_link|_within)?: ${saidOf(path)} is no `),
            );
          }
          // Its length, said to be more than any.
          const longer = Buffer.concat([bytes.subarray(0, at - 1), Buffer.from([255, 0, 0, 1, 0]), bytes.subarray(at)]);
          if (length < 255) expect(read(longer)).toEqual({ why: expect.stringContaining(`${saidOf(path)} is no `) });
          seen.add(path);
        }
      }),
      { numRuns: 800 },
    );
    const names = new Set([...seen].map((path) => saidOf(path)));
    for (const name of [
      'msg_id',
      'topic',
      'idem_key',
      'receipt',
      'corr_id',
      'last_error',
      'nonce',
      'line',
      'value',
      'hash',
    ]) {
      expect(names).toContain(name);
    }
  });

  it('a choice that is none, and a flag that is neither: refused, never taken for another', () => {
    fc.assert(
      fc.property(anyEntry, fc.integer({ min: 7, max: 254 }), (entry, value) => {
        const bytes = bytesOf(entry);
        const spy = new Spy(bytes);
        readRecord(spy);
        for (const place of spy.numbers.slice(3).filter((number) => number.bytes === 1)) {
          const found = read(put(bytes, place, value));
          // Lengths of texts are bytes too: with another one it may be another record, but it says what was read.
          if ('item' in found)
            expect(bytesOf({ shard: entry.shard, item: found.item })).toEqual(put(bytes, place, value));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('attrs: more than 32, a key twice, a prototype for a key: refused', () => {
    const hash = `b3:${'00'.repeat(32)}`;
    const sent = (attrs: Record<string, string>): Entry => ({
      shard: 0,
      item: {
        ...{ name: 'sent', atMs: 5, msgId: '0'.repeat(26), topic: 't', idemKey: 'k', payload: new Uint8Array(0) },
        ...{ payloadHash: hash, hashChain: hash, attrs, corrId: 'c', notBeforeMs: 5, ttlAtMs: 9, idemUntilMs: 7 },
      },
    });
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, 'v']));
    expect(() => bytesOf(sent(many))).toThrow('attrs is 33, not a whole number 0..32');
    const twice = bytesOf(sent({ aa: 'x', ab: 'y' }));
    twice[twice.indexOf('ab') + 1] = 'a'.charCodeAt(0);
    expect(read(twice)).toEqual({ why: 'sent: a key of attrs is there twice' });
    const polluted = bytesOf(sent({ aaaaaaaaa: 'x' }));
    polluted.write('__proto__', polluted.indexOf('aaaaaaaaa'));
    expect(read(polluted)).toEqual({ why: 'sent: a key of attrs is __proto__' });
  });

  it('what is out of range is not written either: it would never be read again', () => {
    const w = new Writer();
    const limits = limitsOf(Object.fromEntries(Object.entries(SETTINGS).map(([n, s]) => [n, s.fallback])) as Settings);
    for (const term of [0, 2 ** 32, 2 ** 53, Number.POSITIVE_INFINITY, Number.NaN]) {
      expect(() => writeRecord(w, null, { name: 'started', atMs: 1, term, shards: 1, limits })).toThrow('term is ');
    }
    for (const maxAttempts of [0, -1, Number.NaN, 1001, 1.5]) {
      const item = { name: 'limited', limits: { ...limits, maxAttempts } } as const;
      expect(() => writeRecord(w, null, item)).toThrow(`max_attempts is ${maxAttempts}, not a whole number 1..1000`);
    }
  });

  it('kinds of shards and of the process: refused where the other belongs', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        const bytes = bytesOf(entry);
        bytes.writeUInt16LE(entry.shard === null ? 0 : 0xffff, 1);
        expect(read(bytes)).toEqual({ why: expect.stringMatching(/: of shard /) });
      }),
    );
  });
});

/** What a schema says, as it stands in it. */
const said = (schema: object) =>
  schema as {
    readonly pattern: string;
    readonly maximum: number;
    readonly maxProperties: number;
    readonly patternProperties: Readonly<Record<string, { readonly pattern: string }>>;
  };

/** A class of characters, and how many, as the wire has it. */
function patternOf({ chars, min, max, first }: Ascii): string {
  const several = (from: number, to: number): string => (from === to ? `{${to}}` : `{${from},${to}}`);
  return first === chars ? `^[${chars}]${several(min, max)}$` : `^[${first}][${chars}]${several(min - 1, max - 1)}$`;
}

function takes(field: Ascii | Text, text: string): boolean {
  try {
    field.write(new Writer(), text);
    return true;
  } catch {
    return false;
  }
}

describe('one range', () => {
  it('texts and numbers of requests: what the wire takes can be written, and what it refuses cannot', () => {
    const { send, recv, nack, revoke, ack_item } = SCHEMAS;
    expect(patternOf(FIELDS.topic)).toBe(said(send.properties.topic).pattern);
    expect(patternOf(FIELDS.idemKey)).toBe(said(send.properties.idem_key).pattern);
    expect(patternOf(FIELDS.receipt)).toBe(said(nack.properties.receipt).pattern);
    expect(patternOf(FIELDS.msgId)).toBe(said(ack_item.properties.msg_id).pattern);
    expect(FIELDS.visibilityMs.max).toBe(said(recv.properties.visibility_ms).maximum);
    const { patternProperties, maxProperties } = said(send.properties.attrs);
    const [[key, value]] = Object.entries(patternProperties) as [[string, { pattern: string }]];
    expect([`^(?!__proto__$)${patternOf(FIELDS.attrKey).slice(1)}`, FIELDS.attrs.max]).toEqual([key, maxProperties]);
    for (const field of [revoke.properties.nonce, revoke.properties.key_id]) {
      const texts = fc.stringMatching(new RegExp(said(field).pattern));
      fc.assert(fc.property(texts, (text) => takes(FIELDS.value, text)));
    }
    for (const pattern of [value.pattern, said(nack.properties.reason).pattern]) {
      const wire = new RegExp(pattern);
      const units = fc.constantFrom('a', '\u0000', '\u001f', ' ', '~', '\u007f', '\u009f', '\u00a0', 'é', '🦉', '\n');
      fc.assert(
        fc.property(fc.string({ unit: units, size: 'max', maxLength: 6 }), (text) => {
          expect(takes(FIELDS.lastError, text)).toBe(wire.test(text));
          expect(takes(FIELDS.attrValue, text)).toBe(wire.test(text));
        }),
      );
    }
  });
});
