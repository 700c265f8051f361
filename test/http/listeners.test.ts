import { createHash } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freshSession } from '../../src/auth/authorize.ts';
import { loadConfig } from '../../src/config/load.ts';
import { AccessLog } from '../../src/http/access-log.ts';
import { ListenError } from '../../src/http/listen-error.ts';
import { createLog } from '../../src/observe/log.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { DescriptorBudget } from '../../src/server/descriptors.ts';
import { type Listeners, openListeners } from '../../src/server/listeners.ts';
import { TestCertificate } from '../support/certificates.ts';
import { TestServer, until } from '../support/server.ts';

const folder = mkdtempSync(join(tmpdir(), 'listeners-'));
let taken: Server;
let busy = '';
beforeAll(async () => {
  taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  busy = `127.0.0.1:${(taken.address() as { port: number }).port}`;
});
afterAll(async () => {
  await new Promise((resolve) => taken.close(resolve));
  rmSync(folder, { recursive: true });
});

/** What a journal says, by its hash: all of it is in the first segment, the others are spares that are still being made. */
const saidIn = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(({ name }) => /^log-0*1$/.test(name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => `${file} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`)
    .sort();

describe('addresses', () => {
  it('one that cannot be had refuses the start by name, and the journal has not heard of it (RT4, R1)', async () => {
    const data = join(folder, 'data');
    const durable = { profile: 'macronode', data, segment_size: '8MiB' };
    const uds = join(folder, 'none', 'socket');
    const first = await TestServer.start(durable);
    await first.stop();
    const before = saidIn(data);
    expect(before).toHaveLength(1);
    for (const [settings, setting, says] of [
      [{ bind: busy }, 'bind', `bind ${busy}: EADDRINUSE: another process listens there`],
      [{ metrics_bind: busy }, 'metrics_bind', `metrics_bind ${busy}: EADDRINUSE`],
      [{ console_bind: busy }, 'console_bind', `console_bind ${busy}: EADDRINUSE`],
      [{ bind: '192.0.2.1:0' }, 'bind', 'bind 192.0.2.1:0: EADDRNOTAVAIL: this machine has no such address'],
      [{ bind: 'no.such.host.invalid:0' }, 'bind', 'bind no.such.host.invalid:0: E'],
      [{ uds }, 'uds', 'ENOENT'],
    ] as const) {
      const refused = await TestServer.start({ ...durable, ...settings }).catch((error) => error);
      expect([refused.setting, refused.message]).toEqual([setting, expect.stringContaining(says)]);
      expect(refused instanceof ListenError || setting === 'uds').toBe(true);
    }
    expect(saidIn(data)).toEqual(before);
    const again = await TestServer.start(durable);
    expect(again.lines).toContainEqual(expect.objectContaining({ event: 'journal.opened', term: 2 }));
    await again.stop();
  });

  it('one for both: refused before anything is tried', () => {
    expect(() => loadConfig({ bind: '127.0.0.1:9410', metrics_bind: '127.0.0.1:9410' }, {})).toThrow(
      'metrics_bind: must be another address than bind',
    );
    for (const settings of [{ bind: '127.0.0.1:9411' }, { console_bind: '127.0.0.1:9600' }]) {
      expect(() => loadConfig(settings, {})).toThrow(
        'console_bind: must be another address than bind and metrics_bind',
      );
    }
  });
});

describe('before there is a service', () => {
  let listeners: Listeners;
  beforeAll(async () => {
    const log = createLog('error', 'json', () => {});
    const metrics = new Metrics(['/v1/send'], [], 1);
    const { settings } = loadConfig({ bind: '127.0.0.1:0', metrics_bind: '127.0.0.1:0', console_bind: 'none' }, {});
    const accessLog = new AccessLog(metrics, log);
    const descriptors = new DescriptorBudget(0);
    listeners = await openListeners({
      settings,
      descriptors,
      log,
      accessLog,
      newSession: freshSession,
      metrics: metrics.registry,
    });
  });
  afterAll(() => listeners.close());

  it('alive, not ready, everything else later; what measures is measured (B6, BD3, O4)', async () => {
    const ask = async (method: string, path: string, host = listeners.http) => {
      const answer = await fetch(`http://${host}${path}`, { method, ...(method === 'POST' ? { body: '{}' } : {}) });
      return [answer.status, answer.headers.get('retry-after'), await answer.text()];
    };
    expect(await ask('GET', '/healthz')).toEqual([200, null, '{"ok":true}']);
    expect(await ask('GET', '/readyz')).toEqual([503, '1', '{"ready":false,"missing":["starting"],"retry_after":1}']);
    const [status, retryAfter, body] = await ask('POST', '/v1/send');
    expect([status, retryAfter]).toEqual([503, '1']);
    expect(JSON.parse(body as string)).toMatchObject({ code: 'E_UNAVAILABLE', reason: 'starting' });
    const text = (await ask('GET', '/metrics', listeners.metrics))[2] as string;
    expect(text).toContain('http_requests_total{route="other",method="POST",status="503"} 1');
  });
});

describe('drain', () => {
  let certificate: TestCertificate;
  const sockets: Socket[] = [];
  beforeAll(async () => {
    certificate = await TestCertificate.make();
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  afterAll(() => certificate.remove());

  interface Watched {
    readonly socket: Socket;
    text: string;
    closed: boolean;
  }
  const watch = (socket: Socket, ready: string): Promise<Watched> =>
    new Promise((resolve) => {
      const watched: Watched = { socket, text: '', closed: false };
      sockets.push(socket);
      socket.on('data', (chunk) => {
        watched.text += chunk.toString();
      });
      socket.on('error', () => {});
      socket.on('close', () => {
        watched.closed = true;
      });
      socket.once(ready, () => resolve(watched));
    });

  it('waits for requests, not for silent connections: plain, TLS, in the handshake, between two requests (people.md, Operations)', async () => {
    for (const tls of [{}, certificate.settings]) {
      const patient = { drain_deadline: '1h', read_timeout: '1h', idle_timeout: '1h' };
      const server = await TestServer.start({ ...patient, ...tls });
      const isTls = Object.keys(tls).length > 0;
      const open = () =>
        isTls
          ? watch(connectTls({ ...server.where, ca: certificate.cert }), 'secureConnect')
          : watch(connect(server.where.port, server.where.host), 'connect');
      const silent = [await open(), await watch(connect(server.where.port, server.where.host), 'connect')];
      const idle = await open();
      idle.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      await until(() => idle.text.includes('"ok":true'));
      const asking = await open();
      const head = `POST /v1/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.capability}\r\n`;
      asking.socket.write(`${head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{`);
      await until(async () => (await server.metric('connections')) === 4);
      const stopped = server.stop();
      await until(() => [...silent, idle].every(({ closed }) => closed));
      expect(asking.closed).toBe(false);
      asking.socket.write('}');
      await stopped;
      await until(() => asking.closed);
      expect(asking.text).toMatch(/^HTTP\/1\.1 400 [\s\S]*connection: close/i);
    }
  });

  it('does not wait for a handshake that was begun and not ended (people.md, Operations)', async () => {
    const server = await TestServer.start({ drain_deadline: '1h', read_timeout: '1h', ...certificate.settings });
    const accepted: Socket[] = [];
    const accept = (message: unknown): void => {
      accepted.push((message as { readonly socket: Socket }).socket);
    };
    subscribe('net.server.socket', accept);
    const begun = await watch(connect(server.where.port, server.where.host), 'connect');
    const hello = Buffer.from([22, 3, 1, 2, 0]);
    begun.socket.write(hello);
    await until(() => accepted.some(({ bytesRead }) => bytesRead === hello.length));
    unsubscribe('net.server.socket', accept);
    const stopped = server.stop();
    await until(() => begun.closed);
    await stopped;
  });
});
