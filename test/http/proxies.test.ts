import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needProgram, RealProxy } from '../support/proxies.ts';
import { Target } from '../support/target.ts';

const TRIES = 30;
const LONG = Buffer.alloc(4_000_000, 'A');
const folder = mkdtempSync(join(tmpdir(), 'proxies-'));
let target: Target;
let cap = '';
beforeAll(async () => {
  needProgram('nginx', '-v');
  needProgram('haproxy', '-v');
  target = await Target.start({ auth_failure_burst: '1000000' });
  cap = target.cap('topic prefix t.', 'op = send');
});
afterAll(async () => {
  await target?.stop();
  rmSync(folder, { recursive: true });
});

/** One request on a connection of its own to the proxy: its status, or what the connection failed with. */
const ask = (proxy: RealProxy, token: string, body: Buffer | string): Promise<string> =>
  new Promise((resolve) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const asked = request({ socketPath: proxy.socketPath, path: '/v1/send', method: 'POST', agent: false, headers });
    asked.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(`${response.statusCode}`));
      response.on('error', (error) => resolve(error.message));
    });
    asked.on('error', (error) => resolve(error.message));
    asked.setHeader('content-length', body.length);
    asked.end(body);
  });

/** What the page tells operators to write. */
const PAGE = readFileSync('docs/proxies.md', 'utf8');
const [, SHOWN_NGINX = ''] = /```nginx\n([\s\S]*?)```/.exec(PAGE) ?? [];
const [, SHOWN_HAPROXY = ''] = /```haproxy\n([\s\S]*?)```/.exec(PAGE) ?? [];

const HTTP_1_1 = ['proxy_http_version 1.1;', 'proxy_set_header Connection "";'];
const PROXIES = {
  'nginx as in docs/proxies.md': (at: string, port: number) => RealProxy.nginxOf(at, port, SHOWN_NGINX),
  'haproxy as in docs/proxies.md': (at: string, port: number) => RealProxy.haproxyOf(at, port, SHOWN_HAPROXY),
  'nginx, HTTP/1.1': (at: string, port: number) => RealProxy.nginx(at, port, HTTP_1_1),
  'haproxy that shares connections': (at: string, port: number) => RealProxy.haproxy(at, port, ['http-reuse always']),
  'haproxy that waits for the whole request': (at: string, port: number) =>
    RealProxy.haproxy(at, port, ['option http-buffer-request']),
} as const;

let proxies = 0;
/** Refusals, each with an honest request behind it: how many of which answer there were. */
async function refusals(
  start: (at: string, port: number) => Promise<RealProxy>,
  token: string,
  body: Buffer,
): Promise<Record<string, number>> {
  const proxy = await start(join(folder, `${++proxies}`), target.port);
  const found: Record<string, number> = {};
  const count = (what: string): void => {
    found[what] = (found[what] ?? 0) + 1;
  };
  for (let i = 0; i < TRIES; i++) {
    count(await ask(proxy, token, body));
    const honest = JSON.stringify({ topic: 't.a', idem_key: `${proxies}-${i}`, payload_b64: '' });
    count(`then ${await ask(proxy, cap, honest)}`);
  }
  await proxy.stop();
  return found;
}

describe('refusals behind real proxies (wire: Errors)', () => {
  it('the page has a configuration of each', () => {
    expect(SHOWN_NGINX).toContain('proxy_http_version 1.1;');
    expect(SHOWN_HAPROXY).toContain('option http-keep-alive');
  });

  describe.each(Object.keys(PROXIES) as (keyof typeof PROXIES)[])('%s', (name) => {
    it.each([900_000, LONG.length])('401 of %d bytes: none of 30 is lost', async (bytes) => {
      const found = await refusals(PROXIES[name], `${cap.slice(0, -8)}AAAAAAAA`, LONG.subarray(0, bytes));
      expect(found).toEqual({ 401: TRIES, 'then 200': TRIES });
    });

    it('413 of 4 MB: none of 30 is lost', async () => {
      expect(await refusals(PROXIES[name], cap, LONG)).toEqual({ 413: TRIES, 'then 200': TRIES });
    });
  });

  it.each([900_000, LONG.length])(
    'nginx that speaks HTTP/1.0: each request of %d bytes is told that 1.1 is needed',
    async (bytes) => {
      const start = (at: string, port: number) => RealProxy.nginx(at, port, ['proxy_http_version 1.0;']);
      expect(await refusals(start, cap, LONG.subarray(0, bytes))).toEqual({ 400: TRIES, 'then 400': TRIES });
    },
  );
});
