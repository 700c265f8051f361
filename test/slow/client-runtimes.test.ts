import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUN, NODES, programOf } from '../../tools/runtimes.ts';
import { TestServer } from '../support/server.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

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
  for (const runtime of [...NODES, BUN]) {
    it(`${runtime.name} ${runtime.version} (U1)`, async () => {
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
