import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyEnvelope } from '../../src/integrity/verify.ts';
import { APP_PROTO, encodeFrame, FLAG } from '../../src/wire/frame.ts';
import { postFrames, type UnitIn, unitsBody } from '../support/frames.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

const MSG = '01J8ZC4V2N6Q9R0S3T5W7X8Y1A';
const send = (topic: string, key: string, payload: Uint8Array = Buffer.from(key), more: object = {}): UnitIn => ({
  json: { topic, idem_key: key, ...more },
  payload,
});
const post = (path: string, units: readonly UnitIn[], app: number, options = {}) =>
  postFrames(server, path, unitsBody(units, app), options);
const sendAll = (units: readonly UnitIn[], options = {}) => post('/v1/send', units, APP_PROTO.send, options);
const recvOne = (json: object) => post('/v1/recv', [{ json }], APP_PROTO.recv);
const depth = async (topic: string): Promise<number> =>
  (await server.ask('GET', `/v1/stats?topic=${topic}`)).body.depth;

describe('frames', () => {
  it('send, recv, ack: payloads go beside the JSON, in chunks, and verify (T1, T2, T5)', async () => {
    const large = Buffer.alloc(150_000, 'abc');
    const sent = await sendAll([send('t.f', 'k1', large, { attrs: { a: 'é' } }), send('t.f', 'k2', Buffer.alloc(0))]);
    expect([sent.status, sent.headers.get('content-type')]).toEqual([200, 'application/oap1']);
    expect(sent.units).toMatchObject([
      { code: 200, app: 1, corr: 1, json: { duplicate: false, msg_id: expect.stringMatching(/^[0-9A-Z]{26}$/) } },
      { code: 200, app: 1, corr: 2, json: { duplicate: false } },
    ]);
    const received = await recvOne({ topic: 't.f', visibility_ms: 60_000 });
    expect(received.units.map(({ code, app, corr }) => [code, app, corr])).toEqual([
      [200, 2, 1],
      [200, 2, 1],
    ]);
    const [first, second] = received.units;
    expect(first?.payload.equals(large)).toBe(true);
    expect(first?.json).not.toHaveProperty('payload_b64');
    for (const { json, payload } of received.units) {
      expect(verifyEnvelope({ ...json, payload_b64: payload.toString('base64') })).toBeNull();
    }
    const { msg_id, receipt } = first!.json;
    const acked = await post(`/v1/ack/${msg_id}`, [{ json: { receipt } }], APP_PROTO.ack);
    expect([acked.status, acked.units]).toMatchObject([200, [{ code: 200, app: 3, json: { ok: true } }]]);
    const nack = { receipt: second?.json.receipt, dead_letter: true };
    const nacked = await post(`/v1/nack/${second?.json.msg_id}`, [{ json: nack }], APP_PROTO.nack);
    expect(nacked.units).toMatchObject([{ code: 200, app: 4, json: { ok: true, state: 'dead_lettered' } }]);
    const empty = await recvOne({ topic: 't.f' });
    expect([empty.status, empty.units]).toMatchObject([200, [{ code: 204, json: null }]]);
  });

  it('version 1 is answered byte for byte as ever: header, JSON, payload (B2)', async () => {
    const bytesOf = async (path: string, unit: UnitIn, app: number): Promise<Buffer> => {
      const headers = { 'content-type': 'application/oap1' };
      return (await server.postBytes(path, unitsBody([unit], app), headers, server.capability)).bytes;
    };
    const answered = (app: number, flags: number, payload: Uint8Array | string, code = 200): Buffer => {
      const whole = Buffer.alloc(38 + payload.length);
      whole.writeUInt32BE(whole.length, 0);
      whole.writeUInt16BE(1, 4);
      whole.writeUInt16BE(2 | flags, 6);
      whole.writeUInt16BE(code, 8);
      whole.writeUInt16BE(app, 10);
      whole.writeUInt32BE(7, 30);
      whole.writeUInt32BE(1, 34);
      whole.set(Buffer.from(payload as string), 38);
      return whole;
    };
    const sent = await bytesOf('/v1/send', send('t.bytes', 'k', Buffer.from('raw')), APP_PROTO.send);
    const json = JSON.parse(sent.subarray(38).toString());
    const { msg_id, payload_hash, hash_chain } = json;
    const text = `{"msg_id":"${msg_id}","duplicate":false,"payload_hash":"${payload_hash}","hash_chain":"${hash_chain}"}`;
    expect(sent).toEqual(answered(1, 24, text));
    const got = await bytesOf('/v1/recv', { json: { topic: 't.bytes' } }, APP_PROTO.recv);
    const end = got.readUInt32BE(0);
    const envelope = got.subarray(38, end).toString();
    const { receipt, ts, corr_id } = JSON.parse(envelope);
    expect(envelope.replace(/"shard":\d+/, '"shard":0').replace(/"deadline_in_ms":\d+/, '"deadline_in_ms":0')).toBe(
      `{"msg_id":"${msg_id}","topic":"t.bytes","ts":"${ts}","idem_key":"k","payload_hash":"${payload_hash}","attrs":{},` +
        `"corr_id":"${corr_id}","shard":0,"attempt":1,"hash_chain":"${hash_chain}","sig":null,` +
        `"receipt":"${receipt}","deadline_in_ms":0,"epoch":1}`,
    );
    expect(got).toEqual(Buffer.concat([answered(2, 8, envelope), answered(2, 16, 'raw')]));
    const acked = await bytesOf(`/v1/ack/${msg_id}`, { json: { receipt } }, APP_PROTO.ack);
    expect(acked).toEqual(answered(3, 24, '{"ok":true}'));
    const riding = { topic: 't.bytes', acks: [{ msg_id, receipt }] };
    expect(await bytesOf('/v1/recv', { json: riding }, APP_PROTO.recv)).toEqual(
      Buffer.concat([answered(2, 24, `{"ack_results":[{"msg_id":"${msg_id}","ok":true}]}`), answered(2, 24, '', 204)]),
    );
  });

  it('batch: units succeed or fail alone, in order, as they would by themselves', async () => {
    const { status, units } = await sendAll([
      send('t.b', 'k1'),
      send('t.b', 'k1'),
      send('t.b', 'k1', Buffer.from('other')),
      send('T', 'k'),
      send('u.outside', 'k'),
      { json: '{"topic"' },
      { json: { topic: 't.b', idem_key: 'k', payload_b64: '' } },
      send('t.b', 'k9', Buffer.from('x'), { payload_hash: `b3:${'0'.repeat(64)}` }),
      { ...send('t.b', 'k2'), app: APP_PROTO.recv },
      send('t.b', 'k3'),
    ]);
    expect(status).toBe(200);
    expect(units.map(({ code, json }) => [code, json.code])).toEqual([
      [200, undefined],
      [409, 'E_DUPLICATE'],
      [409, 'E_IDEM_MISMATCH'],
      [400, 'E_SCHEMA'],
      [403, 'E_CAP_SCOPE'],
      [400, 'E_SCHEMA'],
      [400, 'E_SCHEMA'],
      [422, 'E_INTEGRITY'],
      [400, 'E_SCHEMA'],
      [200, undefined],
    ]);
    expect(units[1]?.json.msg_id).toBe(units[0]?.json.msg_id);
    expect(units.map(({ corr }) => corr)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(await depth('t.b')).toBe(2);
    const flagged = await sendAll([send('t.b', 'k1')], { headers: { 'x-idempotency-mode': '200-flag' } });
    expect(flagged.units).toMatchObject([{ code: 200, json: { duplicate: true } }]);
  });

  it('a body of one unit has its status; what is before the units, too', async () => {
    await sendAll([send('t.one', 'k')]);
    const duplicate = await sendAll([send('t.one', 'k')]);
    expect([duplicate.status, duplicate.units[0]?.code]).toEqual([409, 409]);
    const refusals: [Buffer, object, number][] = [
      [Buffer.alloc(0), {}, 400],
      [Buffer.alloc(37), {}, 400],
      [Buffer.from('{"topic":"t","idem_key":"k","payload_b64":""}'), {}, 413],
      [Buffer.alloc(1_048_577), {}, 413],
      [unitsBody([send('t.one', 'x')]), { cap: 'forged' }, 401],
      [unitsBody([send('t.one', 'x')]), { headers: { 'x-idempotency-mode': 'no' } }, 400],
    ];
    for (const [body, options, expected] of refusals) {
      const { status, units, headers } = await postFrames(server, '/v1/send', body, options);
      expect([status, units.length, units[0]?.code], `${expected}`).toEqual([expected, 1, expected]);
      expect(units[0]?.json.corr_id).toBe(headers.get('x-corr-id'));
    }
    expect(await depth('t.one')).toBe(1);
  });

  it('units before a broken one stand, nothing of it or after it is stored (V1)', async () => {
    const good = unitsBody([send('t.broken', 'k1'), send('t.broken', 'k2')]);
    const header = { code: 0, app: 1, capability: '', corrHi: 0, corrLo: 99 };
    const start = {
      ...header,
      flags: FLAG.REQ | FLAG.START,
      payload: Buffer.from('{"topic":"t.broken","idem_key":"k3"}'),
    };
    const oversize = { ...header, flags: FLAG.REQ | FLAG.END, payload: Buffer.alloc(65_537) };
    const after = unitsBody([send('t.broken', 'k4')]);
    const tooLong = Buffer.concat([good, encodeFrame(start), encodeFrame(oversize), after]);
    const answer = await postFrames(server, '/v1/send', tooLong);
    expect(answer.status).toBe(200);
    expect(answer.units.map(({ code, corr }) => [code, corr])).toEqual([
      [200, 1],
      [200, 2],
      [413, 99],
    ]);
    const unended = await postFrames(server, '/v1/send', Buffer.concat([good, encodeFrame(start)]));
    expect(unended.units.map(({ code }) => code)).toEqual([409, 409, 400]);
    expect(await depth('t.broken')).toBe(2);
  });

  it('HELLO: answered with the limits, on every route of frames', async () => {
    const ack = { acks: [], topic: 't.hello' };
    for (const path of ['/v1/send', '/v1/recv', `/v1/ack/${MSG}`, `/v1/nack/${MSG}`]) {
      const { status, units } = await post(path, [{ app: APP_PROTO.hello }], 0);
      expect([status, units], path).toMatchObject([
        200,
        [{ code: 200, app: 0, json: { versions: [1, 2], frame_bytes_max: 1_048_576, chunk_bytes_max: 65_536 } }],
      ]);
    }
    const mixed = await post('/v1/recv', [{ app: 0 }, { json: ack }], APP_PROTO.recv);
    expect(mixed.units.map(({ code }) => code)).toEqual([200, 204]);
  });

  it('capability: in a frame instead of the head, equal to it where both are, each unit by its own (AU1)', async () => {
    const only = server.cap('topic = t.own', 'op = send');
    const other = server.cap('topic = t.else', 'op = send');
    const own = (key: string, capability: string): UnitIn => ({ ...send('t.own', key), capability });
    const alone = await sendAll(
      [own('k1', only), own('k2', other), own('k3', 'x'), send('t.own', 'k4'), own('k5', only)],
      {
        cap: null,
      },
    );
    expect(alone.units.map(({ code }) => code)).toEqual([200, 403, 401, 401, 200]);
    expect((await sendAll([own('k1', only)], { cap: only })).units[0]?.code).toBe(409);
    const differs = await sendAll([own('k6', other)], { cap: only });
    expect([differs.status, differs.units[0]?.json.message]).toEqual([
      400,
      'frame: another capability than the Authorization header',
    ]);
    expect((await sendAll([own('k7', server.cap('topic = t.own', 'op = recv'))], { cap: null })).status).toBe(403);
  });

  it('without a capability nothing but the first frame is read, and the connection goes (BD2)', async () => {
    const head = (more: string) =>
      `POST /v1/send HTTP/1.1\r\nHost: x\r\nContent-Type: application/oap1\r\nContent-Length: 900000\r\n${more}\r\n`;
    const unit = unitsBody([{ ...send('t', 'k'), capability: 'forged'.repeat(20) }]).toString('latin1');
    for (const start of [unit, unit.slice(0, 158), unitsBody([send('t', 'k')]).toString('latin1'), 'x'.repeat(40)]) {
      const answer = await server.raw(head('') + start);
      expect(answer).toMatch(/^HTTP\/1\.1 401 .*connection: close.*E_CAP_AUTH/is);
    }
    expect(await server.raw(head('Content-Encoding: gzip\r\n'))).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('COMP: gzip of one member within the ratio, in each frame; never in an encoded body (D3)', async () => {
    const frame = (flags: number, payload: Uint8Array, corrLo = 1) =>
      encodeFrame({ flags: FLAG.REQ | flags, code: 0, app: 1, capability: '', corrHi: 0, corrLo, payload });
    const json = Buffer.from('{"topic":"t.comp","idem_key":"c1"}');
    const text = Buffer.from(randomBytes(3000).toString('hex'));
    const good = Buffer.concat([
      frame(FLAG.START | FLAG.COMP, gzipSync(json)),
      frame(FLAG.COMP, gzipSync(text)),
      frame(FLAG.END, Buffer.from('raw')),
    ]);
    expect((await postFrames(server, '/v1/send', good)).units).toMatchObject([{ code: 200 }]);
    const [unit] = (await recvOne({ topic: 't.comp' })).units;
    expect(unit?.payload.toString()).toBe(`${text}raw`);
    const bombs: [string, Uint8Array, number][] = [
      ['beyond the ratio', gzipSync(Buffer.alloc(60_000)), 413],
      ['beyond a chunk', gzipSync(randomBytes(70_000)), 413],
      ['two members', Buffer.concat([gzipSync(text), gzipSync(text)]), 400],
      ['garbage after it', Buffer.concat([gzipSync(text), Buffer.from([0, 0])]), 400],
      ['no gzip', Buffer.from('hello'), 400],
      ['nothing', Buffer.alloc(0), 400],
    ];
    for (const [name, payload, code] of bombs) {
      const body = Buffer.concat([frame(FLAG.START, json), frame(FLAG.END | FLAG.COMP, payload)]);
      const answer = await postFrames(server, '/v1/send', body);
      expect([answer.status, answer.units[0]?.code], name).toEqual([code, code]);
    }
    const twice = await postFrames(server, '/v1/send', gzipSync(good), { headers: { 'content-encoding': 'gzip' } });
    expect([twice.status, twice.units[0]?.json.message]).toEqual([400, 'frame: COMP is not taken in an encoded body']);
    const plain = gzipSync(unitsBody([send('t.comp', 'c2')]));
    const encoded = await postFrames(server, '/v1/send', plain, { headers: { 'content-encoding': 'gzip' } });
    expect(encoded.units).toMatchObject([{ code: 200 }]);
    expect(await server.metric('rejected_total{reason="ratio_cap"}')).toBe(1);
  });

  it('acks and nacks: a batch names its messages; a path that names one takes no other', async () => {
    await sendAll([send('t.s', 'k1'), send('t.s', 'k2'), send('t.s', 'k3')]);
    const leased = (await recvOne({ topic: 't.s' })).units.map(({ json }) => json);
    const named = ({ msg_id, receipt }: { msg_id: string; receipt: string }) => ({ json: { msg_id, receipt } });
    const acks = await post('/v1/ack/batch', [named(leased[0]), named({ ...leased[1], receipt: 'no' })], APP_PROTO.ack);
    expect(acks.units.map(({ code }) => code)).toEqual([200, 409]);
    const nacks = await post('/v1/nack/batch', [named(leased[1]), { json: { receipt: 'r' } }], APP_PROTO.nack);
    expect(nacks.units.map(({ code }) => code)).toEqual([200, 400]);
    const other = await post(`/v1/ack/${leased[0].msg_id}`, [named(leased[2])], APP_PROTO.ack);
    expect([other.status, other.units[0]?.json.message]).toEqual([400, 'msg_id: another one than that of the path']);
    const payload = await post('/v1/ack/batch', [{ ...named(leased[2]), payload: Buffer.from('x') }], APP_PROTO.ack);
    expect(payload.status).toBe(400);
    expect((await post('/v1/ack/batch', [named(leased[2])], APP_PROTO.ack)).status).toBe(200);
  });

  it('recv: acks ride along and are answered first; only a unit that is alone may wait', async () => {
    await sendAll([send('t.r', 'k1'), send('t.r', 'k2')]);
    const [one] = (await recvOne({ topic: 't.r', max_messages: 1 })).units;
    const acks = [{ msg_id: one?.json.msg_id, receipt: one?.json.receipt }];
    const { units } = await recvOne({ topic: 't.r', acks });
    expect(units).toMatchObject([
      { code: 200, json: { ack_results: [{ msg_id: one?.json.msg_id, ok: true }] } },
      { code: 200, json: { idem_key: 'k2' } },
    ]);
    const waiting = await recvOne({ topic: 't.r', wait_ms: 20 });
    expect(waiting.units.map(({ code }) => code)).toEqual([204]);
    const two = await post(
      '/v1/recv',
      [{ json: { topic: 't.r', wait_ms: 20 } }, { json: { topic: 't.r' } }],
      APP_PROTO.recv,
    );
    expect(two.units.map(({ code }) => code)).toEqual([400, 204]);
    const onlyRecv = server.cap('topic = t.r', 'op = recv');
    const denied = await post('/v1/recv', [{ json: { topic: 't.r', acks } }], APP_PROTO.recv, { cap: onlyRecv });
    expect(denied.status).toBe(403);
  });
});
