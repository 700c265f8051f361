import { afterEach, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { until } from '../support/server.ts';

let server: DurableServer;
afterEach(() => server.end());

describe('a redrive over restarts', () => {
  it('kill -9, SIGTERM: it goes on under its capability, until that is revoked (DL5, B16, AU3)', async () => {
    server = new DurableServer();
    await server.start();
    const { token } = server.cap('topic = t.a', 'op = send,recv,nack');
    const admin = server.cap('topic = t.a', 'op = admin');
    const security = server.cap('topic = mailbox.admin', 'op = admin').token;
    const ask = async (method: string, path: string, cap: string, body?: object) => {
      const { status, body: answer } = await server.caller.ask(method, path, cap, body);
      expect(status, JSON.stringify(answer)).toBe(200);
      return answer;
    };
    const payload_b64 = '';
    const messages = Array.from({ length: 40 }, (_, i) => ({ topic: 't.a', idem_key: `k${i}`, payload_b64 }));
    await ask('POST', '/v1/send/batch', token, { messages });
    const { messages: leased } = await ask('POST', '/v1/recv', token, { topic: 't.a', max_messages: 40 });
    for (const { msg_id, receipt } of leased)
      await ask('POST', `/v1/nack/${msg_id}`, token, { receipt, reason: 'odd', dead_letter: true });
    const begin = (rate_per_s: number) =>
      ask('POST', '/v1/dlq/redrives', admin.token, { topic: 't.a', rate_per_s, limit: 20 });
    const look = (id: string) => ask('GET', `/v1/dlq/redrives/${id}`, admin.token);
    const { id } = await begin(10);
    const slow = (await begin(1)).id as string;
    await server.restart();
    const { moved } = await look(id);
    expect(moved).toBeGreaterThanOrEqual(1);
    server.process.child.kill('SIGTERM');
    expect((await server.process.finished).code).toBe(0);
    await server.start();
    expect((await look(id)).moved).toBeGreaterThanOrEqual(moved);
    await until(async () => (await look(id)).state === 'done');
    expect(await look(id)).toMatchObject({ moved: 20, skipped: 0, failed: 0, ended_by: null });
    expect((await look(slow)).state).toBe('running');
    await ask('POST', '/v1/admin/revoke', security, { nonce: admin.nonce, reason: 'test' });
    await server.restart();
    const other = server.cap('topic = t.a', 'op = admin').token;
    expect(await ask('GET', `/v1/dlq/redrives/${slow}`, other)).toMatchObject({
      state: 'ended',
      ended_by: 'E_CAP_AUTH',
    });
  });
});
