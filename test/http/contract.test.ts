import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { freshSession } from '../../src/auth/authorize.ts';
import { attenuateToken } from '../../src/auth/macaroon.ts';
import { Revocations } from '../../src/auth/revocation.ts';
import { AccessLog } from '../../src/http/access-log.ts';
import { NodeRoutes } from '../../src/http/node-routes.ts';
import { ROUTES } from '../../src/http/routes.ts';
import { startingHandler } from '../../src/http/starting.ts';
import { memoryJournal } from '../../src/journal/memory.ts';
import { createLog } from '../../src/observe/log.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { FactObserver } from '../../src/observe/observer.ts';
import { DownShards } from '../../src/service/down-shards.ts';
import { Service } from '../../src/service/service.ts';
import { APP_PROTO } from '../../src/wire/frame.ts';
import {
  answerIn,
  askHeld,
  askRaw,
  guarded,
  hold,
  NO_MSG,
  type Operation,
  operationOf,
  operations,
  promised,
  requestFor,
  seen,
  topicFor,
} from '../support/contract.ts';
import { unitsBody } from '../support/frames.ts';
import { TestServer, until } from '../support/server.ts';

const message = (idem_key: string) => ({ topic: 't', idem_key, payload_b64: 'aGVsbG8=' });
const withBodies = operations.filter(({ body }) => body !== undefined);

describe('contract', () => {
  let server: TestServer;
  let admin: string;
  beforeAll(async () => {
    seen.clear();
    server = await TestServer.start({
      ...{
        tenant_share: '0',
        ready_shards: '1',
        shard_capacity: '12',
        dedup_capacity: '40',
        global_inflight: '3',
        max_attempts: '1',
      },
      auth_failure_burst: '1000000',
    });
    admin = server.cap('topic = t', 'op = admin');
  });
  afterAll(() => server.stop());
  afterEach(() => vi.restoreAllMocks());

  const ask = async (
    method: string,
    url: string,
    body?: unknown,
    cap: string | null = server.capability,
    headers = {},
  ) => hold(method, url, await server.ask(method, url, body, { cap, headers }));
  const post = (url: string, body: unknown, cap?: string | null, headers = {}) => ask('POST', url, body, cap, headers);
  const lease = async () => (await post('/v1/recv', { topic: 't', max_messages: 1 })).body.messages?.[0];

  // ---- every answer to real requests is one the document has: `hold` sees to that. The last test looks whether all were given.

  it('a message all the way round, and all that refuses it on its way', async () => {
    await post('/v1/send', message('k1'));
    await post('/v1/send', message('k1'));
    await post('/v1/send', message('k1'), undefined, { 'x-idempotency-mode': '200-flag' });
    await post('/v1/send', { ...message('k1'), payload_b64: '' });
    await post('/v1/send', { ...message('k2'), payload_hash: `b3:${'0'.repeat(64)}` });
    const first = await lease();
    await post(`/v1/extend/${first.msg_id}`, { receipt: first.receipt });
    await post(`/v1/nack/${first.msg_id}`, { receipt: first.receipt, reason: 'no' });
    await ask('GET', '/v1/dlq?topic=t&include=payload', undefined, admin);
    await post('/v1/dlq/reprocess', { topic: 't', dry_run: true }, admin);
    const { id } = (await post('/v1/dlq/redrives', { topic: 't', dry_run: true }, admin)).body;
    for (const method of ['GET', 'DELETE'])
      for (const one of [id, NO_MSG]) await ask(method, `/v1/dlq/redrives/${one}`, undefined, admin);
    await post('/v1/dlq/reprocess', { topic: 't' }, admin);
    const again = await lease();
    const acks = [
      { msg_id: again.msg_id, receipt: again.receipt },
      { msg_id: NO_MSG, receipt: 'x' },
    ];
    await post('/v1/recv', { topic: 't', acks });
    await post('/v1/dlq/purge', { topic: 't', older_than_ms: 0 }, admin);
    await post('/v1/send', message('k3'));
    const second = await lease();
    await post(`/v1/ack/${second.msg_id}`, { receipt: second.receipt });
    for (const verb of ['ack', 'nack', 'extend']) {
      await post(`/v1/${verb}/${second.msg_id}`, { receipt: 'stale' });
      await post(`/v1/${verb}/${NO_MSG}`, { receipt: 'x' });
    }
    await post('/v1/send/batch', { messages: [message('b1'), message('b1'), {}] });
    const streamed = (await post('/v1/recv/stream', { topic: 't', max_messages: 1 })).body;
    const item = { msg_id: streamed.msg_id, receipt: streamed.receipt };
    await post('/v1/nack/batch', { nacks: [item, { ...item, msg_id: NO_MSG }] });
    await post('/v1/ack/batch', { acks: [item, {}] });
    await post('/v1/admin/revoke', { nonce: NO_MSG, reason: '' }, server.cap('topic = mailbox.admin', 'op = admin'));
    await ask('GET', '/v1/none');
    await ask('GET', '/v1/send');
    hold('BREW', '/', await askRaw(server, 'GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\nConnection: close\r\n\r\n'));
    for (const { path } of operations.filter(({ ops }) => ops.length === 0)) {
      await ask('GET', path, undefined, null);
      hold(
        'GET',
        path,
        await askRaw(server, `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`),
      );
    }
    await ask('GET', '/v1/stats?topic=t');
    const viewer = server.cap('topic prefix t', 'op = view');
    const view = (url: string) => ask('GET', url, undefined, viewer);
    for (const path of ['topics?prefix=t', 'messages?topic=t', 'feed?topic=t&wait_ms=0']) await view(`/v1/${path}`);
    for (const id of [second.msg_id, NO_MSG]) await view(`/v1/messages/${id}`);
    await view('/v1/messages?topic=t&cursor=m.zz.0.0.any.t');
    await view('/v1/feed?topic=t&after=zz-1');
    const watching = server.cap('topic = mailbox.admin', 'op = view');
    await ask('GET', '/v1/feed/decisions?after=zz-1', undefined, watching);

    // One unit of frames has the status of its body, on batches too.
    const units = async (verb: 'send' | 'ack' | 'nack', json: object) => {
      const url = `/v1/${verb}/batch`;
      const body = unitsBody([{ json }], APP_PROTO[verb]);
      const { status, headers } = await server.postBytes(url, body, { 'content-type': 'application/oap1' });
      hold('POST', url, { status, headers, body: null });
    };
    await units('send', { topic: 't', idem_key: 'k3' });
    await units('send', { topic: 't', idem_key: 'k9', payload_hash: `b3:${'0'.repeat(64)}` });
    for (const verb of ['ack', 'nack'] as const) {
      await units(verb, { msg_id: NO_MSG, receipt: 'x' });
      await units(verb, { msg_id: second.msg_id, receipt: 'stale' });
    }
  });

  it('capabilities, quotas, bodies that are none', async () => {
    await post('/v1/send', message('named'));
    const { msg_id } = await lease();
    for (const operation of guarded) {
      const { method, url, body, cap } = requestFor(operation, server);
      const topic = topicFor(operation.path);
      const [op] = operation.ops;
      const spent = server.cap(`topic = ${topic}`, `op = ${op}`, 'quota_ops = 1/1000');
      const wrong = server.cap('topic = t', op === 'send' ? 'op = ack' : 'op = send');
      await ask(method, url, body, null);
      await ask(method, url, body, wrong);
      const named = url.replace(NO_MSG, msg_id);
      for (let i = 0; i < 2; i++) await ask(method, named, body, spent);
      await ask(method, `${url.split('?')[0]}?topic=t&colour=red`, body, cap);
      if (body === undefined) continue;
      await ask(method, url, 'x'.repeat(1_048_577), cap);
      await ask(method, url, '{}', cap, { 'content-type': 'text/plain' });
    }
    await post('/v1/send', message('late'), attenuateToken(server.capability, ['op = recv']));
  });

  it('bounds', async () => {
    const plain = await TestServer.start({
      ...{ enable_admin: 'false', ready_shards: '1', dedup_capacity: '1', max_streams: '1' },
    });
    const stream = plain.stream({ topic: 't' });
    await until(() => stream.head !== '');
    await askHeld(plain, requestFor(operationOf('recvStream'), plain));
    for (const id of ['feed', 'decisions']) await askHeld(plain, requestFor(operationOf(id), plain));
    stream.socket.destroy();
    for (const key of ['a', 'b']) hold('POST', '/v1/send', await plain.post('/v1/send', message(key)));
    for (const operation of guarded.filter(({ ops }) => ops.includes('admin') && !ops.includes('recv'))) {
      await askHeld(plain, requestFor(operation, plain));
    }
    await plain.stop();
    // Four of five are for one tenant alone (BD5).
    const bounds = { ready_shards: '1', shard_capacity: '10', global_inflight: '5', max_streams: '5' };
    const shared = await TestServer.start(bounds);
    for (let i = 0; i < 9; i++) hold('POST', '/v1/send', await shared.post('/v1/send', message(`s-${i}`)));
    const one = { topic: 't', max_messages: 1 };
    for (let i = 0; i < 5; i++) hold('POST', '/v1/recv', await shared.post('/v1/recv', one));
    const streams = [0, 1, 2, 3].map(() => shared.stream({ topic: 't.none' }));
    await until(() => streams.every(({ head }) => head !== ''));
    await askHeld(shared, requestFor(operationOf('recvStream'), shared));
    for (const { socket } of streams) socket.destroy();
    await shared.stop();
    for (let i = 0; i < 5; i++) await lease();
    for (let i = 0; i < 20; i++) await post('/v1/send', message(`fill-${i}`));
    for (let i = 0; i < 5; i++) await lease();
    await ask('GET', '/readyz', undefined, null);
  });

  it('a 17th redrive at a rate says redrives; a full revocation list says revocations, and nothing was revoked', async () => {
    const busy = await TestServer.start({ max_attempts: '1', tenant_share: '0' });
    const cap = busy.cap('topic = t', 'op = admin');
    const EACH = 10;
    await busy.post('/v1/send/batch', { messages: Array.from({ length: 17 * EACH }, (_, i) => message(`dead-${i}`)) });
    const { messages } = (await busy.post('/v1/recv', { topic: 't', max_messages: 17 * EACH })).body;
    const nacks = messages.map(({ msg_id, receipt }: { msg_id: string; receipt: string }) => ({
      msg_id,
      receipt,
      dead_letter: true,
    }));
    await busy.post('/v1/nack/batch', { nacks });
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${cap}`, 'content-type': 'application/json' };
    // Each has some to put back, one a second.
    const all = Array.from({ length: 17 }, (_, i) => {
      const msg_ids = nacks.slice(EACH * i, EACH * (i + 1)).map(({ msg_id }: { msg_id: string }) => msg_id);
      const body = JSON.stringify({ topic: 't', rate_per_s: 1, msg_ids });
      return fetch(`${busy.url}/v1/dlq/reprocess`, { method: 'POST', headers, body, signal: leaving.signal });
    });
    const first = await Promise.race(all);
    const answer = { status: first.status, headers: first.headers, body: await first.json() };
    const one = hold('POST', '/v1/dlq/reprocess', answer);
    expect(one.body).toMatchObject({ code: 'E_SATURATED', reason: 'redrives' });
    leaving.abort();
    await Promise.allSettled(all);
    await busy.post('/v1/dlq/redrives', { topic: 't', rate_per_s: 1 }, { cap });
    for (let i = 0; i < 16; i++) await busy.post('/v1/dlq/redrives', { topic: 't', rate_per_s: 1 }, { cap });
    const full16 = await askHeld(busy, { ...requestFor(operationOf('startRedrive'), busy), cap });
    expect(full16.body).toMatchObject({ code: 'E_SATURATED', reason: 'redrives' });

    vi.spyOn(Revocations.prototype, 'add').mockReturnValue(false);
    const full = await askHeld(busy, requestFor(operationOf('revoke'), busy));
    expect([full.status, full.body]).toMatchObject([429, { code: 'E_SATURATED', reason: 'revocations' }]);
    expect(full.body.message).toContain('nothing was revoked: revoke the key_id');
    expect(busy.lines.filter(({ event }) => event === 'capability.revoked')).toEqual([]);
    await busy.stop();
  });

  it('bodies that do not come, and too many that do', async () => {
    const slow = await TestServer.start({ read_timeout: '500ms' });
    const begun = async (operation: Operation) => {
      const { url, cap } = requestFor(operation, slow);
      const head = [
        `POST ${url} HTTP/1.1`,
        'Host: h',
        `Authorization: Bearer ${cap}`,
        'Content-Type: application/json',
      ];
      const answer = await askRaw(slow, `${head.join('\r\n')}\r\nContent-Length: 9\r\n\r\n{`);
      expect(hold('POST', url, answer)).toMatchObject({ status: 408, body: { code: 'E_TIMEOUT' } });
    };
    await Promise.all(withBodies.map(begun));
    await slow.stop();

    const small = await TestServer.start({ max_body_memory: '1MiB', read_timeout: '60s', tenant_share: '0' });
    const head = `POST /v1/send HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${small.capability}\r\nContent-Type: application/json`;
    const hold900k = () => {
      const socket = connect(small.where);
      socket.on('error', () => {});
      // Answered: another body came first, and this one was too much.
      socket.on('data', () => socket.destroy());
      socket.write(`${head}\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(900_000)}`);
      return socket;
    };
    let held = hold900k();
    for (const operation of withBodies) {
      const asked = { ...requestFor(operation, small), body: 'x'.repeat(400_000) };
      await until(async () => {
        if (held.destroyed) held = hold900k();
        return (await askHeld(small, asked)).status === 429;
      });
    }
    held.destroy();
    await small.stop();
  });

  it('a tenant that has its share of the connections (BD5)', async () => {
    const shared = await TestServer.start({ max_connections: '64', tenant_share: '1', tenant_reserve: '99' });
    const first = (topic: string) =>
      new Promise<Socket>((resolve) => {
        const cap = shared.cap(`topic = ${topic}`, 'op = stats');
        const socket = connect(shared.where);
        socket.once('data', () => resolve(socket));
        socket.write(`GET /v1/stats?topic=${topic} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${cap}\r\n\r\n`);
      });
    const held = await Promise.all(['t', 'mailbox.admin'].map(first));
    for (const operation of guarded) {
      const { status, body, headers } = await askHeld(shared, requestFor(operation, shared));
      expect([status, body.reason, headers.get('connection')], operation.name).toEqual([429, 'tenant', 'close']);
    }
    for (const socket of held) socket.destroy();
    await shared.stop();
  });

  it('a sender who fails too often, a verifier that does not answer', async () => {
    const strict = await TestServer.start({ auth_failure_burst: '1' });
    const forged = strict.capability.replace(/.{8}$/, 'AAAAAAAA');
    await strict.ask('GET', '/v1/stats?topic=t', undefined, { cap: forged });
    await Promise.all(guarded.map((operation) => askHeld(strict, { ...requestFor(operation, strict), cap: forged })));
    await strict.stop();

    const asking = await TestServer.start({ verifier_url: 'http://127.0.0.1:9', verifier_timeout: '1s' });
    for (const operation of guarded) await askHeld(asking, requestFor(operation, asking));
    await asking.stop();
  });

  it.each(['send', 'ack', 'nack'])(
    '%s/batch: work that was refused before holds back all of it (BD4)',
    async (verb) => {
      const cap = server.cap('topic = t', `op = ${verb}`);
      const items = Array.from({ length: 256 }, () => ({ no: 'such field' }));
      const body = { [verb === 'send' ? 'messages' : `${verb}s`]: items };
      const some = () => Array.from({ length: 16 }, () => post(`/v1/${verb}/batch`, body, cap));
      await until(async () => (await Promise.all(some())).some(({ status }) => status === 429), 60_000);
    },
  );

  it('a shard that fell, a journal that failed, writes refused, a drain', async () => {
    const fallen = await TestServer.start({ ready_shards: '1' });
    const { msg_id } = (await fallen.send('t', 'k')).body;
    vi.spyOn(Service.prototype, 'revive').mockImplementation(() => {});
    vi.spyOn(FactObserver.prototype, 'fact').mockImplementationOnce(() => {
      throw new Error('a bug');
    });
    await askHeld(fallen, requestFor(operationOf('send'), fallen));
    for (const operation of guarded) await askHeld(fallen, requestFor(operation, fallen, msg_id));
    await fallen.stop();
    vi.restoreAllMocks();

    const elsewhere = await TestServer.start({ ready_shards: '1' });
    const sent = (await elsewhere.send('t', 'k')).body;
    vi.spyOn(DownShards.prototype, 'size', 'get').mockReturnValue(1);
    vi.spyOn(DownShards.prototype, 'why').mockReturnValue('not_owner');
    vi.spyOn(DownShards.prototype, 'refusal').mockReturnValue({ outcome: 'not_owner', retryAfterMs: 1_000 });
    for (const operation of guarded) await askHeld(elsewhere, requestFor(operation, elsewhere, sent.msg_id));
    await elsewhere.stop();
    vi.restoreAllMocks();

    const failing = vi.spyOn(memoryJournal, 'append').mockImplementation((_, done) => done(new Error('disk')));
    const failed = await TestServer.start();
    await failed.send('t', 'k');
    expect(failing).toHaveBeenCalledOnce();
    for (const operation of [...guarded, operationOf('readiness')])
      await askHeld(failed, requestFor(operation, failed));
    expect(failed.lines).toContainEqual(expect.objectContaining({ route: '/readyz', status: 503, reason: 'journal' }));
    await failed.stop();
    vi.restoreAllMocks();

    const { refuseWrites } = Service.prototype;
    vi.spyOn(Service.prototype, 'refuseWrites').mockImplementation(function (this: Service) {
      refuseWrites.call(this, 'degraded_writes');
    });
    const degraded = await TestServer.start();
    await askHeld(degraded, requestFor(operationOf('send'), degraded));
    await degraded.stop();
    vi.spyOn(Service.prototype, 'refuseWrites').mockImplementation(function (this: Service) {
      refuseWrites.call(this, 'draining');
    });
    const leaving = await TestServer.start();
    for (const id of ['feed', 'decisions']) await askHeld(leaving, requestFor(operationOf(id), leaving));
    await leaving.stop();
    vi.restoreAllMocks();

    const drained = await TestServer.start({ drain_deadline: '5s' });
    const cap = drained.capability;
    const finish = ['send', 'recvStream'].map((id) => {
      const { url, body } = requestFor(operationOf(id), drained);
      const text = JSON.stringify(body);
      const socket = connect(drained.where);
      const head = `POST ${url} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${cap}\r\nContent-Type: application/json`;
      socket.write(`${head}\r\nExpect: 100-continue\r\nContent-Length: ${text.length}\r\n\r\n`);
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      const closed = new Promise((resolve) => socket.on('close', resolve));
      return { url, socket, text, closed, answer: () => answer };
    });
    await until(() => finish.every(({ answer }) => answer().includes('100 Continue')));
    const stopped = drained.stop();
    for (const { url, socket, text, closed, answer } of finish) {
      socket.write(text);
      await closed;
      const [, last = ''] = answer().split('100 Continue\r\n\r\n');
      expect(hold('POST', url, answerIn(last)).body).toMatchObject({ code: 'E_UNAVAILABLE', reason: 'draining' });
    }
    await stopped;
  });

  it('a server that still reads its journal', async () => {
    const lines: object[] = [];
    const log = createLog('error', 'json', (line) => lines.push(JSON.parse(line)));
    const accessLog = new AccessLog(
      new Metrics(
        ROUTES.map(({ path }) => path),
        [],
        1,
      ),
      log,
    );
    const starting = startingHandler({
      accessLog,
      newSession: freshSession,
      closing: () => false,
      rules: () => ({ writeTimeoutMs: 5000, idleTimeoutMs: 5000, requestsPerSocket: 0 }),
      onSlowReader: () => {},
    });
    const listener = createServer(starting).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const none = { method: 'GET', url: '/v1/none', body: undefined };
    for (const asked of [none, ...operations.map((operation) => requestFor(operation, server))]) {
      const { method, url, body } = asked;
      const sent = body === undefined ? {} : { body: JSON.stringify(body) };
      const answer = await fetch(`http://127.0.0.1:${port}${url}`, { method, ...sent });
      hold(method, url, { status: answer.status, headers: answer.headers, body: await answer.json() });
    }
    listener.close();
    expect(lines).toEqual([]);
  });

  it('what we get wrong', async () => {
    const bug = (): never => {
      throw new Error('a bug');
    };
    for (const name of ['request', 'batch', 'stream', 'feed'] as const)
      vi.spyOn(Service.prototype, name).mockImplementation(bug);
    vi.spyOn(NodeRoutes.prototype, 'answer').mockImplementation(bug);
    const wrong = await TestServer.start();
    for (const operation of operations) {
      const { body, ...asked } = requestFor(operation, wrong);
      // Two items: one is asked like a request that is alone.
      const both = body === undefined ? {} : { body: many(operation, body) };
      expect((await askHeld(wrong, { ...asked, ...both })).status, operation.name).toBe(500);
    }
    vi.spyOn(AccessLog.prototype, 'answered').mockImplementationOnce(bug);
    expect((await askHeld(wrong, { method: 'GET', url: '/v1/none', cap: null })).status).toBe(500);
    await wrong.stop();
  });

  it('every answer that the document has was given', () => {
    expect(promised().filter((promise) => !seen.has(promise))).toEqual([]);
  });
});

/** The body of a batch with two items instead of one; any other as it is. */
function many({ path }: Operation, body: Record<string, unknown>): unknown {
  if (!path.endsWith('/batch')) return body;
  const [[name, items] = ['', []]] = Object.entries(body);
  const [first] = items as unknown[];
  return { [name]: [first, first] };
}
