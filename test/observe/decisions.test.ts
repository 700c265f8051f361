import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { integrity } from '../../src/integrity/hash-chain.ts';
import { APP_PROTO } from '../../src/wire/frame.ts';
import { unitsBody } from '../support/frames.ts';
import { type Answer, TestServer, until } from '../support/server.ts';

/** What every decision line that a request brought about says of it (O2). */
const OPS = 'send,recv,ack,nack,extend,stats';
let server: TestServer;
let cap: string;
let admin: string;
let damaged = false;
let keys = 0;
beforeAll(async () => {
  const hashOf = integrity.payloadHashOf;
  vi.spyOn(integrity, 'payloadHashOf').mockImplementation((payload) => (damaged ? 'b3:other' : hashOf(payload)));
  server = await TestServer.start({
    max_attempts: '2',
    backoff_base: '1ms',
    backoff_max: '1ms',
    dlq_max_per_topic: '2',
  });
  cap = server.cap('topic = t', `op = ${OPS}`);
  admin = server.cap('topic = t', 'op = admin');
});
afterAll(async () => {
  vi.restoreAllMocks();
  await server.stop();
});
beforeEach(async () => {
  damaged = false;
  await server.post('/v1/dlq/purge', { topic: 't', older_than_ms: 0 }, { cap: admin });
  server.lines.length = 0;
});

const corr = (n: number): string => `0190c2a0-1234-7abc-8def-${String(n).padStart(12, '0')}`;
const post = (n: number, path: string, body: object, token = cap): Promise<Answer> =>
  server.post(path, body, { cap: token, headers: { 'x-corr-id': corr(n) } });
const lease = async (more: object = {}) => {
  await post(1, '/v1/send', { topic: 't', idem_key: `k${++keys}`, payload_b64: '' });
  const { messages } = (await post(2, '/v1/recv', { topic: 't', max_messages: 1, ...more })).body;
  return messages[0] as { msg_id: string; receipt: string };
};
const linesOf = (event: string): Record<string, unknown>[] => server.lines.filter((line) => line['event'] === event);
/** Of the request with this number, under this capability. */
const of = (n: number, ops = OPS) => ({
  corr_id: corr(n),
  peer_addr: '127.0.0.1',
  cap_scope: expect.stringMatching(new RegExp(`^${ops} on t by k1:\\w{8}$`)),
});
const UNCAUSED = { corr_id: undefined, peer_addr: undefined, cap_scope: undefined };
const fieldsOf = (line: Record<string, unknown> | undefined) => ({ ...UNCAUSED, ...line });

describe('decision lines say which request it was (O2, O3)', () => {
  it('dead letter: of the nack that asked for it, and that of the last attempt', async () => {
    const first = await lease();
    await post(3, `/v1/nack/${first.msg_id}`, { receipt: first.receipt, dead_letter: true });
    const second = await lease();
    await post(4, `/v1/nack/${second.msg_id}`, { receipt: second.receipt });
    await until(() => linesOf('message.dead_lettered').length === 1);
    const { messages } = (await post(5, '/v1/recv', { topic: 't', wait_ms: 5_000 })).body;
    await post(6, '/v1/nack/batch', { nacks: [{ msg_id: second.msg_id, receipt: messages[0].receipt }] });
    const common = { level: 'warn', decision: 'denied', sent_corr_id: corr(1) };
    expect(linesOf('message.dead_lettered')).toMatchObject([
      { ...common, ...of(3), msg_id: first.msg_id, reason: 'rejected' },
      { ...common, ...of(6), msg_id: second.msg_id, reason: 'max_attempts', attempt: 2 },
    ]);
  });

  it('dead letter: of a unit of frames, under the capability that the unit brought', async () => {
    const { msg_id, receipt } = await lease();
    const capability = server.cap('topic = t', 'op = nack');
    const body = unitsBody([{ capability, json: { msg_id, receipt, dead_letter: true } }], APP_PROTO.nack);
    const headers = { 'content-type': 'application/oap1', 'x-corr-id': corr(3) };
    expect((await server.postBytes('/v1/nack/batch', body, headers, null)).status).toBe(200);
    expect(linesOf('message.dead_lettered')).toMatchObject([of(3, 'nack')]);
  });

  it('dead letter: of the recv that found the damage (IN1)', async () => {
    await post(1, '/v1/send', { topic: 't', idem_key: `k${++keys}`, payload_b64: '' });
    damaged = true;
    expect((await post(3, '/v1/recv', { topic: 't' })).body).toEqual({ messages: [] });
    expect(linesOf('message.dead_lettered')).toMatchObject([{ ...of(3), reason: 'integrity' }]);
  });

  it('dead letter: of time, of nobody', async () => {
    await lease({ visibility_ms: 250 });
    await until(async () => (await post(3, '/v1/recv', { topic: 't', visibility_ms: 250 })).body.messages.length === 1);
    await until(() => linesOf('message.dead_lettered').length === 1);
    expect(fieldsOf(linesOf('message.dead_lettered')[0])).toMatchObject({
      ...UNCAUSED,
      reason: 'max_attempts',
      sent_corr_id: corr(1),
    });
  });

  it('reprocess, purge, and what a dead letter pushed out: allowed to whom; a damaged one that is shown: denied (DL2, DL3, IN1)', async () => {
    for (let n = 10; n < 13; n++) {
      const { msg_id, receipt } = await lease();
      await post(n, `/v1/nack/${msg_id}`, { receipt, dead_letter: true });
    }
    expect(linesOf('message.purged')).toMatchObject([{ ...of(12), reason: 'count' }]);
    damaged = true;
    const headers = { 'x-corr-id': corr(5) };
    const listed = await server.ask('GET', '/v1/dlq?topic=t&include=payload&limit=1', undefined, {
      cap: admin,
      headers,
    });
    damaged = false;
    expect(listed.body.dead_letters[0]).not.toHaveProperty('payload_b64');
    expect(linesOf('integrity.failed')).toMatchObject([{ ...of(5, 'admin'), decision: 'denied', reason: 'at_rest' }]);
    expect(await server.metric('integrity_fail_total{reason="at_rest"}')).toBe(2);
    await post(6, '/v1/dlq/reprocess', { topic: 't', limit: 1 }, admin);
    await post(7, '/v1/dlq/purge', { topic: 't', older_than_ms: 0 }, admin);
    expect(linesOf('message.reprocessed')).toMatchObject([{ ...of(6, 'admin'), decision: 'allowed', redrives: 1 }]);
    expect(linesOf('message.purged')[1]).toMatchObject({ ...of(7, 'admin'), reason: 'admin', decision: 'allowed' });
  });

  it('acks that ride on a recv are refused like acks alone: counted, and told (LE8)', async () => {
    const { msg_id, receipt } = await lease();
    const acks = [{ msg_id, receipt }];
    const before = await server.metric('rejected_total{reason="saturated"}');
    const riding = (n: number) =>
      post(n, '/v1/recv', { topic: 't', acks }, server.cap('topic = t', 'op = recv,ack', 'quota_ops = 1/600'));
    const answer = await riding(3);
    expect(answer.body.ack_results).toMatchObject([{ msg_id, code: 'E_SATURATED', reason: 'quota' }]);
    expect(answer.headers.get('retry-after')).not.toBeNull();
    expect(linesOf('request.refused')).toMatchObject([{ ...of(3, 'recv,ack'), reason: 'quota', decision: 'denied' }]);
    expect(await server.metric('rejected_total{reason="saturated"}')).toBe(before + 1);
    const frames = unitsBody([{ json: { topic: 't', acks } }], APP_PROTO.recv);
    const headers = { 'content-type': 'application/oap1', 'x-corr-id': corr(4) };
    const narrow = server.cap('topic = t', 'op = recv,ack', 'quota_ops = 1/600');
    expect((await server.postBytes('/v1/recv', frames, headers, narrow)).status).toBe(200);
    const streamed = { topic: 't', acks, wait_ms: 1 };
    await post(5, '/v1/recv/stream', streamed, server.cap('topic = t', 'op = recv,ack', 'quota_ops = 1/600'));
    expect(linesOf('request.refused').map(({ corr_id }) => corr_id)).toEqual([corr(3), corr(4), corr(5)]);
  });
});
