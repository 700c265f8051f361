import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { serve } from '../support/process.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ console_bind: '127.0.0.1:0' });
});
afterAll(() => server.stop());

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(server.consoleUrl + path, { redirect: 'manual', ...init });

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** On a connection of its own, as the bytes are: `fetch` would tidy the path. */
function raw(target: string, method = 'GET'): Promise<string> {
  const { hostname, port } = new URL(server.consoleUrl);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () =>
      socket.write(`${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 'latin1'),
    );
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

describe('console listener', () => {
  it('serves the page and what belongs to it, under 200 kB together, with a strict policy (U2)', async () => {
    let bytes = 0;
    for (const [path, type] of [
      ['/', 'text/html; charset=utf-8'],
      ['/index.html', 'text/html; charset=utf-8'],
      ['/main.js', 'text/javascript; charset=utf-8'],
      ['/main.css', 'text/css; charset=utf-8'],
      ['/icon.svg', 'image/svg+xml'],
    ] as const) {
      const response = await ask(path);
      expect([path, response.status, response.headers.get('content-type')]).toEqual([path, 200, type]);
      const policy = response.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(Object.fromEntries(response.headers)).toMatchObject(HEADERS);
      expect(response.headers.get('set-cookie')).toBeNull();
      const text = await response.text();
      if (path !== '/index.html') bytes += text.length;
      // Everything comes from here, and nothing is written into the page.
      if (path === '/') expect(text).not.toMatch(/<script(?! src="\/)|<style|style=|https?:|\/\//);
    }
    expect(bytes).toBeLessThan(200_000);
  });

  it('HEAD has the length and no body; a query says nothing to a file', async () => {
    const whole = await (await ask('/main.js')).text();
    const head = await ask('/main.js', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(Buffer.byteLength(whole))]);
    expect(await head.text()).toBe('');
    expect(await (await ask('/main.js?v=1')).text()).toBe(whole);
  });

  it('other methods of a file are refused, with what it takes', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const response = await ask('/main.js', { method });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      expect(((await response.json()) as { code: string }).code).toBe('E_METHOD');
    }
    expect(await raw('/', 'TRACE')).toMatch(/^HTTP\/1\.1 405 /);
  });

  it('nothing but these files can be reached: no path leads anywhere else', async () => {
    for (const target of [
      ...['/../package.json', '/./main.js', '//main.js', '/main.js/', '/%6dain.js', '/MAIN.JS', '/.build.json'],
      ...['/%2e%2e/package.json', '/..%2fmailbox.js', '/console/main.js', '/main.js%00', '/main.js.map', '/assets'],
      ...['/__proto__', '/constructor', `/${'a'.repeat(4000)}`],
    ]) {
      expect([target, (await raw(target)).slice(0, 12)]).toEqual([target, 'HTTP/1.1 404']);
    }
    expect(await raw('http://elsewhere/main.js')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('the interface is there too, under the same capabilities, and no other origin is let in (S2)', async () => {
    const without = await ask('/v1/topics', { headers: { origin: 'http://evil.example' } });
    expect(without.status).toBe(401);
    expect(without.headers.get('access-control-allow-origin')).toBeNull();
    expect(Object.fromEntries(without.headers)).toMatchObject(HEADERS);
    const authorization = `Bearer ${server.cap('topic prefix t', 'op = view,stats')}`;
    const topics = await ask('/v1/topics', { headers: { authorization } });
    expect([topics.status, await topics.json()]).toEqual([200, { topics: [], next: null }]);
    const preflight = await ask('/v1/topics', { method: 'OPTIONS', headers: { origin: 'http://evil.example' } });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([405, null]);
    // The interface itself serves no page.
    expect((await fetch(`${server.url}/`)).status).toBe(404);
    expect((await fetch(`${server.url}/main.js`)).status).toBe(404);
  });

  it('off in one flag, where it is told; the address is logged as `console` (U2)', async () => {
    expect(loadConfig({}, {}).settings.console_bind).toEqual({ host: '127.0.0.1', port: 9411 });
    expect(loadConfig({ console_bind: 'none' }, {}).settings.console_bind).toBe('none');
    expect(() => loadConfig({ console_bind: 'nowhere' }, {})).toThrow('must be host:port, or none');
    const off = serve('--console-bind', 'none');
    expect(await off.logged('server.ready')).not.toHaveProperty('console');
    off.child.kill('SIGTERM');
    const on = serve('--console-bind', '127.0.0.1:0');
    const { console: address } = await on.logged('server.ready');
    expect((await fetch(`http://${address}/`)).status).toBe(200);
    on.child.kill('SIGTERM');
    expect([(await off.finished).code, (await on.finished).code]).toEqual([0, 0]);
  });
});
