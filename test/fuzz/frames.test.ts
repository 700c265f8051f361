import { describe, expect, it } from 'vitest';
import { frameDecompressor } from '../../src/http/formats/frame-decompress.ts';
import {
  type AckSaid,
  type NackSaid,
  type RecvSaid,
  readAck,
  readNack,
  readRecv,
  readSend,
  type Said,
} from '../../src/wire/binary.ts';
import { decodeFrame, encodeFrame, FLAG, FrameError } from '../../src/wire/frame.ts';
import { readUnits, UNITS_MAX, type Units } from '../../src/wire/units.ts';
import { ackUnit, binaryBody, nackUnit, recvUnit, sendUnit } from '../support/binary.ts';
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

const LEASE = { msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'r1' };
const BINARY = [
  sendUnit({ body: { topic: 'a.b', idem_key: 'k' }, attrs: Buffer.from('{"a":"b"}'), payload: Buffer.from('payload') }),
  sendUnit({ body: { topic: 'a', idem_key: 'k', payload_hash: `b3:${'0'.repeat(64)}`, delay_ms: 1, ttl_ms: 2 } }),
  recvUnit({ topic: 'a.b', max_messages: 2, acks: [LEASE, LEASE] }),
  ackUnit(LEASE),
  nackUnit({ ...LEASE, reason: 'no', retry_after_ms: 5, dead_letter: true }),
];
const VERBS = [
  [readSend, sendUnit],
  [readRecv, ({ body }: Said<RecvSaid>) => recvUnit(body)],
  [readAck, ({ body }: Said<AckSaid>) => ackUnit(body)],
  [readNack, ({ body }: Said<NackSaid>) => nackUnit(body)],
] as const;

/** Units of frames whose fields are well-formed one by one, and seldom fit together. */
const odd = fc
  .array(
    fc.record({
      version: fc.constantFrom(1, 1, 1, 2),
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

/** Units of version 2, one of whose bytes near the start was changed. */
const bent = fc
  .array(
    fc.record({
      app: fc.nat(4),
      payload: fc.oneof(
        fc.constantFrom(...BINARY),
        fc.uint8Array({ maxLength: 64 }).map((all) => Buffer.from(all)),
      ),
      at: fc.nat(80),
      to: fc.option(fc.nat(255)),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((units) => {
    const bodies = units.map(({ app, payload, at, to }) => {
      const body = binaryBody([{ app, payload }]);
      if (to !== null && at < body.length) body[at] = to;
      return body;
    });
    return Buffer.concat(bodies);
  });

/** Whatever a unit of version 2 says: refused with field and limit, or what says the same written again. */
function checkBinary(body: Buffer): void {
  check(body);
  const { version, units } = read(body);
  if (version === 1) return;
  for (const { head } of units) {
    for (const [readIt, again] of VERBS) {
      const said = readIt(head);
      if (typeof said === 'string') expect(said).toMatch(/^[a-z0-9_.]+: /);
      else expect(again(said as never).equals(head)).toBe(true);
    }
  }
}

describe('fuzz: frames', () => {
  it('units of version 2 that were changed: refused, or what they encode to (T5, V2)', () => {
    fuzz(bent, checkBinary);
  });

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
