import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestCertificate } from '../support/certificates.ts';
import { type MailboxProcess, run, serve } from '../support/process.ts';

let folder = '';
const started: MailboxProcess[] = [];
const begin = (...args: string[]): MailboxProcess => {
  const process = serve(...args);
  started.push(process);
  return process;
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'serve-'));
});
afterEach(() => {
  for (const process of started.splice(0)) process.child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('serve', () => {
  it('development: the printed lines work when they are pasted, twice', async () => {
    const server = begin();
    await server.logged('server.ready');
    await server.until(() => server.err.endsWith('\n\n'));
    const session = server.err.slice(server.err.indexOf('export '));
    const paste = () => spawnSync('sh', ['-c', session], { encoding: 'utf8' }).stdout.trim().split('\n');
    expect(paste()).toEqual([
      expect.stringContaining('"duplicate":false'),
      expect.stringContaining('"E_DUPLICATE"'),
      expect.stringMatching(/"payload_b64":"aGVsbG8=".*"attempt":1/),
      '{"ok":true,"state":"redelivered"}',
      expect.stringContaining('"E_LEASE_LOST"'),
      expect.stringContaining('"attempt":2'),
      '{"ok":true}',
    ]);
    expect(paste().slice(0, 3)).toEqual([
      expect.stringContaining('"E_DUPLICATE"'),
      expect.stringContaining('"E_DUPLICATE"'),
      '{"messages":[]}',
    ]);
    const capability = /MAILBOX_CAP=(\S+)/.exec(server.err)?.[1] as string;
    expect(server.out).not.toContain(capability.slice(0, 40));
  });

  it('development over TLS: https, and the certificate to trust; the same lines work (S1)', async () => {
    const certificate = await TestCertificate.make();
    const server = begin('--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile);
    const { http } = await server.logged('server.ready');
    await server.until(() => server.err.endsWith('\n\n'));
    const session = server.err.slice(server.err.indexOf('export '));
    expect(session).toContain(`export MAILBOX_URL=https://${http} MAILBOX_CA=${certificate.certFile} MAILBOX_CAP=`);
    const { stdout, stderr } = spawnSync('sh', ['-c', session], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n').slice(0, 3)).toEqual([
      expect.stringContaining('"duplicate":false'),
      expect.stringContaining('"E_DUPLICATE"'),
      expect.stringMatching(/"payload_b64":"aGVsbG8=".*"attempt":1/),
    ]);
    certificate.remove();
  });

  it('SIGTERM: not ready, long polls answered, exit 0 (B6, graceful shutdown)', async () => {
    const server = begin();
    const { http } = await server.logged('server.ready');
    await server.until(() => server.err.includes('MAILBOX_CAP='));
    const capability = /MAILBOX_CAP=(\S+)/.exec(server.err)?.[1] as string;
    const headers = { authorization: `Bearer ${capability}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ topic: 'demo', wait_ms: 20_000 });
    const sent = JSON.stringify({ topic: 'demo', idem_key: 'k', payload_b64: '' });
    expect((await fetch(`http://${http}/v1/send`, { method: 'POST', headers, body: sent })).status).toBe(200);
    await fetch(`http://${http}/v1/recv`, { method: 'POST', headers, body });
    const waiting = fetch(`http://${http}/v1/recv`, { method: 'POST', headers, body });
    const metrics = (await server.logged('server.ready'))['metrics'];
    for (let polls = ''; polls !== 'long_polls 1'; ) {
      polls = /^long_polls \d+$/m.exec(await (await fetch(`http://${metrics}/metrics`)).text())?.[0] ?? '';
    }
    server.child.kill('SIGTERM');
    const answer = await waiting;
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
    const { code, out } = await server.finished;
    expect(code).toBe(0);
    expect(out).toMatch(/server\.draining[\s\S]*server\.stopped/);
    await expect(fetch(`http://${http}/healthz`)).rejects.toThrow();
  });

  it('configuration: misspelt flags, variables and keys refuse the start with the nearest name (T4)', async () => {
    const file = join(folder, 'mailbox.toml');
    writeFileSync(file, 'max_atempts = 3\n');
    const cases: [string[], Record<string, string>, string][] = [
      [['serve', '--shard-capacty', '5'], {}, '--shard-capacity'],
      [['serve'], { MAILBOX_SHARD_CAPACTY: '5' }, 'did you mean MAILBOX_SHARD_CAPACITY?'],
      [['serve', '--config', file], {}, `did you mean max_attempts?`],
      [['serve', '--max-attempts', '0'], {}, '--max-attempts "0": must be a whole number 1..1000'],
      [['serve', '--bind', 'here'], {}, '--bind "here": must be host:port'],
      [['serve', '--metrics', 'here'], {}, '"here": must be host:port'],
      [['serve', '--metrics', ':1', '--metrics-bind', ':2'], {}, 'cannot be used with'],
      [['serve', '--config', join(folder, 'none')], {}, 'ENOENT'],
      [['serve', '--keyring', join(folder, 'none')], {}, 'ENOENT'],
    ];
    const finished = await Promise.all(cases.map(([args, env]) => run(args, env)));
    for (const [i, { code, err }] of finished.entries()) {
      expect([code, err], cases[i]?.[0].join(' ')).toEqual([2, expect.stringContaining(cases[i]?.[2] as string)]);
    }
  });

  it('a port in use: one line and exit 1', async () => {
    const server = begin();
    const { http } = await server.logged('server.ready');
    const { code, err } = await begin('--bind', http as string).finished;
    expect([code, err]).toEqual([1, expect.stringContaining('EADDRINUSE')]);
  });
});
