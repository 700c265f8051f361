import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LineReader } from '../support/lines.ts';
import { needProgram, RealProxy } from '../support/proxies.ts';
import { until } from '../support/server.ts';
import { Target } from '../support/target.ts';

const PAGE = readFileSync('docs/proxies.md', 'utf8');
const shown = (language: string): string => new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(PAGE)?.[1] ?? '';
const folder = mkdtempSync(join(tmpdir(), 'proxy-behaviour-'));
let target: Target;
let cap = '';
const proxies: Partial<Record<'nginx' | 'haproxy', RealProxy>> = {};
beforeAll(async () => {
  needProgram('nginx', '-v');
  needProgram('haproxy', '-v');
  target = await Target.start({ stream_heartbeat: '500ms' });
  cap = target.cap('topic prefix t', 'op = send,recv,ack,stats');
  proxies.nginx = await RealProxy.nginxOf(join(folder, 'nginx'), target.port, shown('nginx'));
  proxies.haproxy = await RealProxy.haproxyOf(join(folder, 'haproxy'), target.port, shown('haproxy'));
});
afterAll(async () => {
  for (const proxy of Object.values(proxies)) await proxy.stop();
  await target?.stop();
  rmSync(folder, { recursive: true });
});

const metric = async (name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await target.metrics())?.[1]);

/** A request through a proxy: status and body; `agent` keeps its connection. */
const ask = (socketPath: string, path: string, body: object, agent: Agent | false = false) =>
  new Promise<{ status: number; text: string }>((resolve, reject) => {
    const headers = { authorization: `Bearer ${cap}`, 'content-type': 'application/json' };
    const asked = request({ socketPath, path, method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode as number, text }));
    });
    asked.on('error', reject);
    asked.end(JSON.stringify(body));
  });
const send = (socketPath: string, topic: string, key: string) =>
  ask(socketPath, '/v1/send', { topic, idem_key: key, payload_b64: 'aGk=' });

const bytesOf = (path: string, body: object, version = '1.1', more = ''): string => {
  const text = JSON.stringify(body);
  const auth = `Authorization: Bearer ${cap}\r\nContent-Type: application/json`;
  return `POST ${path} HTTP/${version}\r\nHost: t\r\n${auth}\r\n${more}Content-Length: ${text.length}\r\n\r\n${text}`;
};
/** What comes back for these bytes until the other side ends it; `isHalf`: the client says at once that it will write no more. */
const exchange = (
  where: { path: string } | { host: string; port: number },
  bytes: string,
  isHalf: boolean,
): Promise<string> =>
  new Promise((resolve) => {
    let answer = '';
    const socket = connect({ ...where, allowHalfOpen: true }, () => (isHalf ? socket.end(bytes) : socket.write(bytes)));
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
    // The other side has answered, or says that it will not.
    socket.on('end', () => socket.destroy());
  });
const statusOf = (answer: string): string => /^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 'none';

describe.each(['nginx', 'haproxy'] as const)('%s as in docs/proxies.md', (name) => {
  const path = (): string => (proxies[name] as RealProxy).socketPath;

  it('keep-alive: many requests of one client go over few connections to the server, and all are answered (U4)', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const before = await metric('connections');
    for (let i = 0; i < 200; i++) {
      const topic = `t.${name}.keep`;
      const { status } = await ask(path(), '/v1/send', { topic, idem_key: `${i}`, payload_b64: '' }, agent);
      expect(status).toBe(200);
    }
    expect((await metric('connections')) - before).toBeLessThanOrEqual(2);
    agent.destroy();
  });

  it('long poll: is answered when a message comes, and empty after its time (U4)', async () => {
    const topic = `t.${name}.poll`;
    const polled = ask(path(), '/v1/recv', { topic, wait_ms: 20_000 });
    await until(async () => (await metric('long_polls')) === 1);
    expect((await send(path(), topic, 'a')).status).toBe(200);
    expect(JSON.parse((await polled).text).messages).toHaveLength(1);
    const empty = await ask(path(), '/v1/recv', { topic, wait_ms: 300 });
    expect([empty.status, JSON.parse(empty.text).messages]).toEqual([200, []]);
  });

  it('long poll: its client goes away, and the next one gets the message (U4, LE7)', async () => {
    const topic = `t.${name}.gone`;
    const socket = connect({ path: path() }, () => socket.write(bytesOf('/v1/recv', { topic, wait_ms: 20_000 })));
    await until(async () => (await metric('long_polls')) === 1);
    socket.destroy();
    await until(async () => (await metric('long_polls')) === 0);
    await send(path(), topic, 'a');
    const { text } = await ask(path(), '/v1/recv', { topic, wait_ms: 5_000 });
    expect(JSON.parse(text).messages).toMatchObject([{ attempt: 1 }]);
  });

  it('stream: each line as it comes, heartbeats between them; its end is the end of the stream (U4)', async () => {
    const topic = `t.${name}.stream`;
    const reader = new LineReader({ path: path() }, bytesOf('/v1/recv/stream', { topic, visibility_ms: 60_000 }));
    for (const key of ['a', 'b', 'c']) {
      await send(path(), topic, key);
      await reader.atLeast(['a', 'b', 'c'].indexOf(key) + 1);
    }
    await until(() => reader.lines.includes(''));
    expect(await metric('streams')).toBe(1);
    reader.socket.destroy();
    await until(async () => (await metric('streams')) === 0);
  });
});

/** A cell of the page, as what may come back. */
const MAY_BE: Readonly<Record<string, readonly string[]>> = {
  answered: ['200'],
  none: ['none'],
  'answered, or none': ['200', 'none'],
  'answered, or 400': ['200', '400'],
  '400, or none': ['400', 'none'],
};

describe('half-closed clients, as docs/proxies.md says (U4)', () => {
  const rows = PAGE.split('\n').map((row) => row.split('|').map((cell) => cell.trim()));
  it.each(['directly', 'through nginx', 'through haproxy'] as const)('%s', async (way) => {
    const [, , plainCell = '', pollCell = ''] = rows.find(([, cell]) => cell === way) ?? [];
    const proxy = way === 'through nginx' ? proxies.nginx : way === 'through haproxy' ? proxies.haproxy : null;
    const where = proxy ? { path: proxy.socketPath } : { host: target.host, port: target.port };
    const message = { topic: `t.half.${way.replace(' ', '.')}`, idem_key: 'k', payload_b64: '' };
    const plain = bytesOf('/v1/send', message, '1.1', 'Connection: close\r\n');
    const poll = bytesOf('/v1/recv', { topic: 't.half.empty', wait_ms: 1_000 }, '1.1', 'Connection: close\r\n');
    expect(MAY_BE[plainCell], plainCell).toContain(statusOf(await exchange(where, plain, true)));
    expect(MAY_BE[pollCell], pollCell).toContain(statusOf(await exchange(where, poll, true)));
    await until(async () => (await metric('long_polls')) === 0);
    // Whoever got no answer sends it again: it is there once.
    const again = JSON.stringify(await target.ask('POST', '/v1/send', cap, message));
    expect(again).toMatch(/"status":(200|409)/);
  });
});

describe('HTTP/1.0, as docs/proxies.md says (U4)', () => {
  it.each([
    ['nginx', '200'],
    ['haproxy', '400'],
  ] as const)('a client of it through %s gets %s', async (name, status) => {
    const bytes = bytesOf('/v1/send', { topic: `t.${name}.old`, idem_key: 'k', payload_b64: '' }, '1.0');
    const answer = await exchange({ path: (proxies[name] as RealProxy).socketPath }, bytes, false);
    expect([statusOf(answer), answer]).toEqual([
      status,
      expect.stringContaining(status === '200' ? '"msg_id"' : 'must be 1.1'),
    ]);
  });

  it('as an upstream every request is refused with 400, in words that say why, and the connection is closed', async () => {
    const proxy = await RealProxy.nginx(join(folder, 'old'), target.port, ['proxy_http_version 1.0;']);
    const { status, text } = await ask(proxy.socketPath, '/v1/send', { topic: 't', idem_key: 'k', payload_b64: '' });
    expect(status).toBe(400);
    const [, quoted = 'none'] = /HTTP\/1\.0 gets `(\{[^`]*\})`/.exec(PAGE) ?? [];
    const { corr_id: _, ...answer } = JSON.parse(text);
    expect(answer).toEqual(JSON.parse(quoted));
    await proxy.stop();
  });
});
