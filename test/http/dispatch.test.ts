import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../../src/http/routes.ts';
import { type Answer, TestServer } from '../support/server.ts';

let direct: TestServer;
let h3: TestServer;
beforeAll(async () => {
  direct = await TestServer.start({ ready_shards: '1' }, 'all-direct');
  h3 = await TestServer.start({ ready_shards: '1' }, 'all-h3');
});
afterAll(async () => {
  await direct.stop();
  await h3.stop();
});

type Step = (server: TestServer, seen: Answer[]) => Promise<Answer>;
const message = { topic: 't', idem_key: 'k', payload_b64: 'aGVsbG8=' };
const MSG = '01J8ZC4V2N6Q9R0S3T5W7X8Y1A';
const admin = (server: TestServer) => ({ cap: server.cap('topic = t', 'op = admin') });
const viewer = (server: TestServer) => ({ cap: server.cap('topic prefix t', 'op = view') });
const leased = (seen: Answer[]) => seen.findLast((answer) => answer.body?.messages?.length > 0)?.body.messages[0];

/** Each route, taken and refused in several ways. */
const STEPS: readonly [string, Step][] = [
  ['GET /healthz', (s) => s.ask('GET', '/healthz', undefined, { cap: null })],
  ['GET /v1/keys', (s) => s.ask('GET', '/v1/keys', undefined, { cap: null })],
  ['GET /readyz', (s) => s.ask('GET', '/readyz', undefined, { cap: null })],
  ['POST /v1/send', (s) => s.post('/v1/send', message)],
  ['POST /v1/send again', (s) => s.post('/v1/send', message)],
  ['POST /v1/send flagged', (s) => s.post('/v1/send', message, { headers: { 'x-idempotency-mode': '200-flag' } })],
  ['POST /v1/send malformed', (s) => s.post('/v1/send', '{')],
  ['POST /v1/send without capability', (s) => s.post('/v1/send', message, { cap: null })],
  ['POST /v1/send too large', (s) => s.post('/v1/send', 'x'.repeat(1_048_577))],
  [
    'POST /v1/send of the wrong type',
    (s) => s.post('/v1/send', message, { headers: { 'content-type': 'text/plain' } }),
  ],
  ['PUT /v1/send', (s) => s.ask('PUT', '/v1/send', message)],
  ['POST /v1/recv', (s) => s.post('/v1/recv', { topic: 't' })],
  ['POST /v1/recv empty', (s) => s.post('/v1/recv', { topic: 't' })],
  ['POST /v1/recv waiting', (s) => s.post('/v1/recv', { topic: 't', wait_ms: 30 })],
  [
    'POST /v1/extend',
    (s, seen) => s.post(`/v1/extend/${leased(seen).msg_id}`, { receipt: leased(seen).receipt, visibility_ms: 9000 }),
  ],
  [
    'POST /v1/nack',
    (s, seen) => s.post(`/v1/nack/${leased(seen).msg_id}`, { receipt: leased(seen).receipt, dead_letter: true }),
  ],
  ['POST /v1/ack lost', (s, seen) => s.post(`/v1/ack/${leased(seen).msg_id}`, { receipt: leased(seen).receipt })],
  ['POST /v1/ack unknown', (s) => s.post(`/v1/ack/${MSG}`, { receipt: 'r' })],
  ['GET /v1/dlq', (s) => s.ask('GET', '/v1/dlq?topic=t&include=payload', undefined, admin(s))],
  ['GET /v1/dlq denied', (s) => s.ask('GET', '/v1/dlq?topic=t')],
  ['POST /v1/dlq/reprocess', (s) => s.post('/v1/dlq/reprocess', { topic: 't' }, admin(s))],
  ['POST /v1/dlq/redrives', (s) => s.post('/v1/dlq/redrives', { topic: 't', dry_run: true }, admin(s))],
  ['GET /v1/dlq/redrives/{redrive_id}', (s) => s.ask('GET', `/v1/dlq/redrives/${MSG}`, undefined, admin(s))],
  ['DELETE /v1/dlq/redrives/{redrive_id}', (s) => s.ask('DELETE', `/v1/dlq/redrives/${MSG}`, undefined, admin(s))],
  ['POST /v1/recv reprocessed', (s) => s.post('/v1/recv', { topic: 't' })],
  ['POST /v1/ack', (s, seen) => s.post(`/v1/ack/${leased(seen).msg_id}`, { receipt: leased(seen).receipt })],
  ['POST /v1/send/batch', (s) => s.post('/v1/send/batch', { messages: [message, { ...message, idem_key: 'b' }, 1] })],
  ['POST /v1/recv/stream', (s) => s.post('/v1/recv/stream', { topic: 't', max_messages: 1 })],
  ['POST /v1/recv/stream denied', (s) => s.post('/v1/recv/stream', { topic: 'u' })],
  ['POST /v1/ack/batch', (s) => s.post('/v1/ack/batch', { acks: [{ msg_id: MSG, receipt: 'r' }, {}] })],
  ['POST /v1/nack/batch', (s) => s.post('/v1/nack/batch', { nacks: [{ msg_id: MSG, receipt: 'r' }] })],
  ['POST /v1/dlq/purge', (s) => s.post('/v1/dlq/purge', { topic: 't', older_than_ms: 0 }, admin(s))],
  ['POST /v1/admin/revoke denied', (s) => s.post('/v1/admin/revoke', { key_id: 'none', reason: '' }, admin(s))],
  ['GET /v1/stats', (s) => s.ask('GET', '/v1/stats?topic=t')],
  ['GET /v1/topics', (s) => s.ask('GET', '/v1/topics?prefix=t&limit=1', undefined, viewer(s))],
  ['GET /v1/topics of another cursor', (s) => s.ask('GET', '/v1/topics?prefix=t&cursor=x', undefined, viewer(s))],
  ['GET /v1/messages', (s) => s.ask('GET', '/v1/messages?topic=t&include=payload', undefined, viewer(s))],
  ['GET /v1/messages denied', (s) => s.ask('GET', '/v1/messages?topic=t')],
  ['GET /v1/messages/{msg_id}', (s) => s.ask('GET', `/v1/messages/${MSG}`, undefined, viewer(s))],
  ['GET /v1/feed', (s) => s.ask('GET', '/v1/feed?topic=none&after=now&wait_ms=0', undefined, viewer(s))],
  ['GET /v1/node', (s) => s.ask('GET', '/v1/node', undefined, viewer(s))],
  ['GET /v1/feed/decisions', (s) => s.ask('GET', '/v1/feed/decisions?after=now&wait_ms=0', undefined, viewer(s))],
  ['GET /v1/stats malformed', (s) => s.ask('GET', '/v1/stats?topic=T')],
  ['GET /nowhere', (s) => s.ask('GET', '/nowhere')],
  ['GET /v1/%73end', (s) => s.ask('GET', '/v1/%73end')],
];

/** What must be equal: everything but ids, receipts, hashes over them, and times. */
function comparable({ status, headers, body }: Answer): unknown {
  const text = JSON.stringify(body)
    .replace(/"(msg_id|corr_id|receipt|ts|hash_chain|dead_at|cursor|id|started_at|ended_at)":"[^"]*"/g, '"$1":"-"')
    .replace(/"(deadline_in_ms|oldest_ready_ms|until_in_ms)":[0-9]+/g, '"$1":0');
  const names = ['content-type', 'cache-control', 'retry-after', 'allow', 'connection'];
  return { status, text, headers: names.map((name) => [name, headers.get(name)]) };
}

describe('dispatch', () => {
  it('both ways: the same answers to every route, taken and refused', async () => {
    const seen: [Answer[], Answer[]] = [[], []];
    for (const [name, step] of STEPS) {
      seen[0].push(await step(direct, seen[0]));
      seen[1].push(await step(h3, seen[1]));
      expect(comparable(seen[1].at(-1) as Answer), name).toEqual(comparable(seen[0].at(-1) as Answer));
    }
    for (const { method, path } of ROUTES) {
      const stem = `${method} ${path.replace(/\/\{[a-z_]+\}/, '')}`;
      expect(
        STEPS.some(([name]) => name.startsWith(stem)),
        stem,
      ).toBe(true);
    }
    const statuses = new Set(seen[0].map((answer) => answer.status));
    expect([...statuses].sort()).toEqual([200, 400, 401, 403, 404, 405, 409, 413, 415]);
  });
});
