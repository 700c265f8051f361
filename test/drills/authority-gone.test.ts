import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mint } from '../../src/auth/mint.ts';
import { LineReader } from '../support/lines.ts';
import { type MailboxProcess, serve } from '../support/process.ts';
import { Caller, Loop } from '../support/traffic.ts';
import { TestVerifier } from '../support/verifier.ts';

const verifier = new TestVerifier();
let server: MailboxProcess;
let caller: Caller;
const TTL_MS = 5_000;

beforeAll(async () => {
  await verifier.start();
  server = serve('--verifier-url', verifier.url, '--verifier-timeout', '2s', '--cap-cache-ttl', '5s');
  caller = new Caller(`http://${(await server.logged('server.ready'))['http']}`, { sockets: 32 });
});
afterAll(async () => {
  caller.close();
  server.child.kill('SIGTERM');
  await server.finished;
  await verifier.stop();
});

const cap = (topic = 'g') =>
  mint(verifier.keyring, [
    `topic = ${topic}`,
    'op = send,recv,ack,stats',
    'quota_ops = 1000000/1',
    `expires = ${Math.floor(Date.now() / 1000) + 3600}`,
  ]);
const stats = (token: string) => caller.ask('GET', '/v1/stats?topic=g', token);
const send = (token: string, key: string) =>
  caller.post('/v1/send', token, { topic: 'g', idem_key: key, payload_b64: '' });

describe('drill: authority gone', () => {
  it('a capability revoked there is closed here within the TTL, a long poll under way included (S3, V4, RevokedProp)', async () => {
    const { token, nonce } = cap();
    const other = cap().token;
    expect((await stats(token)).status).toBe(200);
    verifier.authority.revoke('nonce', nonce);
    const revokedMs = performance.now();
    const poll = caller.post('/v1/recv', token, { topic: 'g', wait_ms: 20_000 });
    const [host = '', port] = ((await server.logged('server.ready'))['http'] as string).split(':');
    const asked = '{"topic":"g.none"}';
    const head = `POST /v1/recv/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${cap('g.none').token}`;
    const stream = new LineReader(
      { host, port: Number(port) },
      `${head}\r\nContent-Type: application/json\r\nContent-Length: ${asked.length}\r\n\r\n${asked}`,
    );
    let lastMs = 0;
    const loop = new Loop(async () => {
      const answer = await stats(token);
      if (answer.status === 200) lastMs = performance.now();
      return answer;
    });
    await loop.until(() => loop.statuses.has(401));
    await loop.stop();
    expect(lastMs - revokedMs).toBeLessThanOrEqual(TTL_MS + 200);
    expect((await poll).body.messages ?? []).toEqual([]);
    // Nobody ended this one: the verifier may be asked again.
    expect(await stream.atLeast(1)).toMatchObject([{ code: 'E_UNAVAILABLE', reason: 'verifier' }]);
    stream.socket.destroy();
    await send(other, 'after');
    expect((await caller.post('/v1/recv', other, { topic: 'g' })).body.messages).toMatchObject([{ attempt: 1 }]);
  });

  it('what is remembered goes on to the end of its TTL, what is not fails closed, and all is well when it is back (E2, B8, BD3)', async () => {
    const { token } = cap();
    expect((await send(token, 'before')).status).toBe(200);
    const sinceMs = performance.now();
    await verifier.stop();
    const refused = await Promise.all(Array.from({ length: 4 }, () => stats(cap().token)));
    expect(refused.map(({ status, body }) => [status, body.code, body.reason])).toEqual(
      Array(4).fill([503, 'E_UNAVAILABLE', 'verifier']),
    );
    expect((await caller.ask('GET', '/readyz', null)).body).toMatchObject({ ready: false, missing: ['verifier'] });
    expect((await stats(token)).status).toBe(200);
    expect((await send(token, 'k')).body).toMatchObject({ code: 'E_UNAVAILABLE', reason: 'degraded_writes' });

    let lastMs = 0;
    const loop = new Loop(async () => {
      const answer = await stats(token);
      if (answer.status === 200) lastMs = performance.now();
      return answer;
    });
    await loop.until(() => loop.statuses.has(503));
    await loop.stop();
    expect(lastMs - sinceMs).toBeLessThanOrEqual(TTL_MS + 200);

    await verifier.start();
    const readyz = new Loop(() => caller.ask('GET', '/readyz', null));
    await readyz.until(() => readyz.statuses.has(200));
    await readyz.stop();
    expect((await send(token, 'k')).status).toBe(200);
    expect((await stats(cap().token)).status).toBe(200);
  });
});
