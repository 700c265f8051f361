import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LINGER_BYTES_MAX, Lingering } from '../../src/http/lingering.ts';
import { BlockingClient } from '../support/blocking.ts';
import { TestCertificate } from '../support/certificates.ts';
import { TestServer, until } from '../support/server.ts';

const MiB = 1024 * 1024;
const root = mkdtempSync(join(tmpdir(), 'lingering-'));
let certificate: TestCertificate;
beforeAll(async () => {
  certificate = await TestCertificate.make();
});
afterAll(() => {
  certificate.remove();
  rmSync(root, { recursive: true });
});

type Kind = 'tcp' | 'tls' | 'unix';
/** A server that listens so, and a way to connect to it. */
async function serving(kind: Kind, settings: Record<string, string> = {}) {
  const path = join(root, kind, 'socket');
  mkdirSync(join(root, kind), { mode: 0o700, recursive: true });
  const server = await TestServer.start({
    ...settings,
    ...(kind === 'unix' ? { uds: path } : {}),
    ...(kind === 'tls' ? certificate.settings : {}),
  });
  const open = (more: object = {}): Socket =>
    kind === 'tls'
      ? connectTls({ ...server.where, ...more, ca: certificate.cert })
      : connect(kind === 'unix' ? { path, ...more } : { ...server.where, ...more });
  return { server, open };
}

const refusedLines = ({ lines }: TestServer): number => lines.filter(({ decision }) => decision === 'denied').length;
const LONG = Buffer.alloc(4 * MiB, 'A');
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const post = (target: string, ...lines: string[]): string =>
  `${[`POST ${target} HTTP/1.1`, 'Host: t', 'Content-Type: application/json', ...lines].join('\r\n')}\r\n\r\n`;

const statusesIn = (answer: string): string[] =>
  [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status as string);

/** A refusal: what is sent before it, how it begins, and what its sender goes on with. */
interface Refusal {
  readonly begin: (bearer: string) => string;
  readonly answer: RegExp;
  readonly rest: string | Buffer;
}
const SIZED = `Content-Length: ${LONG.length}`;
const REFUSALS: Readonly<Record<string, Refusal>> = {
  '401': { begin: () => post('/v1/send', SIZED), answer: /^HTTP\/1\.1 401 .*E_CAP_AUTH/s, rest: LONG },
  '403': { begin: (bearer) => post('/v1/dlq/purge', SIZED, bearer), answer: /^HTTP\/1\.1 403 /, rest: LONG },
  '404': { begin: (bearer) => post('/v1/nope', SIZED, bearer), answer: /^HTTP\/1\.1 404 /, rest: LONG },
  '405': { begin: (bearer) => post('/healthz', SIZED, bearer), answer: /^HTTP\/1\.1 405 /, rest: LONG },
  '413': { begin: (bearer) => post('/v1/send', SIZED, bearer), answer: /^HTTP\/1\.1 413 .*E_FRAME/s, rest: LONG },
  '413, in chunks': {
    begin: (bearer) => post('/v1/send', 'Transfer-Encoding: chunked', bearer) + chunk('x'.repeat(65_536)).repeat(17),
    answer: /^HTTP\/1\.1 413 .*E_FRAME/s,
    rest: chunk('x'.repeat(65_536)).repeat(48),
  },
  '415': {
    begin: (bearer) => post('/v1/send', `Content-Length: ${MiB}`, 'Content-Encoding: zstd', bearer),
    answer: /^HTTP\/1\.1 415 /,
    rest: LONG.subarray(0, MiB),
  },
  '400, a body in too many pieces': {
    begin: (bearer) => post('/v1/send', 'Transfer-Encoding: chunked', bearer) + chunk('x').repeat(5_000),
    answer: /^HTTP\/1\.1 400 .*pieces/s,
    rest: chunk('x').repeat(50_000),
  },
  '400, HTTP/1.0': {
    begin: () => `POST /v1/send HTTP/1.0\r\nHost: t\r\n${SIZED}\r\n\r\n`,
    answer: /^HTTP\/1\.1 400 .*must be 1\.1/s,
    rest: LONG,
  },
  '401, for who waits for leave and then sends all the same': {
    begin: () => post('/v1/send', SIZED, 'Expect: 100-continue'),
    answer: /^HTTP\/1\.1 401 /,
    rest: LONG,
  },
  'of the parser: 417': {
    begin: () => post('/v1/send', SIZED, 'Expect: the-unexpected'),
    answer: /^HTTP\/1\.1 417 /,
    rest: LONG,
  },
  'of the parser: 431': {
    begin: () => post('/v1/send', `X-A: ${'a'.repeat(17_000)}`).slice(0, -4),
    answer: /^HTTP\/1\.1 431 /,
    rest: LONG,
  },
  'of the parser: 400': { begin: () => 'no request\r\n\r\n', answer: /^HTTP\/1\.1 400 /, rest: LONG },
  'of the parser: 400, within a body': {
    begin: (bearer) => `${post('/v1/send', 'Transfer-Encoding: chunked', bearer)}zz\r\n`,
    answer: /^HTTP\/1\.1 400 /,
    rest: LONG,
  },
};

/** Refused first, and then it goes on writing: what it reads when it is done. */
async function goesOn(server: TestServer, socket: Socket, { begin, rest }: Refusal): Promise<string> {
  const client = new BlockingClient(socket);
  const before = refusedLines(server);
  await client.write(begin(`Authorization: Bearer ${server.capability}`));
  await until(() => refusedLines(server) > before);
  await client.write(rest);
  const answer = await client.answer();
  socket.destroy();
  return answer;
}

describe('refusals reach whoever is still writing (RFC 9112, 9.6)', () => {
  describe.each([
    ['tcp', Object.keys(REFUSALS)],
    ['tls', ['401', '413, in chunks', 'of the parser: 431']],
    ['unix', ['401', '413, in chunks', 'of the parser: 431']],
  ] as const)('over %s', (kind, names) => {
    let server: TestServer;
    let open: (more?: object) => Socket;
    beforeAll(async () => {
      ({ server, open } = await serving(kind));
    });
    afterAll(() => server.stop());
    it.each(names.map((name) => [name]))('%s', async (name) => {
      const refusal = REFUSALS[name] as Refusal;
      const answer = await goesOn(server, open(), refusal);
      expect(answer).toMatch(refusal.answer);
      expect(statusesIn(answer)).toHaveLength(1);
      expect(answer).toMatch(/^connection: close\r$/im);
    });
  });

  it('408: a body that does not come is told so in the words of the table, and may still come then (D1)', async () => {
    const { server, open } = await serving('tcp', { read_timeout: '1s' });
    const answer = await goesOn(server, open(), {
      begin: (bearer) => `${post('/v1/send', 'Content-Length: 300000', bearer)}{`,
      answer: /408/,
      rest: Buffer.alloc(299_999),
    });
    expect(answer).toMatch(
      /^HTTP\/1\.1 408 .*connection: close.*"E_TIMEOUT","message":"body: did not arrive in time"/is,
    );
    const line = { event: 'request.refused', reason: 'timeout', status: 408, route: '/v1/send' };
    expect(server.lines).toContainEqual(expect.objectContaining(line));
    expect(server.lines.filter(({ event }) => event === 'connection.refused')).toEqual([]);
    expect(await server.metric('http_requests_total{route="/v1/send",method="POST",status="408"}')).toBe(1);
    await server.stop();
  });

  it('drain: the last answer of a connection reaches who has pipelined more behind it', async () => {
    const { server, open } = await serving('tcp', { drain_deadline: '5s' });
    const client = new BlockingClient(open());
    const bearer = `Authorization: Bearer ${server.capability}`;
    const body = '{"topic":"t","wait_ms":20000}';
    await client.write(`${post('/v1/recv', `Content-Length: ${body.length}`, bearer)}${body}`);
    await until(async () => (await server.metric('long_polls')) === 1);
    const answered = () => server.lines.some(({ event, route }) => event === 'request' && route === '/v1/recv');
    const stopped = server.stop();
    await until(answered);
    await client.write(`GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n`.repeat(40_000));
    expect(await client.answer()).toMatch(/^HTTP\/1\.1 200 .*connection: close.*\{"messages":\[\]\}$/is);
    client.socket.destroy();
    await stopped;
  });
});

describe('refusals in turn', () => {
  it('bytes that are no request, behind one that waits: its own answer comes first', async () => {
    const { server, open } = await serving('tcp');
    const client = new BlockingClient(open());
    const bearer = `Authorization: Bearer ${server.capability}`;
    const body = '{"topic":"t.turn","wait_ms":20000}';
    await client.write(`${post('/v1/recv', `Content-Length: ${body.length}`, bearer)}${body}no request\r\n\r\n`);
    await until(() => refusedLines(server) === 1);
    await server.send('t.turn', 'k');
    const answer = await client.answer();
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*"idem_key":"k".*\}HTTP\/1\.1 400 Bad Request\r\n/s);
    client.socket.destroy();
    await server.stop();
  });

  it('a body that does not come, behind a request that waits: each gets its own answer', async () => {
    const { server, open } = await serving('tcp', { read_timeout: '300ms' });
    const client = new BlockingClient(open());
    const bearer = `Authorization: Bearer ${server.capability}`;
    const body = '{"topic":"t.turn","wait_ms":20000}';
    await client.write(`${post('/v1/recv', `Content-Length: ${body.length}`, bearer)}${body}`);
    await client.write(`${post('/v1/send', 'Content-Length: 9', bearer)}{`);
    await until(() => refusedLines(server) === 1);
    await server.send('t.turn', 'k');
    expect(await client.answer()).toMatch(/^HTTP\/1\.1 200 .*"idem_key":"k".*HTTP\/1\.1 408 .*"E_TIMEOUT"/s);
    client.socket.destroy();
    await server.stop();
  });

  it('a small body that was refused and never comes: the connection ends, and nothing more is said (D1)', async () => {
    const { server, open } = await serving('tcp', { read_timeout: '300ms' });
    const client = new BlockingClient(open());
    await client.write(post('/v1/send', 'Content-Length: 9'));
    const answer = await client.answer();
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(statusesIn(answer)).toHaveLength(1);
    expect(server.lines.filter(({ event }) => event === 'connection.refused')).toEqual([]);
    await server.stop();
  });

  it('a small body that was refused is thrown away, and the connection goes on; a long one, or one that waits for leave, ends it', async () => {
    const { server, open } = await serving('tcp');
    const behind = 'GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n';
    const answers = async (...lines: string[]): Promise<string> => {
      const client = new BlockingClient(open());
      const size = Number(/\d+/.exec(lines[0] as string)?.[0]);
      await client.write(post('/v1/send', ...lines) + 'x'.repeat(size) + behind);
      const answer = await client.answer();
      client.socket.destroy();
      return statusesIn(answer).join();
    };
    expect(await answers('Content-Length: 65536')).toBe('401,200');
    expect(await answers('Content-Length: 65537')).toBe('401');
    expect(await answers('Content-Length: 2', 'Expect: 100-continue')).toBe('401');
    await server.stop();
  });
});

describe('lingering is bounded (D1, D4)', () => {
  it('in bytes: whoever goes on beyond is cut (facts: 181 MiB flowed where nothing was)', async () => {
    const lingering = new Lingering(() => ({ readTimeoutMs: 60_000, connectionsMax: 8 }));
    const read = new Promise<number>((resolve) => {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('close', () => {
          resolve(socket.bytesRead);
          server.close();
        });
        lingering.close(socket, true, 'no');
      });
      server.listen(0, '127.0.0.1', () => {
        const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
        const flood = (): void => {
          while (!client.destroyed && client.write(LONG));
        };
        client
          .on('connect', flood)
          .on('drain', flood)
          .on('error', () => {});
      });
    });
    expect(await read).toBeGreaterThan(LINGER_BYTES_MAX);
    expect(await read).toBeLessThan(LINGER_BYTES_MAX + 2 * 65_536);
    expect(lingering.size).toBe(0);
  });

  it('in time: whoever drips is cut when a whole request would have been, whoever is silent before', async () => {
    const { server, open } = await serving('tcp', { read_timeout: '400ms' });
    const dripping = open({ allowHalfOpen: true });
    const silent = open({ allowHalfOpen: true });
    let dripped = 0;
    const timer = setInterval(() => dripping.write('A', () => dripped++), 5);
    for (const socket of [dripping, silent]) {
      socket.on('error', () => {});
      socket.resume();
      socket.write(post('/v1/send', SIZED));
    }
    await until(() => refusedLines(server) === 2);
    await until(() => dripping.destroyed && server.lines.length > 0, 20_000);
    clearInterval(timer);
    expect(dripped).toBeGreaterThan(0);
    await until(async () => (await server.metric('connections')) === 0, 20_000);
    silent.destroy();
    await server.stop();
  });

  it('in number: a quarter of all connections; they make room for unauthenticated before anyone who has shown nothing', async () => {
    const { server, open } = await serving('tcp', { max_connections: '8' });
    const closed: string[] = [];
    const held = async (name: string, head: string): Promise<Socket> => {
      const socket = open({ allowHalfOpen: true });
      socket.on('error', () => {});
      socket.on('close', () => closed.push(name));
      socket.resume();
      const before = server.lines.length;
      socket.write(head);
      await until(() => head === '' || server.lines.length > before);
      return socket;
    };
    const sockets: Socket[] = [];
    // Of three that linger the first goes.
    for (const name of ['one', 'two', 'three']) sockets.push(await held(name, post('/v1/send', SIZED)));
    const lingering = [...sockets];
    const drip = setInterval(() => {
      for (const socket of lingering) socket.write('A');
    }, 50);
    await until(() => closed.length === 1);
    expect(closed).toEqual(['one']);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) sockets.push(await held(name, ''));
    await until(async () => (await server.metric('connections')) === 8);
    sockets.push(await held('g', 'GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n'));
    sockets.push(await held('h', 'GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n'));
    await until(() => closed.length === 3);
    expect(closed.sort()).toEqual(['one', 'three', 'two']);
    expect(server.lines.filter(({ reason }) => reason === 'max_connections')).toEqual([]);
    clearInterval(drip);
    for (const socket of sockets) socket.destroy();
    await server.stop();
  });

  it('in one turn: each newcomer is made room for by another one, before any of them is closed', () => {
    const lingering = new Lingering(() => ({ readTimeoutMs: 1000, connectionsMax: 40 }));
    const cut: number[] = [];
    const sockets = [0, 1, 2].map((i) => {
      const state = { destroyed: false, writable: true, readableEnded: false };
      const deeds = { end: () => {}, setTimeout: () => {}, resume: () => {}, destroy: () => cut.push(i) };
      return Object.assign(new EventEmitter(), state, deeds);
    });
    for (const socket of sockets) lingering.close(socket as unknown as Socket, true);
    expect([0, 1, 2, 3].map(() => lingering.makeRoom())).toEqual([true, true, true, false]);
    expect(cut).toEqual([0, 1, 2]);
    for (const socket of sockets) socket.emit('close');
  });
});
