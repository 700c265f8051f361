import { describe, expect, it } from 'vitest';
import {
  CHUNK_BYTES_MAX,
  decodeFrame,
  encodeFrame,
  FLAG,
  FRAME_BYTES_MAX,
  type Frame,
  FrameError,
  HEADER_BYTES,
} from '../../src/wire/frame.ts';
import { readUnits, UnitWriter } from '../../src/wire/units.ts';
import fc, { Reached } from '../support/properties.ts';

const ascii = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 50,
});
const frame: fc.Arbitrary<Frame> = fc
  .record({
    version: fc.constantFrom(1, 2),
    flags: fc.integer({ min: 0, max: 255 }),
    code: fc.integer({ min: 0, max: 0xffff }),
    app: fc.integer({ min: 0, max: 0xffff }),
    capability: ascii,
    corrHi: fc.integer({ min: 0, max: 0xffff_ffff }),
    corrLo: fc.integer({ min: 0, max: 0xffff_ffff }),
    payload: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  })
  .map((f) => ({ ...f, capability: (f.flags & FLAG.START) === 0 ? '' : f.capability }));

/** A frame with some bytes of its header changed. */
const changed = (at: number, ...bytes: number[]): Buffer => {
  const whole = encodeFrame({
    flags: FLAG.REQ | FLAG.START | FLAG.END,
    code: 0,
    app: 1,
    capability: 'cap',
    corrHi: 1,
    corrLo: 2,
    payload: Buffer.from('{}'),
  });
  bytes.forEach((byte, i) => {
    whole[at + i] = byte;
  });
  return whole;
};

const REQUESTS = { kind: FLAG.REQ, unitsMax: 256, expand: null };
const unitOf = (corrLo: number) => ({ app: 1, code: 0, capability: '', corrHi: 0, corrLo });
const firstError = (bytes: Buffer): string => readUnits(bytes, REQUESTS).broken?.error.message ?? 'none';

describe('frame', () => {
  it('decode is the inverse of encode, and encode of decode (T5, V2)', () => {
    const reached = new Reached('frame');
    fc.assert(
      fc.property(frame, fc.nat(20), (value, before) => {
        reached.saw({ payload: value.payload.length, capability: value.capability.length });
        const bytes = encodeFrame(value);
        const shifted = Buffer.concat([Buffer.alloc(before), bytes, Buffer.alloc(7)]);
        expect(decodeFrame(shifted, before)).toEqual(value);
        expect(encodeFrame(decodeFrame(bytes, 0))).toEqual(bytes);
      }),
    );
    reached.atLeast({ payload: 150, capability: 35 });
  });

  it('any bytes are refused, or are what their decoding encodes to (T5, V2)', () => {
    const header = changed(0);
    const flipped = fc
      .array(fc.tuple(fc.nat(header.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
      .map((flips) => {
        const bytes = Buffer.from(header);
        for (const [at, value] of flips) bytes[at] = value;
        return bytes;
      });
    const anything = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(flipped, anything), (bytes) => {
        try {
          const decoded = decodeFrame(bytes, 0);
          expect(encodeFrame(decoded)).toEqual(bytes.subarray(0, bytes.readUInt32BE(0)));
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('length: checked against 1 MiB before anything else is looked at (T5)', () => {
    for (const length of [FRAME_BYTES_MAX + 1, 0x7fff_ffff, 0xffff_ffff]) {
      const bytes = Buffer.alloc(HEADER_BYTES);
      bytes.writeUInt32BE(length, 0);
      const { units, broken } = readUnits(bytes, REQUESTS);
      expect([units, broken?.error.fault]).toEqual([[], 'too_long']);
    }
    for (const length of [0, 1, HEADER_BYTES - 1]) {
      const bytes = Buffer.alloc(HEADER_BYTES);
      bytes.writeUInt32BE(length, 0);
      expect(firstError(bytes)).toBe('frame: len is less than a header');
    }
  });

  const broken: [string, Buffer, string][] = [
    ['less than a header', changed(0).subarray(0, 37), 'a header has 38 bytes'],
    ['len beyond what is there', changed(3, 44), 'longer than what is there'],
    ['another version', changed(4, 0, 3), 'ver must be 1 or 2'],
    ['an unknown flag', changed(6, 1), 'an unknown flag'],
    ['a tenant', changed(27, 1), 'tenant_id must be 0'],
    ['a tenant in its first byte', changed(12, 128), 'tenant_id must be 0'],
    ['a capability longer than the frame', changed(28, 255, 255), 'cap_len goes beyond the frame'],
    ['a capability without START', changed(7, FLAG.REQ | FLAG.END), 'a capability only with START'],
    ['a response', changed(7, FLAG.RESP | FLAG.START | FLAG.END), 'must be a request (REQ) and nothing else'],
    ['a request that is an event too', changed(7, FLAG.REQ | FLAG.EVENT | FLAG.START | FLAG.END), 'and nothing else'],
    ['a code', changed(9, 200), 'code must be 0 in a request'],
    ['no END', changed(7, FLAG.REQ | FLAG.START), 'the last unit has no END'],
    ['compression where none is taken', changed(7, FLAG.REQ | FLAG.START | FLAG.END | FLAG.COMP), 'COMP is not taken'],
  ];
  it.each(broken)('refuses %s (T5)', (_name, bytes, message) => {
    expect(firstError(bytes)).toContain(message);
  });
});

describe('units', () => {
  it('what is written is what is read: heads, payloads, order (T5)', () => {
    const sizes = fc.constantFrom(
      0,
      1,
      100,
      CHUNK_BYTES_MAX - 1,
      CHUNK_BYTES_MAX,
      CHUNK_BYTES_MAX + 1,
      3 * CHUNK_BYTES_MAX,
    );
    const unit = fc.record({ head: fc.string({ unit: 'grapheme', maxLength: 40 }), size: sizes, corrLo: fc.nat() });
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 6 }), (list) => {
        const writer = new UnitWriter(FLAG.REQ, 16);
        for (const { head, size, corrLo } of list) writer.add(unitOf(corrLo), head, Buffer.alloc(size, head || 'x'));
        const { units, broken } = readUnits(writer.bytes(), REQUESTS);
        expect(broken).toBeNull();
        expect(units.map(({ head, corrLo }) => [head.toString(), corrLo])).toEqual(
          list.map(({ head, corrLo }) => [head, corrLo]),
        );
        list.forEach(({ head, size }, i) => {
          expect(units[i]?.payload.equals(Buffer.alloc(size, head || 'x'))).toBe(true);
        });
      }),
    );
  });

  /** One unit with its payload in chunks of these sizes. */
  const chunked = (corrLo: number, ...chunks: (Partial<Frame> & { size: number })[]): Buffer => {
    const base = { code: 0, app: 1, capability: '', corrHi: 0, corrLo };
    const start = encodeFrame({ ...base, flags: FLAG.REQ | FLAG.START, payload: Buffer.from('{}') });
    const rest = chunks.map(({ size, ...more }, i) => {
      const flags = FLAG.REQ | (i === chunks.length - 1 ? FLAG.END : 0);
      return encodeFrame({ ...base, flags, ...more, payload: Buffer.alloc(size) });
    });
    return Buffer.concat([start, ...rest]);
  };

  it('units before a broken one stand, those after it are not read (V1)', () => {
    const good = chunked(1, { size: 5 });
    const bad: [Buffer, string][] = [
      [chunked(9, { size: CHUNK_BYTES_MAX + 1 }), 'a payload of at most 65536 bytes'],
      [chunked(9, { size: 0 }, { size: 1 }), 'empty and not the last'],
      [chunked(9, { size: 1, corrLo: 8 }), 'another corr_id'],
      [chunked(9, { size: 1, app: 2 }), 'another app_proto_id'],
      [chunked(9, { size: 1, flags: FLAG.REQ | FLAG.START | FLAG.END }), 'START before the END'],
      [chunked(9, { size: 3 }).subarray(HEADER_BYTES + 2), 'a unit begins with START'],
    ];
    for (const [bytes, message] of bad) {
      const { units, broken } = readUnits(Buffer.concat([good, good, bytes, good]), REQUESTS);
      expect(
        units.map(({ payload }) => payload.length),
        message,
      ).toEqual([5, 5]);
      expect([broken?.error.message, broken?.corrLo]).toEqual([expect.stringContaining(message), 9]);
    }
  });

  it('a body that ends early breaks its last unit only', () => {
    const good = chunked(1, { size: 5 });
    for (let cut = 1; cut < good.length; cut++) {
      const { units, broken } = readUnits(Buffer.concat([good, good.subarray(0, -cut)]), REQUESTS);
      expect([units.length, broken?.error.fault]).toEqual([1, 'malformed']);
    }
  });

  it('frames: 4,096 in a body, and no more are looked at (D9)', () => {
    const frame = (flags: number, payload: string): Buffer =>
      encodeFrame({ ...unitOf(1), flags: FLAG.REQ | flags, payload: Buffer.from(payload) });
    const body = (chunks: number): Buffer =>
      Buffer.concat([frame(FLAG.START, '{}'), ...Array<Buffer>(chunks).fill(frame(0, 'x')), frame(FLAG.END, '')]);
    expect(readUnits(body(4_094), REQUESTS)).toMatchObject({
      units: [{ payload: Buffer.alloc(4_094, 'x') }],
      broken: null,
    });
    expect(firstError(body(4_095))).toBe('body: at most 4096 frames');
    expect(firstError(body(20_000))).toBe('body: at most 4096 frames');
  });

  it('an empty last frame is taken; more units than the bound are not', () => {
    expect(readUnits(chunked(1, { size: 3 }, { size: 0 }), REQUESTS).units[0]?.payload).toHaveLength(3);
    const many = Buffer.concat(Array.from({ length: 257 }, (_, i) => chunked(i, { size: 1 })));
    const { units, broken } = readUnits(many, REQUESTS);
    expect([units.length, broken?.error.message]).toEqual([256, 'body: at most 256 units']);
  });
});
