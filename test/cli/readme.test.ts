import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MailboxProcess } from '../support/process.ts';

const README = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8');
const [, SECTION = ''] = README.split('## Over TLS, a Unix socket, compressed');
const [SETUP = '', SESSION = ''] = [...SECTION.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] as string);
const [, SHOWN = ''] = /```console\n([\s\S]*?)```/.exec(SECTION) ?? [];

let folder = '';
let server: MailboxProcess | null = null;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'readme-'));
});
afterAll(async () => {
  server?.child.kill('SIGTERM');
  await server?.finished;
  rmSync(folder, { recursive: true });
});

const shell = (script: string, env: Record<string, string> = {}): string =>
  spawnSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8', env: { ...process.env, ...env } }).stdout;

/** A line of output without what differs each time. */
const pattern = (line: string): RegExp =>
  new RegExp(
    `^${line
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replace(/[0-9A-Za-z-]*\\\.\\\./g, '.*')
      .replace(/01[0-9A-Z]{24}/g, '[0-9A-Z]{26}')}$`,
  );

describe('README', () => {
  it('over TLS, a Unix socket, compressed: the session works as printed (S1, S4, D3, K1)', async () => {
    const start = SETUP.split('\n').find((line) => line.startsWith('npm start -- ')) as string;
    shell(SETUP.replace(start, ''));
    // The same flags, on ports of its own, with paths where the shell stands.
    const flags = start.slice('npm start -- '.length).split(' ');
    const paths = flags.map((flag) => (flag.startsWith('--') ? flag : join(folder, flag)));
    const own = ['--bind', '127.0.0.1:0', '--metrics-bind', '127.0.0.1:0', '--data', join(folder, 'data')];
    server = new MailboxProcess(['serve', ...paths, ...own]);
    const { http } = await server.logged('server.ready');
    await server.until(() => /MAILBOX_CAP=\S+/.test(server?.err ?? ''));
    const [, cap = ''] = /MAILBOX_CAP='?([\w-]+)/.exec(server.err) ?? [];
    const answered = shell(SESSION.replaceAll('9410', (http as string).split(':')[1] as string), { MAILBOX_CAP: cap });
    const lines = answered
      .replaceAll('\r', '')
      .split('\n')
      .filter((line) => line !== '');
    for (const line of SHOWN.split('\n').filter((text) => text !== '' && text !== '..')) {
      expect(lines, line).toContainEqual(expect.stringMatching(pattern(line)));
    }
  });
});
