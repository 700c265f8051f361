import { execFile } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DurableServer } from '../support/durable.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const server = new DurableServer();
const copy = join(server.folder, 'checkout');
const dist = (file: string): string => join(copy, 'dist', file);
const build = () => run('npm', ['run', '--silent', 'build'], { cwd: copy });
const change = (file: string, text = '\n// changed\n'): void => appendFileSync(join(copy, file), text);
const version = async () => (await run(process.execPath, [dist('mailbox.js'), '--version'])).stdout;

beforeAll(async () => {
  for (const name of ['src', 'spec', 'sim', 'tools', 'package.json', 'package-lock.json', '.npmrc']) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  await build();
  // The program of the copy instead of this one's.
  server.under = ['sh', '-c', `shift 2; exec "${process.execPath}" "${dist('mailbox.js')}" "$@"`, 'sh'];
});
afterAll(() => server.end());

describe('build', () => {
  it('nothing is written when no source has changed; what is missing or changed is made again', async () => {
    const before = readdirSync(join(copy, 'dist')).map((file) => [file, statSync(dist(file)).mtimeMs]);
    await build();
    expect(readdirSync(join(copy, 'dist')).map((file) => [file, statSync(dist(file)).mtimeMs])).toEqual(before);
    const programs = () => ['journal-worker.js', 'shard-worker.js'].map((file) => readFileSync(dist(file)));
    const built = programs();
    rmSync(dist('journal-worker.js'));
    appendFileSync(dist('shard-worker.js'), '// changed');
    await build();
    for (const [i, bytes] of programs().entries()) expect(bytes.equals(built[i] as Buffer)).toBe(true);
  });

  it('beside a running server: new builds, two at once, and even their removal are nothing to it (people.md, Operations)', async () => {
    await server.start();
    // A build of other sources, by two who do not know of each other; whoever calls the program meanwhile gets an answer.
    change('src/journal/layout.ts', '\nexport const CHANGED = 1;\n');
    change('src/cli/mailbox.ts');
    const old = readdirSync(join(copy, 'dist'));
    let calls = 0;
    const building = Promise.all([build(), build()]).then(() => calls++);
    while (calls === 0) expect(await version()).toMatch(/^\d/);
    await building;
    expect(await version()).toMatch(/^\d/);
    // What somebody may be about to load stays for a while.
    for (const file of old.filter((name) => name.endsWith('.js'))) expect(existsSync(dist(file)), file).toBe(true);

    rmSync(join(copy, 'dist'), { recursive: true });
    rmSync(join(copy, 'node_modules'));
    const cap = server.cap('topic = t', 'op = send,recv,ack').token;
    const payload_b64 = Buffer.alloc(60_000, 7).toString('base64');
    const post = (path: string, body: object) => server.caller.post(path, cap, body);
    const isDone = (): boolean => /journal\.snapshot/.test(server.process.out);
    for (let i = 0; i < 2_000 && !isDone(); i++) {
      expect((await post('/v1/send', { topic: 't', idem_key: `${i}`, payload_b64 })).status).toBe(200);
      const { messages } = (await post('/v1/recv', { topic: 't' })).body;
      for (const { msg_id, receipt } of messages) await post(`/v1/ack/${msg_id}`, { receipt });
    }
    await server.process.logged('journal.snapshot');
    expect(server.process.out).not.toContain('journal.snapshot_failed');
    server.process.child.kill('SIGTERM');
    expect((await server.process.finished).code).toBe(0);
  });
});
