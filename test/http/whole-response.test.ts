import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { OAP_TYPE } from '../../src/http/formats/units.ts';
import { type Answer, done, refusal } from '../../src/http/reply.ts';
import { writeWhole } from '../../src/http/whole-response.ts';
import { until } from '../support/server.ts';

const CORR_ID = '0197f2a0-0000-7000-8000-000000000001';
const sizeOf = ({ body }: Answer): number => Buffer.byteLength(body);

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function serve(
  rules: { idleTimeoutMs: number; requestsPerSocket: number },
  handler: RequestListener,
): Promise<void> {
  server = createServer({ keepAliveTimeout: rules.idleTimeoutMs }, handler);
  server.maxRequestsPerSocket = rules.requestsPerSocket;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

/** A connection, and all that it was sent. */
function open(): { readonly socket: Socket; readonly seen: () => string } {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let seen = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    seen += chunk;
  });
  return { socket, seen: () => seen };
}
const asking = (path: string, method = 'GET'): string => `${method} ${path} HTTP/1.1\r\nHost: t\r\n\r\n`;

/** What node:http itself makes of an answer. */
function writeByNode(res: ServerResponse, answer: Answer): void {
  const again = answer.retryAfterS === undefined ? [] : ['retry-after', String(answer.retryAfterS)];
  const type = answer.type ?? 'application/json';
  const length = ['content-length', String(sizeOf(answer))];
  res.writeHead(answer.status, ['content-type', type, 'x-corr-id', CORR_ID, ...again, ...length]).end(answer.body);
}

const ANSWERS: Readonly<Record<string, Answer>> = {
  short: done('{"ok":true}'),
  empty: done(''),
  'not Latin-1': done('{"topic":"häuser €"}'),
  'Latin-1 in two bytes': done('{"note":"é"}'),
  long: done(`"${'x'.repeat(100_000)}"`),
  frames: { ...done(''), body: Buffer.from([0, 1, 2, 255, 13, 10, 13, 10]), type: OAP_TYPE },
  'every byte': { ...done(''), body: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), type: OAP_TYPE },
  'longer frames': { ...done(''), body: Buffer.alloc(2000, 0xa7), type: OAP_TYPE },
  refused: refusal('timeout', CORR_ID),
  busy: refusal('saturated_tenant', CORR_ID, { retryAfterMs: 2500 }),
};

describe('a response written as a whole', () => {
  for (const rules of [
    { idleTimeoutMs: 5000, requestsPerSocket: 0 },
    { idleTimeoutMs: 75_900, requestsPerSocket: 1000 },
    { idleTimeoutMs: 0, requestsPerSocket: 7 },
  ]) {
    it(`is byte for byte what node:http makes of it, with ${JSON.stringify(rules)}`, async () => {
      let written = 0;
      await serve(rules, (req, res) => {
        const [, by, name = ''] = (req.url ?? '').split('/').map(decodeURIComponent);
        const answer = ANSWERS[name] as Answer;
        if (by === 'node') writeByNode(res, answer);
        else if (writeWhole(res, answer, sizeOf(answer), CORR_ID, rules)) written++;
      });
      const told = async (path: string): Promise<string> => {
        const { socket, seen } = open();
        socket.write(asking(path));
        // The last of its connection, and node:http's own: behind it all has come.
        await until(() => /\r\n\r\n/.test(seen()));
        const bytes = Number(/content-length: (\d+)/.exec(seen())?.[1]);
        await until(() => seen().length - seen().indexOf('\r\n\r\n') - 4 >= bytes);
        socket.destroy();
        return seen().replace(/\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/, '\r\nDate: now\r\n');
      };
      for (const name of Object.keys(ANSWERS)) {
        const path = encodeURIComponent(name);
        expect(await told(`/ours/${path}`), name).toBe(await told(`/node/${path}`));
      }
      expect(written).toBe(Object.keys(ANSWERS).length);
    });
  }

  it('is left to node:http where the connection goes, the body is not sent, or the head has what is not ours', async () => {
    const rules = { idleTimeoutMs: 5000, requestsPerSocket: 4 };
    const taken: string[] = [];
    await serve(rules, (req, res) => {
      const more: Readonly<Record<string, Partial<Answer>>> = {
        '/close': { close: true },
        '/allow': { allow: 'GET' },
        '/owner': { owner: 'http://other' },
        '/type': { type: 'text/plain\r\nx: y' },
        '/nothing': { status: 204 },
      };
      const answer: Answer = { ...done('{}'), ...more[req.url ?? ''] };
      if (writeWhole(res, answer, 2, CORR_ID, rules)) taken.push(`${req.method} ${req.url}`);
      else res.end();
    });
    for (const path of ['/close', '/allow', '/owner', '/type', '/nothing']) {
      const { socket, seen } = open();
      socket.write(asking(path) + asking('/plain'));
      await until(() => seen().split('HTTP/1.1 ').length === 3);
      socket.destroy();
    }
    const { socket, seen } = open();
    socket.write(`${asking('/head', 'HEAD')}GET /bye HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n`);
    await once(socket, 'end');
    expect(seen().match(/Connection: [a-z-]+/g)).toEqual(['Connection: keep-alive', 'Connection: close']);
    const last = open();
    last.socket.write([1, 2, 3, 4].map((n) => asking(`/${n}`)).join(''));
    await until(() => last.seen().split('HTTP/1.1 ').length === 5);
    last.socket.destroy();
    expect(last.seen().match(/Connection: [a-z-]+/g)).toEqual([
      ...['Connection: keep-alive', 'Connection: keep-alive', 'Connection: keep-alive'],
      'Connection: close',
    ]);
    expect(taken).toEqual([...Array(5).fill('GET /plain'), 'GET /1', 'GET /2', 'GET /3']);
  });

  it('waits for its turn among pipelined requests, whichever is answered first', async () => {
    const waiting: ServerResponse[] = [];
    const rules = { idleTimeoutMs: 5000, requestsPerSocket: 0 };
    await serve(rules, (_req, res) => {
      waiting.push(res);
    });
    const { socket, seen } = open();
    socket.write([0, 1, 2, 3].map((n) => asking(`/${n}`)).join(''));
    await until(() => waiting.length === 4);
    const finished: number[] = [];
    for (const n of [2, 1, 3, 0]) {
      const res = waiting[n] as ServerResponse;
      res.once('finish', () => finished.push(n));
      // One of them with a body of its own write.
      const answer = done(n === 1 ? 'é1' : `"${n}"`);
      expect(writeWhole(res, answer, sizeOf(answer), CORR_ID, rules)).toBe(true);
      expect(res.headersSent).toBe(true);
    }
    await until(() => finished.length === 4);
    expect(finished).toEqual([0, 1, 2, 3]);
    socket.write(asking('/4'));
    await until(() => waiting.length === 5);
    expect(writeWhole(waiting[4] as ServerResponse, done('"4"'), 3, CORR_ID, rules)).toBe(true);
    await until(() => seen().endsWith('"4"'));
    const bodies = seen()
      .split('HTTP/1.1 200 OK\r\n')
      .slice(1)
      .map((one) => Buffer.from(one.slice(one.indexOf('\r\n\r\n') + 4), 'latin1').toString());
    expect(bodies).toEqual(['"0"', 'é1', '"2"', '"3"', '"4"']);
    socket.destroy();
  });

  it('that its reader does not take says so, and is over in mid-write as one of node:http is', async () => {
    const rules = { idleTimeoutMs: 5000, requestsPerSocket: 0 };
    const answer: Answer = { ...done(''), body: Buffer.alloc(64 * 1024 * 1024), type: OAP_TYPE };
    const events: Record<string, string[]> = { '/ours': [], '/node': [] };
    let held = 0;
    await serve(rules, (req, res) => {
      for (const event of ['finish', 'close']) res.once(event, () => events[req.url as string]?.push(event));
      if (req.url === '/node') writeByNode(res, answer);
      else expect(writeWhole(res, answer, sizeOf(answer), CORR_ID, rules)).toBe(true);
      held = res.writableLength;
    });
    for (const path of ['/node', '/ours']) {
      held = 0;
      const { socket } = open();
      socket.pause();
      socket.write(asking(path));
      await until(() => held > 0);
      expect(events[path]).toEqual([]);
      socket.destroy();
      await until(() => events[path]?.includes('close') === true);
    }
    expect(events['/ours']).toEqual(events['/node']);
  });
});
