import { describe, expect, it } from 'vitest';
import { frameDecompressor } from '../../src/http/formats/frame-decompress.ts';
import { decodeFrame, encodeFrame, FLAG, FrameError } from '../../src/wire/frame.ts';
import { readUnits, UNITS_MAX, type Units } from '../../src/wire/units.ts';
import { corpus } from '../support/corpus.ts';
import { fuzz, takes } from '../support/fuzz.ts';
import { mutants } from '../support/mutate.ts';
import fc from '../support/properties.ts';

const MiB = 1024 * 1024;
const KEPT = corpus('frames');
const rules = { kind: FLAG.REQ, unitsMax: UNITS_MAX, expand: frameDecompressor(MiB, 10) };
const read = (body: Buffer): Units => readUnits(body, rules);

/** Every frame up to the first that is none is what its decoding encodes to; reading units throws nothing. */
function check(body: Buffer): void {
  let at = 0;
  takes(FrameError, () => {
    while (at < body.length) {
      const frame = decodeFrame(body, at);
      const end = at + body.readUInt32BE(at);
      if (!encodeFrame(frame).equals(body.subarray(at, end))) throw new Error('encode(decode(x)) is not x');
      at = end;
    }
  });
  const { units } = read(body);
  for (const { payload } of units) expect(payload.length).toBeLessThanOrEqual(10 * body.length);
}

/** Units of frames whose fields are well-formed one by one, and seldom fit together. */
const odd = fc
  .array(
    fc.record({
      flags: fc.oneof(fc.constantFrom(1, 9, 17, 25, 73, 81, 89), fc.nat(255)),
      code: fc.constantFrom(0, 0, 0, 200),
      app: fc.oneof(fc.nat(4), fc.nat(0xffff)),
      capability: fc.constantFrom('', '', 'MDAx', 'x'.repeat(4097)),
      corrHi: fc.constant(0),
      corrLo: fc.constantFrom(7, 7, 7, 8),
      payload: fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(0, 65_536, 65_537).map((n) => Buffer.alloc(n)),
      ),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((frames) => Buffer.concat(frames.map((frame) => encodeFrame(frame))));

describe('fuzz: frames', () => {
  it.each(KEPT.map((kept) => [kept.name, kept] as const))('kept: %s (T5, V2)', (_name, { bytes, isGood }) => {
    check(bytes);
    expect(read(bytes).broken === null).toBe(isGood);
  });

  it('bytes that were changed: refused, or what they encode to (T5, V2)', () => {
    fuzz(mutants(KEPT.map(({ bytes }) => bytes)), check);
  });

  it('frames that do not fit together: refused, or what they encode to (T5, V2)', () => {
    fuzz(odd, check);
  });
});
