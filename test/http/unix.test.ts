import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Doors } from '../../src/http/server.ts';
import { listenUnix } from '../../src/http/unix.ts';
import { MailboxProcess } from '../support/process.ts';
import { TestServer, until } from '../support/server.ts';

const root = mkdtempSync(join(tmpdir(), 'mailbox-uds-'));
let count = 0;
/** A directory of mode 0700 and a path in it. */
function place(): string {
  const directory = join(root, String(++count));
  mkdirSync(directory, { mode: 0o700 });
  return join(directory, 'socket');
}
const running: TestServer[] = [];
async function start(settings: Record<string, string>): Promise<TestServer> {
  const server = await TestServer.start(settings);
  running.push(server);
  return server;
}
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});
afterAll(() => rmSync(root, { recursive: true }));

/** The status and body of a GET over the socket, or the code of what failed. */
const get = (socketPath: string, path: string, headers: Record<string, string> = {}): Promise<string> =>
  new Promise((resolve) => {
    const req = request({ socketPath, path, headers, agent: false }, (res) => {
      let text = '';
      res.on('data', (chunk) => {
        text += chunk;
      });
      res.on('end', () => resolve(`${res.statusCode} ${text}`));
    });
    req.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    req.end();
  });
const uid = process.getuid?.() as number;

describe('unix socket', () => {
  it('serves whom the kernel names, mode 0600, and asks a capability all the same (S4, E3)', async () => {
    const path = place();
    const before = process.umask();
    const server = await start({ uds: path });
    expect(process.umask()).toBe(before);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(await get(path, '/healthz')).toBe('200 {"ok":true}');
    expect(await get(path, '/v1/stats?topic=t')).toMatch(/^401 /);
    const authorized = { authorization: `Bearer ${server.capability}` };
    expect(await get(path, '/v1/stats?topic=t', authorized)).toMatch(/^200 /);
    const line = server.lines.find(({ event }) => event === 'auth.denied');
    expect(line).toMatchObject({ peer_addr: `uid:${uid}` });
    await server.stop();
    running.pop();
    expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('a uid that is not on the list is cut before a byte is read; an empty list lets nobody in (S4)', async () => {
    for (const allow_uids of [String(uid + 1), '', 'none']) {
      const path = place();
      const server = await start({ uds: path, allow_uids });
      expect(await get(path, '/healthz')).toMatch(/ECONNRESET|EPIPE/);
      const denied = server.lines.filter(({ reason }) => reason === 'peer_uid');
      expect(denied).toMatchObject([{ event: 'connection.refused', decision: 'denied', peer_addr: `uid:${uid}` }]);
      expect(await server.metric('rejected_total{reason="unauth"}')).toBe(1);
      await server.reload({ uds: path, allow_uids: `${uid + 1},${uid}` });
      expect(await get(path, '/healthz')).toMatch(/^200 /);
    }
  });

  it('the directory: ours, mode 0700, no link, there (S4)', async () => {
    const path = place();
    const directory = join(path, '..');
    const refused = (uds: string, text: string) => expect(TestServer.start({ uds })).rejects.toThrow(text);
    for (const mode of [0o750, 0o701, 0o777, 0o600, 0o1700, 0o2700, 0o1777]) {
      chmodSync(directory, mode);
      await refused(path, 'must be 0700');
    }
    chmodSync(directory, 0o700);
    symlinkSync(directory, join(root, 'link'));
    await refused(join(root, 'link', 'socket'), 'a link is none');
    await refused(join(root, 'none', 'socket'), 'ENOENT');
    writeFileSync(join(root, 'file'), '');
    await refused(join(root, 'file', 'socket'), 'not a directory');
    if (uid !== 0) await refused('/proc/self/fd/socket', 'belongs to');
  });

  it('above the directory: nobody else may put another in its place (S4)', async () => {
    const above = join(root, 'above');
    const path = join(above, 'between', 'mine', 'socket');
    mkdirSync(join(above, 'between', 'mine'), { recursive: true, mode: 0o700 });
    for (const mode of [0o777, 0o770, 0o707]) {
      chmodSync(above, mode);
      const says = `uds: ${above}, above the socket's directory: mode is 0${mode.toString(8)}`;
      await expect(TestServer.start({ uds: path })).rejects.toThrow(says);
    }
    for (const mode of [0o1777, 0o755]) {
      chmodSync(above, mode);
      const server = await TestServer.start({ uds: path });
      expect(await get(path, '/healthz')).toMatch(/^200 /);
      await server.stop();
    }
  });

  it('its end: removed while it is ours; another one under the name stays and goes on (S4)', async () => {
    const path = place();
    const first = await TestServer.start({ uds: path });
    rmSync(path);
    const second = await TestServer.start({ uds: path });
    await first.stop();
    expect(await get(path, '/healthz')).toMatch(/^200 /);
    await second.stop();
    expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
    const third = await TestServer.start({ uds: path });
    rmSync(path);
    writeFileSync(path, 'precious');
    await third.stop();
    expect(lstatSync(path).isFile()).toBe(true);
  });

  it('its end where its name cannot be looked at any more: all that waits is answered first (S4, B6)', async () => {
    const path = place();
    const directory = join(path, '..');
    const server = await TestServer.start({ uds: path, drain_deadline: '30s' });
    const authorized = { authorization: `Bearer ${server.capability}` };
    const waiting = server.post('/v1/recv', { topic: 't', wait_ms: 20_000 });
    await until(async () => (await server.metric('long_polls')) === 1);
    renameSync(directory, `${directory}.moved`);
    symlinkSync(String(count), directory);
    expect(() => lstatSync(path)).toThrow('ELOOP');
    await server.stop();
    expect((await waiting).status).toBe(200);
    expect(await get(join(`${directory}.moved`, 'socket'), '/healthz', authorized)).toBe('ECONNREFUSED');
  });

  it('bound, and then nothing listens: no name is left behind (S4)', async () => {
    const path = place();
    const listen = async ({ descriptor }: { descriptor: () => number }): Promise<never> => {
      expect(lstatSync(path).isSocket()).toBe(true);
      closeSync(descriptor());
      throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
    };
    const doors = { listen } as unknown as Doors;
    await expect(listenUnix(doors, path, () => [])).rejects.toThrow(`uds ${path}: EMFILE`);
    expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('its path: as long as the system takes, and not a byte more (S4)', async () => {
    const directory = join(place(), '..');
    const longest = join(directory, 'é'.repeat((107 - Buffer.byteLength(directory) - 1) >> 1));
    const path = longest.padEnd(longest.length + 107 - Buffer.byteLength(longest), 'x');
    expect(Buffer.byteLength(path)).toBe(107);
    await start({ uds: path });
    expect(await get(path, '/healthz')).toMatch(/^200 /);
    await expect(TestServer.start({ uds: `${path}x` })).rejects.toThrow(/a path of 1\.\.107 bytes/);
    expect(readdirSync(directory)).toHaveLength(1);
  });

  it('the name: what a dead process left is replaced; a live one, or anything else, is not (S4)', async () => {
    const path = place();
    writeFileSync(path, 'precious');
    await expect(TestServer.start({ uds: path })).rejects.toThrow('something else of that name');
    expect(lstatSync(path).isFile()).toBe(true);
    rmSync(path);

    const other = createServer();
    await new Promise<void>((resolve) => other.listen(path, resolve));
    await expect(TestServer.start({ uds: path })).rejects.toThrow('another process listens there');
    await new Promise((resolve) => other.close(resolve));

    const killed = new MailboxProcess([
      'serve',
      '--bind',
      '127.0.0.1:0',
      '--metrics-bind',
      '127.0.0.1:0',
      '--uds',
      path,
    ]);
    expect(await killed.logged('server.ready')).toMatchObject({ uds: path });
    killed.child.kill('SIGKILL');
    await killed.finished;
    expect(lstatSync(path).isSocket()).toBe(true);
    await start({ uds: path });
    expect(await get(path, '/healthz')).toMatch(/^200 /);
  });

  it('connections of all listeners are counted together (D4)', async () => {
    const path = place();
    const server = await start({ uds: path, max_connections: '2' });
    const tcp = connect(server.where.port, server.where.host);
    await new Promise((resolve) => tcp.once('connect', resolve));
    const gone = new Promise((resolve) => tcp.once('close', resolve));
    const held = connect(path);
    await new Promise((resolve) => held.once('connect', resolve));
    expect(await get(path, '/healthz')).toMatch(/^200 /);
    await gone;
    held.destroy();
  });
});
