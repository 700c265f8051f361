import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ackResultsIn, envelopeIn, sentIn } from '../../src/client/binary.ts';
import { verifyEnvelope } from '../../src/integrity/verify.ts';
import type { NackSaid, RecvSaid, SendSaid } from '../../src/wire/binary.ts';
import { APP_PROTO, encodeFrame, FLAG } from '../../src/wire/frame.ts';
import { ackUnit, type BinaryUnit, binaryBody, nackUnit, postBinary, recvUnit, sendUnit } from '../support/binary.ts';
import { postFrames, unitsBody } from '../support/frames.ts';
import fc from '../support/properties.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

const MSG = '01J8ZC4V2N6Q9R0S3T5W7X8Y1A';
const send = (topic: string, idem_key: string, more: Partial<SendSaid> = {}, payload = Buffer.from(idem_key)) => ({
  payload: sendUnit({ body: { topic, idem_key, ...more }, payload }),
});
const sendAll = (units: readonly BinaryUnit[], options = {}) =>
  postBinary(server, '/v1/send', binaryBody(units), options);
const recv = (body: RecvSaid, options = {}) =>
  postBinary(server, '/v1/recv', binaryBody([{ payload: recvUnit(body) }], APP_PROTO.recv), options);
const received = async (body: RecvSaid) => (await recv(body)).units.map(({ head }) => envelopeIn(head));
const acks = (leases: readonly { msg_id: string; receipt: string }[], path = '/v1/ack/batch') =>
  postBinary(
    server,
    path,
    binaryBody(
      leases.map((one) => ({ payload: ackUnit(one) })),
      APP_PROTO.ack,
    ),
  );
const depth = async (topic: string): Promise<number> =>
  (await server.ask('GET', `/v1/stats?topic=${topic}`)).body.depth;

describe('frames, version 2', () => {
  it('send, recv, ack, nack: binary throughout, and envelopes verify (T1, T2, T5)', async () => {
    const large = Buffer.alloc(150_000, 'abc');
    const attrs = Buffer.from('{"a":"é"}');
    const first = { payload: sendUnit({ body: { topic: 't.b', idem_key: 'k1' }, attrs, payload: large }) };
    const sent = await sendAll([first, send('t.b', 'k2', { delay_ms: 1, ttl_ms: 60_000 }, Buffer.alloc(0))]);
    expect(sent.units.map(({ code, app, corrHi, corrLo }) => [code, app, corrHi, corrLo])).toEqual([
      [200, 1, 7, 1],
      [200, 1, 7, 2],
    ]);
    const { duplicate, ...one } = sentIn(sent.units[0]!.head);
    expect([duplicate, one.payload_hash]).toEqual([false, expect.stringMatching(/^b3:[0-9a-f]{64}$/)]);
    const got = await received({ topic: 't.b', visibility_ms: 60_000, max_messages: 1 });
    expect(got).toMatchObject([{ ...one, topic: 't.b', idem_key: 'k1', attempt: 1, sig: null }]);
    expect([got[0]?.attrs, Buffer.compare(got[0]!.payload, large)]).toEqual([{ a: 'é' }, 0]);
    for (const { payload, ...envelope } of got)
      expect(verifyEnvelope({ ...envelope, payload_b64: Buffer.from(payload).toString('base64') })).toBeNull();
    const acked = await acks([got[0]!], `/v1/ack/${got[0]!.msg_id}`);
    expect(acked).toMatchObject({ status: 200, units: [{ code: 200, app: 3, head: Buffer.alloc(0) }] });
    const [second] = await received({ topic: 't.b', wait_ms: 5000 });
    const nack: NackSaid = { msg_id: second!.msg_id, receipt: second!.receipt, reason: 'ünfit', dead_letter: true };
    const path = `/v1/nack/${nack.msg_id}`;
    const nacked = await postBinary(server, path, binaryBody([{ payload: nackUnit(nack) }], APP_PROTO.nack));
    expect(nacked.units.map(({ code, app, head }) => [code, app, head.toString()])).toEqual([
      [200, 4, 'dead_lettered'],
    ]);
    expect((await recv({ topic: 't.b' })).units).toMatchObject([{ code: 204, app: 2, head: Buffer.alloc(0) }]);
  });

  it('batch: units succeed or fail alone, in order, as they would by themselves', async () => {
    const wrong = { payload_hash: `b3:${'0'.repeat(64)}` };
    const { status, units } = await sendAll([
      send('t.s', 'k1'),
      send('t.s', 'k1'),
      { payload: sendUnit({ body: { topic: 't.s', idem_key: 'k1' }, payload: Buffer.from('other') }) },
      send('T', 'k'),
      send('u.outside', 'k'),
      { payload: Buffer.from('{"topic":"t.s"}') },
      send('t.s', 'k9', wrong),
      { ...send('t.s', 'k2'), app: APP_PROTO.recv },
      send('t.s', 'k3'),
    ]);
    expect([status, units.map(({ code, corrLo }) => [code, corrLo])]).toEqual([
      200,
      [200, 409, 409, 400, 403, 400, 422, 400, 200].map((code, i) => [code, i + 1]),
    ]);
    expect(units[1]?.error).toMatchObject({ code: 'E_DUPLICATE', msg_id: sentIn(units[0]!.head).msg_id });
    expect(await depth('t.s')).toBe(2);
    const flagged = await sendAll([send('t.s', 'k1')], { headers: { 'x-idempotency-mode': '200-flag' } });
    expect(sentIn(flagged.units[0]!.head)).toMatchObject({ duplicate: true });
    const alone = await sendAll([send('t.s', 'k1')]);
    expect([alone.status, alone.units[0]?.code]).toEqual([409, 409]);
  });

  it('acks ride along and are answered first; a path that names a message takes no other; who waits is alone (LE8)', async () => {
    await sendAll([send('t.r', 'k1'), send('t.r', 'k2'), send('t.r', 'k3')]);
    const [one, two] = await received({ topic: 't.r', max_messages: 2 });
    const riding = [
      { msg_id: one!.msg_id, receipt: one!.receipt },
      { msg_id: two!.msg_id, receipt: 'not-it' },
    ];
    const { units } = await recv({ topic: 't.r', acks: riding });
    expect(units.map(({ code, app }) => [code, app])).toEqual([
      [200, 3],
      [200, 2],
    ]);
    expect(ackResultsIn(units[0]!.head, riding)).toMatchObject([{ ok: true }, { code: 'E_LEASE_LOST' }]);
    expect(envelopeIn(units[1]!.head).idem_key).toBe('k3');
    const other = await acks([two!], `/v1/ack/${one!.msg_id}`);
    expect([other.status, other.units[0]?.error['message']]).toEqual([
      400,
      'msg_id: another one than that of the path',
    ]);
    expect((await acks([two!, { ...two!, receipt: 'no' }])).units.map(({ code }) => code)).toEqual([200, 409]);
    const waiting = binaryBody(
      [{ payload: recvUnit({ topic: 't.r', wait_ms: 20 }) }, { payload: recvUnit({ topic: 't.r' }) }],
      APP_PROTO.recv,
    );
    expect((await postBinary(server, '/v1/recv', waiting)).units.map(({ code }) => code)).toEqual([400, 204]);
    const cap = server.cap('topic = t.r', 'op = recv');
    expect((await recv({ topic: 't.r', acks: riding }, { cap })).status).toBe(403);
  });

  it('HELLO: in each version with the limits; one for a version that is not there is told which are (B2)', async () => {
    const hello = { app: APP_PROTO.hello, payload: Buffer.alloc(0) };
    const { status, units } = await sendAll([hello, send('t.hello', 'k')]);
    expect([status, units.map(({ code, app }) => [code, app])]).toEqual([
      200,
      [
        [200, 0],
        [200, 1],
      ],
    ]);
    const limits = JSON.parse(units[0]!.head.toString());
    expect(limits).toMatchObject({ versions: [1, 2], frame_bytes_max: 1_048_576, units_max: 256 });
    for (const ver of [0, 3, 0xffff]) {
      const bent = binaryBody([hello]);
      bent.writeUInt16BE(ver, 4);
      const answer = await postFrames(server, '/v1/send', bent);
      expect(answer, `${ver}`).toMatchObject({
        status: 400,
        units: [{ code: 400, json: { code: 'E_SCHEMA', message: 'frame: ver must be 1 or 2' } }],
      });
    }
  });

  it('capability: in a frame instead of the head, each unit by its own (AU1)', async () => {
    const only = server.cap('topic = t.own', 'op = send');
    const other = server.cap('topic = t.else', 'op = send');
    const own = (key: string, capability: string) => ({ ...send('t.own', key), capability });
    const units = [own('k1', only), own('k2', other), own('k3', 'x'), send('t.own', 'k4'), own('k5', only)];
    expect((await sendAll(units, { cap: null })).units.map(({ code }) => code)).toEqual([200, 403, 401, 401, 200]);
    const differs = await sendAll([own('k6', other)], { cap: only });
    expect([differs.status, differs.units[0]?.error['message']]).toEqual([
      400,
      'frame: another capability than the Authorization header',
    ]);
    const nobody = await sendAll([send('t.own', 'k7')], { cap: null });
    expect([nobody.status, nobody.units[0]?.error['code']]).toEqual([401, 'E_CAP_AUTH']);
    expect(await depth('t.own')).toBe(2);
  });

  it('units before a broken one stand, nothing of it or after it is stored; nothing changes for lengths that lie (V1)', async () => {
    const good = binaryBody([send('t.broken', 'k1')]);
    const [before, after] = [send('t.broken', 'k2'), send('t.broken', 'k3')];
    const bent = binaryBody([before, after]);
    bent.writeUInt32BE(1_048_577, 0);
    const tooLong = await postBinary(server, '/v1/send', Buffer.concat([good, bent]));
    expect(tooLong.units.map(({ code }) => code)).toEqual([200, 413]);
    const lying = sendUnit({ body: { topic: 't.broken', idem_key: 'k4' }, payload: Buffer.from('x') });
    lying.writeUInt32BE(2, 8);
    const answer = await sendAll([{ payload: lying }, after]);
    expect(answer.units.map(({ code, error }) => [code, error['message']])).toEqual([
      [400, 'attrs: its length goes beyond the frame'],
      [200, undefined],
    ]);
    const first = encodeFrame({
      ...{ flags: FLAG.REQ | FLAG.START | FLAG.END, code: 0, app: 1, capability: '', corrHi: 0, corrLo: 9 },
      payload: Buffer.from('{"topic":"t.broken","idem_key":"k5"}'),
    });
    const mixed = await postBinary(server, '/v1/send', Buffer.concat([good, first]));
    expect(mixed.units[1]).toMatchObject({
      code: 400,
      error: { message: 'frame: another ver than the body began with' },
    });
    expect(await depth('t.broken')).toBe(2);
  });

  it('what is refused of a send in version 1 is refused in version 2, with the same words (T4, V1)', async () => {
    const ascii = (...samples: string[]) =>
      fc.oneof(
        fc.constantFrom(...samples),
        fc.string({ unit: fc.constantFrom('a', 'Z', '.', ' ', '\u007f'), maxLength: 140 }),
      );
    const attrs = fc.option(
      fc.constantFrom(
        ...[
          '{}',
          '{"a":"b"}',
          '{"a":1}',
          '[]',
          'null',
          '{"a":"b","a":"c"}',
          '{"__proto__":"x"}',
          '{"A":"x"}',
          '{"a":"\\ud800"}',
        ],
        ...['{"a":"\\u0000"}', `{"a":"${'é'.repeat(513)}"}`, '{"a"', `${'['.repeat(17)}${']'.repeat(17)}`, '"x"'],
      ),
      { nil: '' },
    );
    const said = fc.record({
      body: fc.record(
        {
          ...{
            topic: ascii('t.same'),
            idem_key: ascii('k', 'k'.repeat(129)),
            payload_hash: fc.constant(`b3:${'a'.repeat(64)}`),
          },
          ...{
            delay_ms: fc.constantFrom(1, 43_200_000, 43_200_001),
            ttl_ms: fc.constantFrom(1, 31_536_000_000, 2 ** 48 - 1),
          },
        },
        { requiredKeys: ['topic', 'idem_key'] },
      ),
      attrs,
    });
    const inJson = ({ topic, ...rest }: object & { topic: string }, attrsJson: string): string => {
      const json = JSON.stringify({ topic, ...rest });
      return attrsJson === '' ? json : `${json.slice(0, -1)},"attrs":${attrsJson}}`;
    };
    const samples = fc.sample(said, { numRuns: 200, seed: 7 });
    const asked = { cap: server.cap('topic = t.same', 'op = send'), headers: { 'x-idempotency-mode': '200-flag' } };
    const json = samples.map(({ body, attrs }) => ({ json: inJson(body, attrs) }));
    const binary = samples.map(({ body, attrs }) => ({ payload: sendUnit({ body, attrs: Buffer.from(attrs) }) }));
    const one = await postFrames(server, '/v1/send', unitsBody(json), asked);
    const two = await postBinary(server, '/v1/send', binaryBody(binary), asked);
    expect(two.units.map(({ code }) => code)).toEqual(one.units.map(({ code }) => code));
    const words = (error: { message?: string }): string | undefined =>
      // Attributes that are no JSON leave the JSON around them none, and its depth is one more.
      error.message?.replace(/^body: (not valid JSON|deeper than 16 levels)$/, 'body');
    const messages = one.units.map(({ code, json: body }) => (code >= 400 ? words(body) : undefined));
    expect(two.units.map(({ code, error }) => (code >= 400 ? words(error) : undefined))).toEqual(messages);
    expect(new Set(messages).size).toBeGreaterThan(8);
  });

  it('one message for all: nothing of a unit is taken for a name of another message (LE3)', async () => {
    const unknown = await acks([{ msg_id: MSG, receipt: 'r' }]);
    expect([unknown.status, unknown.units[0]?.error['code']]).toEqual([404, 'E_NOT_FOUND']);
    const malformed = await acks([{ msg_id: MSG.toLowerCase(), receipt: 'r' }]);
    expect(malformed.units[0]?.error).toMatchObject({ code: 'E_SCHEMA', message: expect.stringMatching(/^msg_id: /) });
  });
});
