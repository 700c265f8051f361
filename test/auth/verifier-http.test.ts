import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Verdict } from '../../src/auth/remote.ts';
import { loadConfig } from '../../src/config/load.ts';
import { askOverHttp } from '../../src/verifier/http.ts';

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
});

async function ask(listener: RequestListener, timeoutMs = 2_000): Promise<Verdict> {
  const listening = createServer(listener);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const url = new URL(`http://127.0.0.1:${(listening.address() as AddressInfo).port}/verify`);
  return new Promise((resolve) => askOverHttp(url, timeoutMs)('token', resolve));
}

describe('verifier over HTTP', () => {
  it('question and answer: as documented (B8)', async () => {
    let seen = '';
    const verdict = await ask((req, res) => {
      req.on('data', (chunk) => {
        seen += chunk;
      });
      req.on('end', () => res.end('{"valid":true,"ttl_ms":1500}'));
    });
    expect([verdict, seen]).toEqual([{ valid: true, ttlMs: 1500 }, '{"capability":"token"}']);
    expect(await ask((_req, res) => res.end('{"valid":false}'))).toEqual({ valid: false });
  });

  it.each<[string, RequestListener]>([
    ['another status', (_req, res) => res.writeHead(201).end('{"valid":true}')],
    ['an error', (_req, res) => res.writeHead(500).end('{"valid":true}')],
    ['a redirect', (_req, res) => res.writeHead(307, { location: 'http://127.0.0.1:1/' }).end('{"valid":true}')],
    ['no JSON', (_req, res) => res.end('valid')],
    ['no object', (_req, res) => res.end('[true]')],
    ['text for truth', (_req, res) => res.end('{"valid":"true"}')],
    ['a field too many', (_req, res) => res.end('{"valid":true,"admin":true}')],
    ['a negative life', (_req, res) => res.end('{"valid":true,"ttl_ms":-1}')],
    ['half an answer', (_req, res) => res.writeHead(200, { 'content-length': 99 }).end('{"valid":true}')],
    ['a broken connection', (req) => req.socket.destroy()],
    ['an endless answer', (_req, res) => res.end(`{"valid":true,"x":"${'x'.repeat(10_000)}"}`)],
  ])('%s: is no answer (fails closed)', async (_name, listener) => {
    expect(await ask(listener)).toBeNull();
  });

  it('silence and dripping: cut at an absolute deadline', async () => {
    expect(await ask(() => {}, 50)).toBeNull();
    let dripping: NodeJS.Timeout | undefined;
    const drip: RequestListener = (_req, res) => {
      res.writeHead(200);
      dripping = setInterval(() => res.write(' '), 10);
    };
    expect(await ask(drip, 100)).toBeNull();
    clearInterval(dripping);
  });

  it.each([
    ['http://verifier.example/', false],
    ['http://127.0.0.1.example.com/', false],
    ['ftp://127.0.0.1/', false],
    ['https://user:secret@verifier.example/', false],
    ['https://verifier.example/v', true],
    ['http://127.0.0.1:9000/', true],
    ['http://[::1]:9000/', true],
    ['http://localhost:9000/v', true],
  ])('url: %s accepted: %s (plain HTTP only within this machine)', (url, accepted) => {
    const load = () => loadConfig({ verifier_url: url }, {});
    if (accepted) expect(load().settings.verifier_url?.href).toBe(url);
    else expect(load).toThrow(/verifier-url: must be an https URL/);
  });

  it('a keyring beside a verifier: refused, one of them holds the keys', () => {
    expect(() => loadConfig({ verifier_url: 'https://v.example/', keyring: 'k.json' }, {})).toThrow(/one of the two/);
  });
});
