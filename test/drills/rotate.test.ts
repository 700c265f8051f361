import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { readKeyringFile, writeKeyringFile } from '../../src/auth/keyring-file.ts';
import { mint } from '../../src/auth/mint.ts';
import { type MailboxProcess, run, serve } from '../support/process.ts';
import { Caller, Loop, stepsOf } from '../support/traffic.ts';

const DAY_MS = 86_400_000;
let folder: string;
let file: string;
const servers: MailboxProcess[] = [];
const callers: Caller[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drill-'));
  file = join(folder, 'keyring.json');
});
afterAll(async () => {
  for (const caller of callers) caller.close();
  for (const server of servers) server.child.kill('SIGKILL');
  await Promise.all(servers.map(({ finished }) => finished));
  rmSync(folder, { recursive: true });
});

async function start(...args: string[]): Promise<{ server: MailboxProcess; caller: Caller }> {
  const server = serve('--keyring', file, ...args);
  servers.push(server);
  const caller = new Caller(`http://${(await server.logged('server.ready'))['http']}`);
  callers.push(caller);
  return { server, caller };
}

const events = (server: MailboxProcess, event: string) => server.out.split(`"event":"${event}"`).length - 1;
const capOf = (keyring: Keyring, format: 'v1' | 'v2' = 'v1') =>
  mint(
    keyring,
    ['topic = r', 'op = send,stats', 'quota_ops = 1000000/1', `expires = ${Math.floor(Date.now() / 1000) + 3600}`],
    format,
  ).token;

describe('drill: rotate mid-traffic', () => {
  it('no request fails and no connection is dropped while keys overlap; a dropped key ends its own only (E2, P3, K5, P2)', async () => {
    writeKeyringFile(file, new Keyring([freshKey('k1', Date.now() - DAY_MS)]), true);
    const { server, caller } = await start();
    const stats = (token: string) => new Loop(() => caller.ask('GET', '/v1/stats?topic=r', token));
    const old = capOf(readKeyringFile(file));
    const loops = [stats(old), stats(old)];
    await stepsOf(loops, 20);

    const reload = async (): Promise<void> => {
      const before = events(server, 'config.reloaded') + events(server, 'config.reload_failed');
      server.child.kill('SIGHUP');
      await server.until(() => events(server, 'config.reloaded') + events(server, 'config.reload_failed') > before);
    };
    expect((await run(['keyring', 'rotate', file])).code).toBe(0);
    // Minted before the server knows the key: refused until it does.
    const young = capOf(readKeyringFile(file));
    expect((await caller.ask('GET', '/v1/stats?topic=r', young)).status).toBe(401);
    await reload();
    loops.push(stats(young), stats(capOf(readKeyringFile(file), 'v2')));

    // A ring that others may read is not taken; the one before goes on.
    chmodSync(file, 0o644);
    await reload();
    expect(server.out).toContain('must be 0600');
    chmodSync(file, 0o600);
    await stepsOf(loops, 20);
    const made = caller.connected;

    const [, k2] = readKeyringFile(file).keys;
    await Promise.all(loops.slice(0, 2).map((loop) => loop.stop()));
    for (const loop of loops) expect([...loop.statuses.keys()]).toEqual([200]);
    writeKeyringFile(file, new Keyring([k2!]), false);
    await reload();
    expect((await caller.ask('GET', '/v1/stats?topic=r', old)).status).toBe(401);
    await stepsOf(loops.slice(2), 20);
    await Promise.all(loops.map((loop) => loop.stop()));
    for (const loop of loops) expect([...loop.statuses.keys()]).toEqual([200]);
    expect([made, caller.connected]).toEqual([4, 4]);
    expect(server.out).not.toContain('AUTHORITY');
  });

  it('an overdue key: sends refused, the rest goes on, readyz says so; a rotation mends it without a restart (K5, BD3)', async () => {
    writeKeyringFile(file, new Keyring([freshKey('k1', Date.now() - 31 * DAY_MS)]), false);
    const { server, caller } = await start();
    const token = capOf(readKeyringFile(file));
    const send = (key: string) => caller.post('/v1/send', token, { topic: 'r', idem_key: key, payload_b64: '' });
    await server.logged('keyring.overdue');
    const refused = await send('k1');
    expect([refused.status, refused.body.reason, refused.retryAfter]).toEqual([503, 'degraded_writes', 1]);
    expect((await caller.ask('GET', '/v1/stats?topic=r', token)).status).toBe(200);
    expect((await caller.ask('GET', '/readyz', null)).body).toMatchObject({ ready: false, missing: ['keyring'] });
    expect((await run(['keyring', 'list', file])).out).toMatch(/k1 .* 31 days old {2}overdue: rotate now/);

    expect((await run(['keyring', 'rotate', file])).code).toBe(0);
    server.child.kill('SIGHUP');
    await server.logged('config.reloaded');
    expect((await caller.ask('GET', '/readyz', null)).body).toEqual({ ready: true, missing: [], retry_after: 0 });
    // What the old key signed ended with it.
    expect((await send('k2')).status).toBe(401);
    const fresh = capOf(readKeyringFile(file));
    const sent = await caller.post('/v1/send', fresh, { topic: 'r', idem_key: 'k3', payload_b64: '' });
    expect(sent.status).toBe(200);
  });
});
