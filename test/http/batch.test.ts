import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ ready_shards: '1', shard_capacity: '8', tenant_share: '0' });
});
afterAll(() => server.stop());

const message = (topic: string, key: string, more: object = {}) => ({
  topic,
  idem_key: key,
  payload_b64: 'aGVsbG8=',
  ...more,
});
const sendAll = (messages: readonly unknown[], options = {}) => server.post('/v1/send/batch', { messages }, options);

describe('batch', () => {
  it('send: one result each, in order, by the header a single send goes by (ID2)', async () => {
    const first = await sendAll([message('t.b', 'k1'), message('t.b', 'k2')]);
    expect(first.body).toEqual({
      results: [
        { msg_id: expect.stringMatching(/^[0-9A-Z]{26}$/), duplicate: false },
        { msg_id: expect.stringMatching(/^[0-9A-Z]{26}$/), duplicate: false },
      ],
    });
    const again = await sendAll([message('t.b', 'k1'), message('t.b', 'k2', { payload_b64: '' })]);
    expect([again.status, again.body.results]).toEqual([
      200,
      [
        { code: 'E_DUPLICATE', message: 'this message was accepted before', msg_id: first.body.results[0].msg_id },
        { code: 'E_IDEM_MISMATCH', message: 'idem_key: used before with another payload' },
      ],
    ]);
    const flagged = await sendAll([message('t.b', 'k1')], { headers: { 'x-idempotency-mode': '200-flag' } });
    expect(flagged.body.results).toEqual([{ msg_id: first.body.results[0].msg_id, duplicate: true }]);
  });

  it('send: items fail alone, each as it would by itself; one decision line says how many', async () => {
    const before = server.lines.length;
    const { status, body } = await sendAll([
      message('t.mixed', 'k1'),
      message('T', 'k'),
      message('u.outside', 'k'),
      message('t.mixed', 'k', { colour: 1 }),
      null,
      message('t.mixed', 'k', { payload_b64: 'A' }),
      message('t.mixed', 'k', { payload_hash: `b3:${'0'.repeat(64)}` }),
      message('t.mixed', 'k2'),
    ]);
    expect(status).toBe(200);
    expect(body.results.map(({ code, message: text }: Record<string, string>) => [code, text])).toEqual([
      [undefined, undefined],
      ['E_SCHEMA', expect.stringContaining('topic: 1..128')],
      ['E_CAP_SCOPE', 'topic: outside the capability'],
      ['E_SCHEMA', 'colour: unknown field'],
      ['E_SCHEMA', 'body: must be object'],
      ['E_SCHEMA', expect.stringContaining('payload_b64')],
      ['E_INTEGRITY', expect.stringContaining('payload_hash')],
      [undefined, undefined],
    ]);
    const decisions = server.lines.slice(before).filter((line) => line['decision'] === 'denied');
    expect(decisions).toHaveLength(1);
    expect((await server.ask('GET', '/v1/stats?topic=t.mixed')).body.depth).toBe(2);
  });

  it('send: what does not fit is told with Retry-After, what does is kept (D5)', async () => {
    const used = (await server.ask('GET', '/v1/stats?topic=t.b')).body.depth + 2;
    const messages = Array.from({ length: 8 }, (_, i) => message('t.full', `k${i}`));
    const { status, headers, body } = await sendAll(messages);
    expect(status).toBe(200);
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const codes = body.results.map(({ code, reason }: Record<string, string>) => code && `${code} ${reason}`);
    expect(codes.filter((code?: string) => code === undefined)).toHaveLength(8 - used);
    expect(new Set(codes.slice(8 - used))).toEqual(new Set(['E_SATURATED shard']));
  });

  it('quota: each item counts (AU2)', async () => {
    const cap = server.cap('topic prefix t', 'op = send', 'quota_ops = 2/100');
    const messages = [1, 2, 3, 4].map((i) => message('t.quota', `k${i}`));
    const codes = (await sendAll(messages, { cap })).body.results.map(({ reason }: { reason?: string }) => reason);
    expect(codes.slice(2)).toEqual(['quota', 'quota']);
    expect(codes.slice(0, 2)).not.toContain('quota');
  });

  it('ack and nack: results name their message (LE3, LE4)', async () => {
    const own = await TestServer.start();
    try {
      for (const key of ['k1', 'k2', 'k3']) await own.send('t.s', key);
      const { messages } = (await own.post('/v1/recv', { topic: 't.s', visibility_ms: 60_000 })).body;
      const [a, b, c] = messages.map(({ msg_id, receipt }: Record<string, string>) => ({ msg_id, receipt }));
      const unknown = { msg_id: a.msg_id.replace(/.$/, 'Z'), receipt: 'r' };
      const acks = await own.post('/v1/ack/batch', {
        acks: [a, { ...b, receipt: 'no' }, unknown, { msg_id: 7, receipt: 'r' }],
      });
      expect(acks.body.results).toEqual([
        { msg_id: a.msg_id, ok: true },
        { msg_id: b.msg_id, code: 'E_LEASE_LOST', message: expect.any(String) },
        { msg_id: unknown.msg_id, code: 'E_NOT_FOUND', message: expect.any(String) },
        { code: 'E_SCHEMA', message: expect.stringContaining('msg_id') },
      ]);
      expect((await own.post('/v1/ack/batch', { acks: [a] })).body.results).toEqual([{ msg_id: a.msg_id, ok: true }]);
      const nacks = await own.post('/v1/nack/batch', { nacks: [{ ...b, dead_letter: true }, c, { ...c, reason: 1 }] });
      expect(nacks.body.results).toEqual([
        { msg_id: b.msg_id, ok: true, state: 'dead_lettered' },
        { msg_id: c.msg_id, ok: true, state: 'redelivered' },
        { code: 'E_SCHEMA', message: expect.stringContaining('reason') },
      ]);
    } finally {
      await own.stop();
    }
  });

  it('the batch itself: 1..256 items of the right op, else it fails as a whole (LE6)', async () => {
    const refusals: [string, unknown, number, string][] = [
      ['/v1/send/batch', { messages: [] }, 400, 'messages: must not have fewer than 1'],
      [
        '/v1/send/batch',
        { messages: Array.from({ length: 257 }, () => ({})) },
        400,
        'messages: must not have more than 256',
      ],
      ['/v1/send/batch', {}, 400, 'messages: missing'],
      ['/v1/send/batch', { messages: [{}], x: 1 }, 400, 'x: unknown field'],
      ['/v1/ack/batch', { acks: {} }, 400, 'acks: must be array'],
      ['/v1/nack/batch', { acks: [] }, 400, 'nacks: missing'],
    ];
    for (const [path, body, status, text] of refusals) {
      const answer = await server.post(path, body);
      expect([answer.status, answer.body.message], text).toEqual([status, expect.stringContaining(text)]);
    }
    const cap = server.cap('topic prefix t', 'op = recv');
    expect((await sendAll([message('t.b', 'k')], { cap })).status).toBe(403);
    expect((await sendAll([message('t.b', 'k')], { cap: null })).status).toBe(401);
  });

  it('ack in a batch: a message of another topic is as unknown as any (LE3)', async () => {
    const own = await TestServer.start();
    try {
      await own.send('t.mine', 'k');
      const [{ msg_id, receipt }] = (await own.post('/v1/recv', { topic: 't.mine' })).body.messages;
      const cap = own.cap('topic = t.other', 'op = ack');
      const { body } = await own.post('/v1/ack/batch', { acks: [{ msg_id, receipt }] }, { cap });
      expect(body.results).toEqual([{ msg_id, code: 'E_NOT_FOUND', message: expect.any(String) }]);
    } finally {
      await own.stop();
    }
  });
});
