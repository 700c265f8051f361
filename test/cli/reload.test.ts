import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { writeKeyringFile } from '../../src/auth/keyring-file.ts';
import { TestCertificate } from '../support/certificates.ts';
import { type MailboxProcess, serve } from '../support/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'reload-'));
const file = (name: string): string => join(folder, name);
let certificate: TestCertificate;
let server: MailboxProcess;
let http = '';

/** What the settings name, all of it right. */
async function good(more = ''): Promise<void> {
  for (const name of ['mailbox.toml', 'keyring.json', 'signing.pem', 'cert.pem', 'key.pem'])
    rmSync(file(name), { recursive: true, force: true });
  writeKeyringFile(file('keyring.json'), new Keyring([freshKey('k1', Date.now())]), true);
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  writeFileSync(file('signing.pem'), pem, { mode: 0o600 });
  copyFileSync(certificate.certFile, file('cert.pem'));
  copyFileSync(certificate.keyFile, file('key.pem'));
  const paths = Object.entries({
    keyring: 'keyring.json',
    signing_key: 'signing.pem',
    tls_cert: 'cert.pem',
    tls_key: 'key.pem',
  });
  const lines = paths.map(([name, at]) => `${name} = "${file(at)}"`);
  writeFileSync(file('mailbox.toml'), `${lines.join('\n')}\nmax_attempts = 4\n${more}`);
}

beforeAll(async () => {
  certificate = await TestCertificate.make('first');
  await good();
  server = serve('--config', file('mailbox.toml'));
  http = (await server.logged('server.ready'))['http'] as string;
});
afterAll(async () => {
  await server.crash();
  certificate.remove();
  rmSync(folder, { recursive: true });
});

const told = (): Record<string, unknown>[] =>
  server.out
    .split('\n')
    .filter((line) => line.includes('"event":"config.reload') && line.endsWith('}'))
    .map((line) => JSON.parse(line));
/** The line that a reload comes to. */
async function reload(): Promise<Record<string, unknown>> {
  const before = told().length;
  server.child.kill('SIGHUP');
  await server.until(() => told().length > before);
  return told()[before] as Record<string, unknown>;
}
/** Whose certificate the server shows. */
const subject = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const [host, port] = http.split(':') as [string, string];
    const req = request({ host, port, path: '/healthz', rejectUnauthorized: false, agent: false }, (res) => {
      resolve((res.socket as import('node:tls').TLSSocket).getPeerCertificate().subject.CN as string);
      res.resume();
    });
    req.on('error', reject);
    req.end();
  });

const fifo = (name: string) => () => {
  rmSync(file(name));
  expect(spawnSync('mkfifo', [file(name)]).status).toBe(0);
};
const directory = (name: string) => () => {
  rmSync(file(name));
  mkdirSync(file(name));
};
const write = (name: string, text: string | Buffer) => () => writeFileSync(file(name), text, { mode: 0o600 });
const pem = (): string => certificate.cert;

describe('reload', () => {
  const mistakes: [string, () => void, RegExp][] = [
    ['no configuration', () => rmSync(file('mailbox.toml')), /mailbox\.toml: no such file \(ENOENT\)/],
    ['a FIFO for it', fifo('mailbox.toml'), /mailbox\.toml: not a regular file, but a FIFO/],
    ['a directory for it', directory('mailbox.toml'), /mailbox\.toml: not a regular file, but a directory/],
    ['no TOML', write('mailbox.toml', 'max_attempts = = 3'), /mailbox\.toml: /],
    ['an unknown key', write('mailbox.toml', 'max_atempts = 3'), /max_atempts: no such setting/],
    ['a keyring that is none', write('keyring.json', '{'), /keyring: not JSON/],
    ['a keyring that others may read', () => chmodSync(file('keyring.json'), 0o640), /keyring .*must be 0600/],
    ['a FIFO for a keyring', fifo('keyring.json'), /keyring .*: not a regular file, but a FIFO/],
    ['no keyring', () => rmSync(file('keyring.json')), /keyring .*ENOENT/],
    ['a signing key that is none', write('signing.pem', 'x'), /signing_key .*signing\.pem: /],
    ['a FIFO for a signing key', fifo('signing.pem'), /signing_key .*: not a regular file, but a FIFO/],
    ['a FIFO for a certificate', fifo('cert.pem'), /tls_cert .*: not a regular file, but a FIFO/],
    ['a FIFO for its key', fifo('key.pem'), /tls_key .*: not a regular file, but a FIFO/],
    [
      'a certificate in DER',
      () => write('cert.pem', Buffer.from(pem().replace(/-----.*-----|\s/g, ''), 'base64'))(),
      /tls_cert: no PEM certificate/,
    ],
    [
      'half of a second certificate',
      () => write('cert.pem', pem() + pem().slice(0, 300))(),
      /tls_cert: certificate 2 of 2 is cut off/,
    ],
    [
      'a key of another certificate',
      write(
        'key.pem',
        generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
          type: 'pkcs8',
          format: 'pem',
        }) as string,
      ),
      /tls_key: does not belong to tls_cert/,
    ],
  ];

  it('whatever it meets, the server goes on as it was, and one line says why (K1, K2, K3, I3, P3)', async () => {
    await certificate.renew('second');
    for (const [name, spoil, says] of mistakes) {
      // All that is right beside the mistake is not taken over either.
      await good('max_redrives = 9\nlog_level = "error"\n');
      spoil();
      const line = await reload();
      expect([line['event'], line['reason']], name).toEqual(['config.reload_failed', expect.stringMatching(says)]);
      expect(await subject(), name).toBe('first');
    }
    await good('max_redrives = 9\n');
    const line = await reload();
    expect([line['event'], line['changed']]).toEqual(['config.reloaded', ['max_redrives: 5 -> 9']]);
    expect(await subject()).toBe('second');
    expect(told().filter(({ event }) => event === 'config.reload_failed')).toHaveLength(mistakes.length);
    expect(server.child.exitCode).toBeNull();
  });

  it('asked many times at once: done again, and never two at a time (K1)', async () => {
    await good('max_redrives = 11\n');
    const before = told().length;
    for (let i = 0; i < 20; i++) server.child.kill('SIGHUP');
    const last = () => told().at(-1)?.['changed'];
    await server.until(() => told().length > before && Array.isArray(last()));
    expect(
      told()
        .slice(before)
        .every(({ event }) => event === 'config.reloaded'),
    ).toBe(true);
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
  });
});
