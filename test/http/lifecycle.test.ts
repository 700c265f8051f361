import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyEnvelope } from '../../src/integrity/verify.ts';
import { TestServer, until } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ max_attempts: '2', backoff_base: '1ms', backoff_max: '1ms' });
});
afterAll(() => server.stop());

const recv = async (topic: string, more: object = {}) => (await server.post('/v1/recv', { topic, ...more })).body;
const lease = async (topic: string, more: object = {}) => {
  const { messages } = await recv(topic, { wait_ms: 5000, max_messages: 1, ...more });
  return messages[0];
};

describe('http lifecycle', () => {
  it('send, recv, ack: a message goes through, its envelope verifies (B1, B2, B4, T1, T2)', async () => {
    const sent = await server.send('t.life', 'k1', { attrs: { trace: 'é', 'a-b': '' } });
    expect(sent.status).toBe(200);
    expect(sent.body).toMatchObject({ duplicate: false, msg_id: expect.stringMatching(/^[0-9A-Z]{26}$/) });
    const { messages } = await recv('t.life');
    expect(messages).toHaveLength(1);
    const [envelope] = messages;
    expect(verifyEnvelope(envelope)).toBeNull();
    expect(envelope).toMatchObject({
      msg_id: sent.body.msg_id,
      payload_hash: sent.body.payload_hash,
      hash_chain: sent.body.hash_chain,
      topic: 't.life',
      idem_key: 'k1',
      payload_b64: 'aGVsbG8=',
      attrs: { trace: 'é', 'a-b': '' },
      attempt: 1,
      epoch: 1,
      sig: null,
    });
    const ack = await server.post(`/v1/ack/${envelope.msg_id}`, { receipt: envelope.receipt });
    expect([ack.status, ack.body]).toEqual([200, { ok: true }]);
    const again = await server.post(`/v1/ack/${envelope.msg_id}`, { receipt: envelope.receipt });
    expect([again.status, again.body]).toEqual([200, { ok: true }]);
    const nack = await server.post(`/v1/nack/${envelope.msg_id}`, { receipt: envelope.receipt });
    expect([nack.status, nack.body.code]).toEqual([409, 'E_LEASE_LOST']);
    expect((await recv('t.life')).messages).toEqual([]);
  });

  it('duplicate: 409 with the msg_id, or 200 when asked so; another payload is a mismatch without it (V1, T3, ID2, ID3)', async () => {
    const { body } = await server.send('t.dup', 'same');
    const duplicate = await server.send('t.dup', 'same');
    expect([duplicate.status, duplicate.body.code, duplicate.body.msg_id]).toEqual([409, 'E_DUPLICATE', body.msg_id]);
    const message = { topic: 't.dup', idem_key: 'same', payload_b64: 'aGVsbG8=' };
    const flagged = await server.post('/v1/send', message, { headers: { 'x-idempotency-mode': '200-flag' } });
    expect([flagged.status, flagged.body]).toEqual([200, { ...body, duplicate: true }]);
    const other = await server.send('t.dup', 'same', { payload_b64: 'b3RoZXI=' });
    expect([other.status, other.body.code, other.body.msg_id]).toEqual([409, 'E_IDEM_MISMATCH', undefined]);
    expect((await recv('t.dup')).messages).toHaveLength(1);
  });

  it('payload_hash: the right one passes, a wrong one is 422 and stores nothing (IN1)', async () => {
    const { body } = await server.send('t.hash', 'k1');
    const right = await server.send('t.hash', 'k2', { payload_hash: body.payload_hash });
    expect(right.status).toBe(200);
    const wrong = await server.send('t.hash', 'k3', { payload_hash: `b3:${'0'.repeat(64)}` });
    expect([wrong.status, wrong.body.code]).toEqual([422, 'E_INTEGRITY']);
    expect((await recv('t.hash')).messages).toHaveLength(2);
  });

  it('riding acks: settled before anything is leased, one result each, in order', async () => {
    await server.send('t.ride', 'k1');
    await server.send('t.ride', 'k2');
    const first = await lease('t.ride');
    const unknown = { msg_id: first.msg_id.replace(/.$/, 'Z'), receipt: 'x' };
    const wrong = { msg_id: first.msg_id, receipt: 'wrong' };
    const good = { msg_id: first.msg_id, receipt: first.receipt };
    const { ack_results, messages } = await recv('t.ride', { acks: [unknown, wrong, good] });
    expect(ack_results).toMatchObject([
      { msg_id: unknown.msg_id, code: 'E_NOT_FOUND' },
      { msg_id: wrong.msg_id, code: 'E_LEASE_LOST' },
      { msg_id: good.msg_id, ok: true },
    ]);
    expect(messages).toHaveLength(1);
    const onlyRecv = server.cap('topic = t.ride', 'op = recv');
    const denied = await server.post('/v1/recv', { topic: 't.ride', acks: [good] }, { cap: onlyRecv });
    expect([denied.status, denied.body.code]).toEqual([403, 'E_CAP_SCOPE']);
  });

  it('nack: retry_after_ms is kept to, beyond backoff_max; out of its range it is 400 and nothing changes (RT1, BD2)', async () => {
    await server.send('t.later', 'k1');
    const { msg_id, receipt } = await lease('t.later');
    for (const retry_after_ms of [-1, 43_200_001, 0.5, '1000', null]) {
      const { status, body } = await server.post(`/v1/nack/${msg_id}`, { receipt, retry_after_ms });
      expect([status, body.code, body.message]).toEqual([400, 'E_SCHEMA', expect.stringContaining('retry_after_ms')]);
    }
    const later = await server.post(`/v1/nack/${msg_id}`, { receipt, retry_after_ms: 43_200_000 });
    expect(later.body).toEqual({ ok: true, state: 'redelivered' });
    // The longest backoff is a millisecond.
    expect((await recv('t.later', { wait_ms: 100 })).messages).toEqual([]);
  });

  it('nack, extend, dead letters: the whole way round (T6, B7, DL1, DL2)', async () => {
    const admin = { cap: server.cap('topic = t.dead', 'op = admin') };
    const { body: sent } = await server.send('t.dead', 'k1');
    const first = await lease('t.dead');
    const extended = await server.post(`/v1/extend/${first.msg_id}`, { receipt: first.receipt, visibility_ms: 9000 });
    expect(extended.body).toEqual({ ok: true, deadline_in_ms: 9000 });
    const tooFar = await server.post(`/v1/extend/${first.msg_id}`, { receipt: first.receipt, visibility_ms: 60_000 });
    expect([tooFar.status, tooFar.body.code]).toEqual([409, 'E_LEASE_LOST']);
    expect(tooFar.body.message).toContain('visibility_ms: beyond the longest time');
    const back = await server.post(`/v1/nack/${first.msg_id}`, { receipt: first.receipt, reason: 'not now' });
    expect(back.body).toEqual({ ok: true, state: 'redelivered' });
    const second = await lease('t.dead');
    expect(second).toMatchObject({ msg_id: sent.msg_id, attempt: 2, epoch: 2 });
    const last = await server.post(`/v1/nack/${second.msg_id}`, { receipt: second.receipt, reason: 'never' });
    expect(last.body).toEqual({ ok: true, state: 'dead_lettered' });

    const { body: list } = await server.ask('GET', '/v1/dlq?topic=t.dead', undefined, admin);
    expect(list.next).toBeNull();
    expect(list.dead_letters).toMatchObject([
      { msg_id: sent.msg_id, reason: 'max_attempts', attempt: 2, last_error: 'never', redrives: 0, epoch: 2 },
    ]);
    expect(list.dead_letters[0]).not.toHaveProperty('payload_b64');
    const shown = await server.ask('GET', '/v1/dlq?topic=t.dead&include=payload', undefined, admin);
    expect(shown.body.dead_letters[0].payload_b64).toBe('aGVsbG8=');
    const moved = await server.post('/v1/dlq/reprocess', { topic: 't.dead' }, admin);
    expect(moved.body).toEqual({ moved: 1, skipped: 0, failed: 0 });
    const third = await lease('t.dead');
    expect(third).toMatchObject({ msg_id: sent.msg_id, attempt: 1, epoch: 3 });
    await server.post(`/v1/nack/${third.msg_id}`, { receipt: third.receipt, dead_letter: true });
    const purged = await server.post('/v1/dlq/purge', { topic: 't.dead', older_than_ms: 0 }, admin);
    expect(purged.body).toEqual({ purged: 1 });
    expect(server.lines.filter((line) => line['event'] === 'message.dead_lettered')).toMatchObject([
      { reason: 'max_attempts', attempt: 2 },
      { reason: 'rejected', attempt: 1 },
    ]);
    expect(server.lines).toContainEqual(expect.objectContaining({ event: 'message.purged', msg_id: sent.msg_id }));
  });

  it('expiry: the lease runs out and the message comes back under a new receipt (LE2, RT1)', async () => {
    await server.send('t.late', 'k1');
    const first = await lease('t.late', { visibility_ms: 250 });
    const second = await lease('t.late');
    expect(second).toMatchObject({ msg_id: first.msg_id, attempt: 2, epoch: 2 });
    expect(second.receipt).not.toBe(first.receipt);
    const late = await server.post(`/v1/ack/${first.msg_id}`, { receipt: first.receipt });
    expect([late.status, late.body.code]).toEqual([409, 'E_LEASE_LOST']);
  });

  it('long poll: answers when a message arrives, and empty when its time is over', async () => {
    const waiting = server.post('/v1/recv', { topic: 't.poll', wait_ms: 20_000 });
    await until(async () => (await server.metric('long_polls')) === 1);
    await server.send('t.poll', 'k1');
    expect((await waiting).body.messages).toHaveLength(1);
    expect((await server.post('/v1/recv', { topic: 't.poll', wait_ms: 30 })).body).toEqual({ messages: [] });
  });

  it('long poll: of a client that left takes no message (LE7)', async () => {
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${server.capability}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ topic: 't.left', wait_ms: 20_000 });
    const gone = fetch(`${server.url}/v1/recv`, { method: 'POST', headers, body, signal: leaving.signal });
    await until(async () => (await server.metric('long_polls')) === 1);
    leaving.abort();
    await expect(gone).rejects.toThrow();
    await until(async () => (await server.metric('long_polls')) === 0);
    await server.send('t.left', 'k1');
    expect(await lease('t.left')).toMatchObject({ attempt: 1, epoch: 1 });
  });

  it('stats: counts of one topic', async () => {
    await server.send('t.stats', 'k1');
    await server.send('t.stats', 'k2');
    await lease('t.stats');
    const { body } = await server.ask('GET', '/v1/stats?topic=t.stats');
    expect(body).toMatchObject({ topic: 't.stats', depth: 2, queued: 1, leased: 1, redelivered: 0, dead_lettered: 0 });
  });

  it('corr_id: accepted when it is a UUIDv7, else made; echoed, and carried to the consumer (R2)', async () => {
    const own = '0190C2A0-1234-7abc-8def-0123456789ab';
    const sent = await server.post(
      '/v1/send',
      { topic: 't.corr', idem_key: 'k', payload_b64: '' },
      { headers: { 'x-corr-id': own } },
    );
    expect(sent.headers.get('x-corr-id')).toBe(own.toLowerCase());
    expect((await lease('t.corr')).corr_id).toBe(own.toLowerCase());
    for (const bad of ['', 'x', '0190c2a0-1234-4abc-8def-0123456789ab']) {
      const answer = await server.ask('GET', '/healthz', undefined, { headers: { 'x-corr-id': bad } });
      expect(answer.headers.get('x-corr-id')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    }
  });
});
