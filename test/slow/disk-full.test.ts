import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';
import { until } from '../support/server.ts';
import { needTinyDisk, onTinyDisk, tellDisk } from '../support/tiny-disk.ts';

/** Four segments, and a little. */
const DISK_BYTES = 40 << 20;
const PAYLOAD = Buffer.alloc(60_000, 7).toString('base64');
const REFUSED = { status: 503, body: { code: 'E_UNAVAILABLE', reason: 'degraded_writes' } };

const server = new DurableServer();
beforeAll(needTinyDisk);
afterEach(() => server.end());

describe('a full disk', () => {
  it('sends are refused with 503 and a wait, everything else goes on; space back: it serves again without a restart, and nothing is lost (journal rule 5, BD3, D7)', async () => {
    const disk = join(server.folder, 'disk');
    server.data = join(disk, 'data');
    server.under = onTinyDisk(DISK_BYTES, disk);
    await server.start();
    const cap = server.cap('topic = t', 'op = send,recv,ack,nack,extend,stats').token;
    const post = (path: string, body: object) => server.caller.post(path, cap, body);
    const accepted = new Set<string>();
    const send = async (key: string) => {
      const answer = await post('/v1/send', { topic: 't', idem_key: key, payload_b64: PAYLOAD });
      if (answer.status === 200) accepted.add(answer.body.msg_id);
      return answer;
    };
    const recv = async (max_messages: number) =>
      (await post('/v1/recv', { topic: 't', max_messages, visibility_ms: 600_000 })).body.messages;
    const missing = async () => (await server.caller.ask('GET', '/readyz', null)).body.missing;
    for (let i = 0; i < 10; i++) await send(`${i}`);
    const held = await recv(4);
    expect(held).toHaveLength(4);

    await tellDisk(server.process, 'fill');
    let answer = await send('full-0');
    for (let i = 1; answer.status === 200 && i < 500; i++) answer = await send(`full-${i}`);
    expect(answer).toMatchObject(REFUSED);
    expect(answer.retryAfter).toBeGreaterThan(0);
    expect(accepted.size).toBeGreaterThan(100);
    expect(await missing()).toContain('disk_space');

    const settle = async (verb: string, { msg_id, receipt }: { msg_id: string; receipt: string }) =>
      (await post(`/v1/${verb}/${msg_id}`, { receipt })).status;
    expect(await settle('extend', held[0])).toBe(200);
    for (const message of held.slice(0, 3)) {
      expect(await settle('ack', message)).toBe(200);
      accepted.delete(message.msg_id);
    }
    expect(await settle('nack', held[3])).toBe(200);
    expect(await recv(2)).toHaveLength(2);
    expect(await send('still')).toMatchObject(REFUSED);

    await tellDisk(server.process, 'free');
    await until(async () => (await send('again')).status !== 503, 30_000);
    expect(await missing()).not.toContain('disk_space');
    expect(server.process.out.match(/"event":"journal.room"/g)).toHaveLength(2);
    expect(server.process.child.exitCode).toBeNull();
    const { depth } = (await server.caller.ask('GET', '/v1/stats?topic=t', cap)).body;
    expect(depth).toBe(accepted.size);
    expect(server.process.out).not.toContain('journal.failed');
  });
});
