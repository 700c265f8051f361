import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCertificate } from '../support/certificates.ts';
import { MailboxProcess, run } from '../support/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'cli-wire-'));
const keyring = join(folder, 'keyring.json');
const config = join(folder, 'mailbox.toml');
const socket = join(folder, 'run', 'socket');
let certificate: TestCertificate;
let server: MailboxProcess;
let http = '';
let cap = '';
const writeConfig = (more: string): void =>
  writeFileSync(
    config,
    `keyring = "${keyring}"\ntls_cert = "${certificate.certFile}"\ntls_key = "${certificate.keyFile}"\nuds = "${socket}"\n${more}`,
  );
const mailbox = (...args: string[]) => run(args, { MAILBOX_URL: `unix:${socket}`, MAILBOX_CAP: cap });
const good = async (...args: string[]): Promise<string> => {
  const { code, out, err } = await mailbox(...args);
  if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code}: ${err}`);
  return out.trim();
};

beforeAll(async () => {
  mkdirSync(join(folder, 'run'), { mode: 0o700 });
  certificate = await TestCertificate.make();
  await run(['keyring', 'init', keyring]);
  const minted = await run([
    'cap',
    'mint',
    '--keyring',
    keyring,
    '--topic',
    'a',
    '--op',
    'send,recv,ack,stats',
    '--expires',
    '1h',
    '--quota-ops',
    '1000/1',
  ]);
  cap = minted.out.trim();
  writeConfig('');
  server = new MailboxProcess(['serve', '--config', config, '--bind', '127.0.0.1:0', '--metrics-bind', '127.0.0.1:0']);
  http = (await server.logged('server.ready'))['http'] as string;
});
afterAll(async () => {
  server.child.kill('SIGTERM');
  expect((await server.finished).code).toBe(0);
  certificate.remove();
  rmSync(folder, { recursive: true });
});

describe('commands over the whole wire', () => {
  it('send --lines in batches, a large file in a frame, recv --stream: through the Unix socket', async () => {
    const lines = join(folder, 'lines');
    writeFileSync(lines, Array.from({ length: 300 }, (_, i) => `line ${i}\n`).join(''));
    expect((await good('send', 'a', '--lines', lines, '--idem-key', 'l')).split('\n')).toHaveLength(300);
    const again = await good('send', 'a', '--lines', lines, '--idem-key', 'l');
    expect(again.match(/duplicate: sent before/g)).toHaveLength(300);
    const large = join(folder, 'large');
    writeFileSync(large, 'x'.repeat(900_000));
    await good('send', 'a', '--file', large);
    const out = await good('recv', 'a', '--stream', '--max', '301', '--credit', '64', '--ack', '--json');
    const envelopes = out.split('\n').map((line) => JSON.parse(line));
    expect(envelopes).toHaveLength(301);
    expect(Buffer.from(envelopes[299].payload_b64, 'base64').toString()).toBe('line 299');
    expect(await good('recv', 'a', '--stream', '--wait', '50ms')).toBe('');
    expect(await good('stats', 'a')).toMatch(/depth +0/);
  });

  it('TLS with a CA file; without it the server is not trusted (S1)', async () => {
    const url = ['--url', `https://${http}`];
    expect(await good('stats', 'a', ...url, '--ca', certificate.certFile)).toMatch(/depth/);
    const { code, err } = await mailbox('stats', 'a', ...url);
    expect([code, err]).toEqual([1, expect.stringMatching(/^E_UNREACHABLE: .*SELF_SIGNED/)]);
    const usage = await mailbox('stats', 'a', ...url, '--ca', join(folder, 'none'));
    expect([usage.code, usage.err]).toEqual([2, expect.stringContaining('ENOENT')]);
    expect((await mailbox('recv', 'a', '--max', '257')).code).toBe(2);
    expect((await mailbox('send', 'a', 'x', '--lines', 'y')).code).toBe(2);
    expect((await mailbox('stats', 'a', '--url', 'ftp://x')).code).toBe(2);
  });

  it('SIGHUP: takes over what can change, names what waits, and on a mistake changes nothing (K1)', async () => {
    const reloaded = (event: string, count: number) => async () => {
      await server.until(() => server.out.split(`"event":"${event}"`).length > count);
      return JSON.parse(server.out.split('\n').findLast((line) => line.includes(`"event":"${event}"`)) as string);
    };
    writeConfig('max_attempts = 9\nready_shards = 3\n');
    server.child.kill('SIGHUP');
    expect(await reloaded('config.reloaded', 1)()).toMatchObject({
      changed: ['max_attempts: 5 -> 9'],
      restart_needed: ['ready_shards: 8 -> 3'],
    });
    writeConfig('max_attempts = 7\nno_such = 1\n');
    server.child.kill('SIGHUP');
    expect((await reloaded('config.reload_failed', 1)()).reason).toContain('no_such: no such setting');
    writeFileSync(keyring, '{}');
    writeConfig('max_attempts = 7\n');
    server.child.kill('SIGHUP');
    expect((await reloaded('config.reload_failed', 2)()).reason).toContain('keyring: version');
    // The keyring of before is still in force.
    expect(await good('stats', 'a')).toMatch(/depth/);
    await run(['keyring', 'init', `${keyring}.new`]);
    writeConfig('max_attempts = 8\nlog_level = "warn"\n'.replace('max', 'max'));
    const { renameSync } = await import('node:fs');
    renameSync(`${keyring}.new`, keyring);
    server.child.kill('SIGHUP');
    // A keyring without the key: what it signed is no capability any more.
    await expect.poll(async () => (await mailbox('stats', 'a')).err).toContain('E_CAP_AUTH');
  });
});
