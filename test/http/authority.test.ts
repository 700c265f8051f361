import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attenuateToken, parseToken } from '../../src/auth/macaroon.ts';
import { type Answer, TestServer, until } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

const message = { topic: 't', idem_key: 'k', payload_b64: '' };
const MSG = '01J8ZC4V2N6Q9R0S3T5W7X8Y1A';
const nonceOf = (token: string): string => parseToken(token)?.nonce as string;

describe('authority', () => {
  it('every operation needs a capability: 401 without, with junk, or when it is not its own (S2, E3, AU1)', async () => {
    const requests: [string, string, unknown][] = [
      ['POST', '/v1/send', message],
      ['POST', '/v1/recv', { topic: 't' }],
      ['POST', `/v1/ack/${MSG}`, { receipt: 'r' }],
      ['POST', `/v1/nack/${MSG}`, { receipt: 'r' }],
      ['POST', `/v1/extend/${MSG}`, { receipt: 'r' }],
      ['GET', '/v1/dlq?topic=t', undefined],
      ['POST', '/v1/dlq/reprocess', { topic: 't' }],
      ['POST', '/v1/dlq/purge', { topic: 't', older_than_ms: 0 }],
      ['POST', '/v1/admin/revoke', { key_id: 'k1', reason: '' }],
      ['GET', '/v1/stats?topic=t', undefined],
    ];
    for (const [method, path, body] of requests) {
      for (const cap of [null, 'x', `${server.capability}x`]) {
        const forged = await server.ask(method, path, body, { cap, headers: { 'x-forwarded-for': '127.0.0.1' } });
        expect([forged.status, forged.body.code], path).toEqual([401, 'E_CAP_AUTH']);
      }
      const other = server.cap(
        'topic = t',
        path.includes('dlq') || path.includes('admin') ? 'op = send,recv' : 'op = admin',
      );
      const answer = await server.ask(method, path, body, { cap: other });
      if (path.startsWith('/v1/stats')) expect(answer.status).toBe(200);
      else expect([answer.status, answer.body.code], path).toEqual([403, 'E_CAP_SCOPE']);
    }
  });

  it('topic: another one is 403 to name, and 404 like an unknown id to a verb (LE3, AU1)', async () => {
    await server.send('t.mine', 'k');
    const { messages } = (await server.post('/v1/recv', { topic: 't.mine' })).body;
    const [{ msg_id, receipt }] = messages;
    const other = { cap: server.cap('topic = t.other', 'op = send,recv,ack,nack,extend,stats') };
    const denied: Answer[] = [
      await server.post('/v1/send', { ...message, topic: 't.mine' }, other),
      await server.post('/v1/recv', { topic: 't.mine' }, other),
      await server.ask('GET', '/v1/stats?topic=t.mine', undefined, other),
    ];
    expect(denied.map(({ status }) => status)).toEqual([403, 403, 403]);
    const ofOther = await server.post(`/v1/ack/${msg_id}`, { receipt }, other);
    const unknown = await server.post(`/v1/ack/${MSG}`, { receipt }, other);
    const { corr_id: _a, ...first } = ofOther.body;
    const { corr_id: _b, ...second } = unknown.body;
    expect([ofOther.status, first]).toEqual([404, second]);
    expect(unknown.status).toBe(404);
    expect((await server.post(`/v1/ack/${msg_id}`, { receipt })).status).toBe(200);
  });

  it('quota: 429 with Retry-After, however the capability is attenuated (AU2)', async () => {
    const cap = server.cap('topic = t.quota', 'op = stats', 'quota_ops = 2/100');
    const ask = (token: string) => server.ask('GET', '/v1/stats?topic=t.quota', undefined, { cap: token });
    expect([(await ask(cap)).status, (await ask(attenuateToken(cap, ['quota_ops = 9/100']))).status]).toEqual([
      200, 200,
    ]);
    for (const token of [cap, attenuateToken(cap, ['role = consumer'])]) {
      const answer = await ask(token);
      expect([answer.status, answer.body.code, answer.body.reason]).toEqual([429, 'E_SATURATED', 'quota']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(90);
    }
  });

  it('revocation: needs admin of the reserved topic; ends at once what the capability could do (S3, AU3, AU4)', async () => {
    const victim = server.cap('topic = t.victim', 'op = send,recv,stats');
    const revoke = (cap: string) =>
      server.post('/v1/admin/revoke', { nonce: nonceOf(victim), reason: 'lost' }, { cap });
    expect((await revoke(server.cap('topic = t.victim', 'op = admin'))).status).toBe(403);
    const waiting = server.post('/v1/recv', { topic: 't.victim', wait_ms: 20_000 }, { cap: victim });
    await until(async () => (await server.metric('long_polls')) === 1);
    expect((await revoke(server.cap('topic = mailbox.admin', 'op = admin'))).body).toEqual({ ok: true });
    expect([(await waiting).status, (await waiting).body.code]).toEqual([401, 'E_CAP_AUTH']);
    for (const token of [victim, attenuateToken(victim, ['role = consumer'])]) {
      expect((await server.ask('GET', '/v1/stats?topic=t.victim', undefined, { cap: token })).status).toBe(401);
    }
    expect(server.lines).toContainEqual(expect.objectContaining({ event: 'capability.revoked', note: 'lost' }));
  });

  it('decision lines: one for every denial, with who, what and why, and no token (O2, O3, I2)', async () => {
    const before = server.lines.length;
    await server.post('/v1/send', message, { cap: server.cap('topic = t', 'op = recv') });
    const line = server.lines.slice(before).find(({ event }) => event === 'auth.denied');
    expect(line).toMatchObject({
      level: 'warn',
      service: 'svc-mailbox',
      decision: 'denied',
      reason: 'op',
      op: 'send',
      peer_addr: '127.0.0.1',
      cap_scope: expect.stringMatching(/^recv on t by k1:/),
      corr_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ts: expect.stringMatching(/Z$/),
    });
    expect(await server.metric('auth_failures_total{scope="send"}')).toBeGreaterThan(0);
    expect(await server.metric('rejected_total{reason="unauth"}')).toBeGreaterThan(0);
  });

  it('admin: off unless enabled, then not even there (E5)', async () => {
    const plain = await TestServer.start({ enable_admin: 'false' });
    try {
      const cap = plain.cap('topic = t', 'op = admin');
      for (const [method, path] of [
        ['GET', '/v1/dlq?topic=t'],
        ['POST', '/v1/dlq/reprocess'],
        ['POST', '/v1/dlq/purge'],
        ['POST', '/v1/admin/revoke'],
      ] as const) {
        const answer = await plain.ask(method, path, method === 'POST' ? { topic: 't' } : undefined, { cap });
        expect([answer.status, answer.body.code], path).toEqual([404, 'E_NOT_FOUND']);
      }
    } finally {
      await plain.stop();
    }
  });

  it('in flight: a capability revoked between head and body acts no more (AU3)', async () => {
    const victim = server.cap('topic = t.slow', 'op = send,stats');
    const admin = server.cap('topic = mailbox.admin', 'op = admin');
    const body = JSON.stringify({ topic: 't.slow', idem_key: 'k', payload_b64: '' });
    const { hostname, port } = new URL(server.url);
    const head = [
      'POST /v1/send HTTP/1.1',
      `Host: ${hostname}`,
      `Authorization: Bearer ${victim}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      'Expect: 100-continue',
      'Connection: close',
    ];
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => socket.write(`${head.join('\r\n')}\r\n\r\n`));
      socket.on('data', async (chunk) => {
        text += chunk.toString('latin1');
        // The server has accepted the capability and asks for the body.
        if (!text.endsWith('HTTP/1.1 100 Continue\r\n\r\n')) return;
        const revoked = await server.post(
          '/v1/admin/revoke',
          { nonce: nonceOf(victim), reason: 'drill' },
          { cap: admin },
        );
        expect(revoked.status).toBe(200);
        socket.write(body);
      });
      socket.on('close', () => resolve(text));
    });
    expect(answer).toMatch(/HTTP\/1\.1 401 /);
    const reader = server.cap('topic = t.slow', 'op = stats');
    expect((await server.ask('GET', '/v1/stats?topic=t.slow', undefined, { cap: reader })).body.depth).toBe(0);
  });

  it('quota: an ack that rides on a recv is an operation too (AU2)', async () => {
    for (const key of ['a', 'b', 'c']) await server.send('t.ride', key);
    const cap = server.cap('topic = t.ride', 'op = recv,ack', 'quota_ops = 4/100');
    const { messages } = (await server.post('/v1/recv', { topic: 't.ride' }, { cap })).body;
    const acks = messages.map(({ msg_id, receipt }: { msg_id: string; receipt: string }) => ({ msg_id, receipt }));
    const { ack_results } = (await server.post('/v1/recv', { topic: 't.ride', acks }, { cap })).body;
    expect(ack_results.map((result: { ok?: true; code?: string }) => result.ok ?? result.code)).toEqual([
      true,
      true,
      'E_SATURATED',
    ]);
  });
});
