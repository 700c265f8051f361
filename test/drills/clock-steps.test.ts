import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { parseToken } from '../../src/auth/macaroon.ts';
import type { TimeSource } from '../../src/ports/clock.ts';
import { TestServer, until } from '../support/server.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WINDOW_MS = 100_000;

/** The clocks of a machine: they run as ours do, and are set and moved besides. */
class Machine implements TimeSource {
  movedMs = 0;
  setMs = 0;
  readonly monotonicMs = () => performance.now() + this.movedMs;
  readonly wallMs = () => Date.now() + this.movedMs + this.setMs;
}

let folder: string;
let machine: Machine;
let server: TestServer;
let cap: string;
const keyring = new Keyring([freshKey('k1', Date.now())]);
const EXPIRES = `expires = ${Math.floor(Date.now() / 1000) + 100 * 86_400}`;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clock-steps-'));
  machine = new Machine();
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

let copies = 0;
let data = '';
async function start(changed: Record<string, string> = {}): Promise<void> {
  const settings = { profile: 'macronode', data, ready_shards: '2', segment_size: '8MiB', t_replay: `${WINDOW_MS}ms` };
  server = await TestServer.start({ ...settings, ...changed }, 'hot-direct', { time: machine, keyring });
  cap = server.cap('topic prefix t', 'op = send,recv,ack,nack,stats', EXPIRES);
  // All that it makes beforehand is there: two servers of one process would otherwise make it side by side.
  await until(() => {
    const names = readdirSync(data);
    return names.includes('log-000000000000003') && !names.some((name) => name.endsWith('.tmp'));
  });
}
const send = (topic: string, key: string, by = cap) =>
  server.post('/v1/send', { topic, idem_key: key, payload_b64: '' }, { cap: by });
const leased = async (topic: string) =>
  (await server.post('/v1/recv', { topic, visibility_ms: 600_000 }, { cap })).body.messages[0];
/** Answered when all that was appended before is durable (AC1). */
const durable = () => server.ask('GET', '/v1/stats?topic=t', undefined, { cap });

/** Another process on what the disk has: after a stop, or of a copy that was made as a crash would find it. */
async function restart(how: 'stop' | 'crash'): Promise<void> {
  const copy = join(folder, `crash-${++copies}`);
  if (how === 'crash') cpSync(data, copy, { recursive: true });
  await server.stop();
  if (how === 'crash') data = copy;
  await start();
}

describe('the wall clock is set while the server runs', () => {
  beforeEach(async () => {
    data = join(folder, 'data');
    await start();
  });

  it('then it restarts: each key is accepted once within t_replay, receipts are known, quotas used, leases last (TM1, ID1, LE4, RT4, AU2)', async () => {
    for (const [i, stepMs] of [-DAY_MS, DAY_MS].entries()) {
      for (const how of ['stop', 'crash'] as const) {
        const topic = `t.${i}.${how}`;
        const few = server.cap(`topic = ${topic}`, 'op = send', 'quota_ops = 1/7200', EXPIRES);
        const first = await send(topic, 'first');
        const { receipt } = await leased(topic);
        expect((await server.post(`/v1/ack/${first.body.msg_id}`, { receipt }, { cap })).status).toBe(200);
        expect((await send(topic, 'quota', few)).status).toBe(200);
        const held = await leased(topic);
        machine.setMs += stepMs;
        // Nothing else is to say: the server looks at its clocks by itself.
        const told = server.lines.length;
        await until(() => server.lines.slice(told).some(({ event }) => event === 'clock.set'));
        await durable();
        await restart(how);
        expect((await send(topic, 'first')).body).toMatchObject({ code: 'E_DUPLICATE', msg_id: first.body.msg_id });
        expect((await server.post(`/v1/ack/${first.body.msg_id}`, { receipt }, { cap })).status).toBe(200);
        expect((await send(topic, 'over', few)).status).toBe(429);
        const settled = await server.post(`/v1/ack/${held.msg_id}`, { receipt: held.receipt }, { cap });
        expect(settled.status).toBe(200);
      }
    }
  });

  it('capabilities follow it at once and both ways, beyond 120 s; messages keep their places and deadlines (TM1, TM2)', async () => {
    const hour = server.cap('topic = t', 'op = send');
    const later = server.cap('topic = t', 'op = send', EXPIRES, `not_before = ${Math.floor(Date.now() / 1000) + 3600}`);
    const seen: number[][] = [];
    for (const [i, aheadMs] of [0, HOUR_MS + 60_000, HOUR_MS + 180_000, 0, -100_000].entries()) {
      machine.setMs = aheadMs;
      seen.push([(await send('t', `hour-${i}`, hour)).status, (await send('t', `later-${i}`, later)).status]);
    }
    expect(seen).toEqual([
      [200, 401],
      [200, 200],
      [401, 200],
      [200, 401],
      [200, 401],
    ]);
    const body = { topic: 't', max_messages: 9 };
    const { messages } = (await server.post('/v1/recv', body, { cap })).body;
    const order = ['hour-0', 'hour-1', 'later-1', 'later-2', 'hour-3', 'hour-4'];
    expect(messages.map(({ idem_key }: { idem_key: string }) => idem_key)).toEqual(order);
    const times = messages.map(({ ts }: { ts: string }) => Date.parse(ts));
    expect([times[1] > times[4], times[5] < times[0]]).toEqual([true, true]);
  });

  it('downtime counts, and no more: a window ends when t_replay has passed, with no server running (TM1, ID1)', async () => {
    const before = await send('t', 'key');
    machine.setMs -= DAY_MS;
    await until(() => server.lines.some(({ event }) => event === 'clock.set'));
    await server.stop();
    machine.movedMs += WINDOW_MS / 2;
    await start();
    expect(server.lines.find(({ event }) => event === 'clock.continued')?.['down_ms']).toBeGreaterThanOrEqual(50_000);
    expect((await send('t', 'key')).body).toMatchObject({ msg_id: before.body.msg_id });
    await server.stop();
    machine.movedMs += WINDOW_MS / 2;
    await start();
    const again = await send('t', 'key');
    expect([again.status, again.body.msg_id === before.body.msg_id]).toEqual([200, false]);
  });
});

describe('a first boot in 1970, then NTP', () => {
  it('ts is right from then on, a revocation and a window outlive it and a restart (TM1, TM3, S3)', async () => {
    data = join(folder, 'data');
    machine.setMs = -Date.now() + HOUR_MS;
    await start();
    const early = await send('t', 'early');
    const gone = server.cap('topic = t', 'op = send', EXPIRES);
    const nonce = parseToken(gone)?.nonce;
    const admin = server.cap('topic = mailbox.admin', 'op = admin', EXPIRES);
    expect((await server.post('/v1/admin/revoke', { nonce, reason: 'lost' }, { cap: admin })).status).toBe(200);
    machine.setMs = 0;
    const late = await send('t', 'late');
    await restart('crash');
    expect((await send('t', 'early')).body).toMatchObject({ code: 'E_DUPLICATE', msg_id: early.body.msg_id });
    server.reload({ profile: 'macronode', data, ready_shards: '2', segment_size: '8MiB' });
    expect((await send('t', 'x', gone)).status).toBe(401);
    const { messages } = (await server.post('/v1/recv', { topic: 't' }, { cap })).body;
    expect(messages.map(({ msg_id }: { msg_id: string }) => msg_id)).toEqual([early.body.msg_id, late.body.msg_id]);
    expect(messages[0].ts).toMatch(/^1970-01-01T0[01]:/);
    expect(Math.abs(Date.parse(messages[1].ts) - Date.now())).toBeLessThan(60_000);
  });
});
