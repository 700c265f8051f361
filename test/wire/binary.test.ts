import { describe, expect, it } from 'vitest';
import { ackResultsIn, envelopeIn, recvOf, sendHeadOf, sentIn } from '../../src/client/binary.ts';
import {
  type Fault,
  type NackSaid,
  type RecvSaid,
  readAck,
  readNack,
  readRecv,
  readSend,
  type Said,
  type SendSaid,
} from '../../src/wire/binary.ts';
import { BinaryWriter, type GivenOut } from '../../src/wire/binary-writer.ts';
import { encodeFrame, FLAG, FrameError } from '../../src/wire/frame.ts';
import { readUnits } from '../../src/wire/units.ts';
import { ackUnit, binaryBody, nackUnit, recvUnit, sendUnit } from '../support/binary.ts';
import fc from '../support/properties.ts';

const REQUESTS = { kind: FLAG.REQ, unitsMax: 256, expand: null };
const MSG = '01J8ZC4V2N6Q9R0S3T5W7X8Y1A';
const latin1 = (minLength: number, maxLength: number) =>
  fc.array(fc.nat(255), { minLength, maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((all) => Buffer.from(all));
const u = (bits: number) => fc.option(fc.integer({ min: 1, max: 2 ** bits - 1 }), { nil: undefined });
/** Without what is not given. */
const given =
  <Body>() =>
  (fields: object): Body =>
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Body;

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((all) => `b3:${Buffer.from(all).toString('hex')}`);
const sends = fc.record({
  body: fc
    .record({
      ...{ topic: latin1(0, 255), idem_key: latin1(0, 255), payload_hash: fc.option(hash, { nil: undefined }) },
      ...{ delay_ms: u(32), ttl_ms: u(48) },
    })
    .map(given<SendSaid>()),
  attrs: bytes(60),
  payload: bytes(200),
});
const ack = fc.record({ msg_id: latin1(26, 26), receipt: latin1(0, 255) });
const recvs = fc
  .record({
    ...{ topic: latin1(0, 255), max_messages: u(16), max_bytes: u(32), visibility_ms: u(32), wait_ms: u(32) },
    acks: fc.option(fc.array(ack, { minLength: 1, maxLength: 6 }), { nil: undefined }),
  })
  .map(given<RecvSaid>());
const nacks = fc
  .record({
    ...{ msg_id: latin1(26, 26), receipt: latin1(0, 255) },
    reason: fc.option(fc.string({ unit: 'binary', maxLength: 40 }), { nil: undefined }),
    retry_after_ms: fc.option(fc.nat(2 ** 31), { nil: undefined }),
    dead_letter: fc.constantFrom(true, undefined),
  })
  .map(given<NackSaid>());

/** Each verb: how it is read, and written again from what was read. */
type Again = (said: Said<never>) => Buffer;
const VERBS: [string, (unit: Buffer) => Said<object> | Fault, Again, fc.Arbitrary<Buffer>][] = [
  ['send', readSend, (said) => sendUnit(said), sends.map(sendUnit)],
  ['recv', readRecv, ({ body }) => recvUnit(body), recvs.map(recvUnit)],
  ['ack', readAck, ({ body }) => ackUnit(body), ack.map(ackUnit)],
  ['nack', readNack, ({ body }) => nackUnit(body), nacks.map(nackUnit)],
];

describe('binary units: what is asked', () => {
  it('what is said is what is read (T5, V2)', () => {
    const holds = <Body>(bodies: fc.Arbitrary<Body>, read: (body: Body) => unknown, is: (body: Body) => object) =>
      fc.assert(
        fc.property(bodies, (body) => {
          expect(read(body)).toMatchObject(is(body));
        }),
      );
    holds(
      sends,
      (said) => readSend(sendUnit(said)),
      (said) => said,
    );
    holds(
      recvs,
      (body) => readRecv(recvUnit(body)),
      (body) => ({ body }),
    );
    holds(
      ack,
      (body) => readAck(ackUnit(body)),
      (body) => ({ body }),
    );
    holds(
      nacks,
      (body) => readNack(nackUnit(body)),
      (body) => ({ body }),
    );
  });

  it.each(VERBS)(
    '%s: any bytes are refused, or are what they say written again (T5, V2)',
    (_name, read, again, good) => {
      const seen = { taken: 0, refused: 0 };
      const change = fc.record({ unit: good, at: fc.nat(), to: fc.nat(255), cut: fc.nat(3), more: bytes(3) });
      const changed = change.map(({ unit, at, to, cut, more }) => {
        const all = Buffer.concat([unit.subarray(0, unit.length - cut), more]);
        if (all.length > 0) all[at % Math.min(all.length, 32)] = to;
        return all;
      });
      fc.assert(
        fc.property(fc.oneof(changed, bytes(80)), (unit) => {
          const said = read(unit);
          if (typeof said === 'string') {
            seen.refused++;
            expect(said).toMatch(/^[a-z0-9_.]+: /);
          } else {
            seen.taken++;
            expect(again(said as Said<never>)).toEqual(unit);
          }
        }),
        { numRuns: 2000 },
      );
      expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(5);
    },
  );

  const send = sendUnit({ body: { topic: 'a.b', idem_key: 'key' }, payload: Buffer.from('xyz') });
  const recv = recvUnit({ topic: 't', acks: [{ msg_id: MSG, receipt: 'r' }] });
  const nack = nackUnit({ msg_id: MSG, receipt: 'r', reason: 'no' });
  const bent = (unit: Buffer, at: number, ...to: number[]): Buffer => {
    const all = Buffer.from(unit);
    all.set(to, at);
    return all;
  };
  const lies: [string, (unit: Buffer) => unknown, Buffer, string][] = [
    ['no head of a send', readSend, send.subarray(0, 17), 'send: at least 18 bytes, in ver 2'],
    ['topic_len', readSend, bent(send, 0, 255), 'topic: its length goes beyond the frame'],
    ['key_len', readSend, bent(send, 1, 255), 'idem_key: its length goes beyond the frame'],
    ['bits of a send', readSend, bent(send, 2, 0, 2), 'send: a bit that it does not have, in ver 2'],
    ['a hash that is not there', readSend, bent(send, 3, 1), 'payload_hash: its length goes beyond the frame'],
    ['attrs_len', readSend, bent(send, 8, 0, 0, 0, 4), 'attrs: its length goes beyond the frame'],
    ['attrs_len of 4 GiB', readSend, bent(send, 8, 255, 255, 255, 255), 'attrs: its length goes beyond the frame'],
    ['no head of a recv', readRecv, recv.subarray(0, 17), 'recv: at least 18 bytes, in ver 2'],
    ['topic_len of a recv', readRecv, bent(recv, 0, 255), 'topic: its length goes beyond the frame'],
    ['bits of a recv', readRecv, bent(recv, 1, 1), 'recv: a bit that it does not have, in ver 2'],
    ['more acks than there are', readRecv, bent(recv, 17, 2), 'acks.1.msg_id: its length goes beyond the frame'],
    ['fewer acks than there are', readRecv, bent(recv, 17, 0), 'acks: bytes after the last of them'],
    ['more acks than may be', readRecv, bent(recv, 16, 1, 1), 'acks: at most 256'],
    ['receipt_len of an ack', readRecv, bent(recv, 45, 2), 'acks.0.receipt: its length goes beyond the frame'],
    ['half an id', readAck, Buffer.from(MSG.slice(1)), 'ack: at least 26 bytes, in ver 2'],
    ['no head of a nack', readNack, nack.subarray(0, 31), 'nack: at least 32 bytes, in ver 2'],
    ['receipt_len of a nack', readNack, bent(nack, 26, 9), 'receipt: its length goes beyond the frame'],
    ['bits of a nack', readNack, bent(nack, 27, 9), 'nack: a bit that it does not have, in ver 2'],
    ['a reason without its bit', readNack, bent(nack, 27, 0), 'reason: there, and its bit is not'],
    ['a wait without its bit', readNack, bent(nack, 31, 1), 'retry_after_ms: there, and its bit is not'],
    ['a reason that is no text', readNack, bent(nack, 33, 255), 'reason: not valid UTF-8'],
  ];
  it.each(lies)('a length that lies, or a bit: %s (T5)', (_name, read, unit, fault) => {
    expect(read(unit)).toBe(fault);
  });
});

describe('binary units: bodies', () => {
  const unit = (topic: string): { payload: Buffer } => ({ payload: sendUnit({ body: { topic, idem_key: 'k' } }) });
  const whole = binaryBody([unit('a')]);
  const FLAGS = FLAG.REQ | FLAG.START | FLAG.END;

  it('units fill the body one after the other, views of it, whatever is in them', () => {
    fc.assert(
      fc.property(fc.array(bytes(100), { minLength: 1, maxLength: 9 }), (payloads) => {
        const body = binaryBody(payloads.map((payload) => ({ payload })));
        const { version, units, broken } = readUnits(body, REQUESTS);
        expect([version, broken]).toEqual([2, null]);
        expect(units.map(({ head, corrLo }) => [head, corrLo])).toEqual(payloads.map((one, i) => [one, i + 1]));
        for (const { head } of units) expect(head.buffer).toBe(body.buffer);
      }),
    );
  });

  const frame = (flags: number, version: 1 | 2 = 2) =>
    encodeFrame({ version, flags, code: 0, app: 1, capability: '', corrHi: 0, corrLo: 9, payload: Buffer.from('{}') });
  const broken: [string, Buffer, string][] = [
    ['a unit of two frames', frame(FLAG.REQ | FLAG.START), 'START and END in one frame, in ver 2'],
    ['no START', frame(FLAG.REQ | FLAG.END), 'a unit begins with START'],
    ['COMP', frame(FLAGS | FLAG.COMP), 'COMP is not taken in ver 2'],
    ['an answer', frame(FLAG.RESP | FLAG.START | FLAG.END), 'must be a request (REQ) and nothing else'],
    ['a frame of version 1', frame(FLAGS, 1), 'another ver than the body began with'],
  ];
  it.each(broken)('%s breaks a body off, and what was before it stands (T5, V1)', (_name, bad, message) => {
    const { version, units, broken: off } = readUnits(Buffer.concat([whole, bad, whole]), REQUESTS);
    expect([version, units.length, off?.corrLo, off?.error.message]).toEqual([
      2,
      1,
      9,
      expect.stringContaining(message),
    ]);
  });

  it('len that lies: units that would overlap, or leave something between them, are no units (T5)', () => {
    const two = binaryBody([unit('a'), unit('b')]);
    for (let by = -whole.length; by <= whole.length; by++) {
      if (by === 0) continue;
      const bent = Buffer.from(two);
      bent.writeUInt32BE(whole.length + by, 0);
      const { units, broken: off } = readUnits(bent, REQUESTS);
      // All of the body in one unit is one unit.
      if (by === whole.length) expect([units.length, off]).toEqual([1, null]);
      else expect([units.length <= 1, off?.error instanceof FrameError], `${by}`).toEqual([true, true]);
    }
  });
});

describe('binary units: what is answered', () => {
  const to = { app: 2, corrHi: 0, corrLo: 5 };
  const ascii = (minLength: number, maxLength: number) =>
    fc.string({
      unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)),
      minLength,
      maxLength,
    });
  const attrs = fc.dictionary(fc.stringMatching(/^[a-z0-9.-]{1,12}$/), fc.string({ unit: 'grapheme', maxLength: 20 }));
  const envelopes: fc.Arbitrary<GivenOut> = fc.record({
    ...{ msgId: ascii(26, 26), topic: ascii(1, 128), shard: fc.nat(1023), ts: ascii(24, 27), idemKey: ascii(1, 128) },
    ...{ payload: bytes(300), payloadHash: hash, hashChain: hash, sig: fc.option(ascii(1, 255)) },
    attrsJson: attrs.map((all) => JSON.stringify(all)),
    ...{ corrId: ascii(36, 36), attempt: fc.nat(1000), epoch: fc.nat(2 ** 48 - 1), receipt: ascii(1, 128) },
  });
  const read = (out: BinaryWriter) => {
    const { version, units, broken } = readUnits(out.bytes(), { kind: FLAG.RESP, unitsMax: 1024, expand: null });
    expect([version, broken]).toEqual([2, null]);
    return units;
  };

  it('messages: what the server writes the client reads, byte for byte (T1, T2, T5)', () => {
    fc.assert(
      fc.property(fc.array(envelopes, { minLength: 1, maxLength: 4 }), fc.nat(43_200_000), (all, deadlineInMs) => {
        const out = new BinaryWriter(16);
        for (const one of all) out.envelope(to, one, deadlineInMs);
        expect(read(out).map(({ head }) => envelopeIn(head))).toEqual(
          all.map((one) => ({
            ...{ msg_id: one.msgId, topic: one.topic, ts: one.ts, idem_key: one.idemKey, shard: one.shard },
            ...{ payload: Uint8Array.from(one.payload), payload_hash: one.payloadHash, hash_chain: one.hashChain },
            ...{ sig: one.sig, attrs: JSON.parse(one.attrsJson), corr_id: one.corrId, attempt: one.attempt },
            ...{ epoch: one.epoch, receipt: one.receipt, deadline_in_ms: deadlineInMs },
          })),
        );
      }),
    );
  });

  it('sends and acks that rode along, errors among them', () => {
    fc.assert(
      fc.property(ascii(26, 26), hash, hash, fc.boolean(), (msg_id, payload_hash, hash_chain, duplicate) => {
        const out = new BinaryWriter(1);
        out.sent(to, msg_id, duplicate, payload_hash, hash_chain);
        expect(sentIn(read(out)[0]!.head)).toEqual({ msg_id, duplicate, payload_hash, hash_chain });
      }),
    );
    const out = new BinaryWriter(1);
    const error = '{"msg_id":"é","code":"E_LEASE_LOST"}';
    out.ackResults(to, [
      { code: 200, error: '' },
      { code: 409, error },
    ]);
    out.text(to, 204, '');
    const [results, nothing] = read(out);
    expect([results?.app, nothing?.code, nothing?.head.length]).toEqual([3, 204, 0]);
    const acks = [MSG, MSG].map((msg_id) => ({ msg_id, receipt: 'r' }));
    expect(ackResultsIn(results!.head, acks)).toEqual([{ msg_id: MSG, ok: true }, JSON.parse(error)]);
    expect(() => ackResultsIn(results!.head, acks.slice(1))).toThrow('one result for each of 1 acks');
  });

  it('what is not as long as its place is never written', () => {
    const out = new BinaryWriter(1);
    const hashText = `b3:${'0'.repeat(64)}`;
    expect(() => out.sent(to, 'short', false, hashText, hashText)).toThrow('26 bytes');
    expect(() => out.sent(to, MSG, false, 'b3:', hashText)).toThrow('no hash');
  });
});

describe('binary units: the client', () => {
  it('writes what the server reads, or says that only JSON can (T5)', () => {
    fc.assert(
      fc.property(sends, ({ body }) => {
        const isAscii = [body.topic, body.idem_key].every((text) => Buffer.from(text).length === text.length);
        const head = sendHeadOf(body);
        if (!isAscii) expect(head).toBeNull();
        else expect(readSend(Buffer.concat(head!))).toMatchObject({ body });
      }),
    );
    fc.assert(
      fc.property(recvs, (body) => {
        const unit = recvOf(body);
        if (unit !== null) expect(readRecv(Buffer.concat(unit))).toMatchObject({ body });
      }),
    );
    const only = { topic: 't', idem_key: 'k' };
    const inJson = [
      ...[
        { ...only, more: 1 },
        { ...only, ttl_ms: 0 },
        { ...only, delay_ms: -1 },
        { ...only, ttl_ms: 2 ** 48 },
      ],
      ...[{ ...only, delay_ms: 1.5 }, { ...only, payload_hash: 'b3:' }, { ...only, topic: 'é' }, { topic: 't' }],
      { ...only, topic: 'x'.repeat(256) },
    ];
    for (const json of inJson) expect(sendHeadOf(json), JSON.stringify(json)).toBeNull();
    const acks = [{ msg_id: 'short', receipt: 'r' }];
    for (const json of [
      { topic: 't', acks },
      { topic: 't', max_messages: 0 },
      { topic: 't', credit: 1 },
    ])
      expect(recvOf(json), JSON.stringify(json)).toBeNull();
  });
});
