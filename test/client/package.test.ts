import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer } from '../support/server.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};

/** Somebody else's project, in TypeScript. */
const CONSUMER = `
import { type Envelope, isItemError, MailboxClient, MailboxError, type SendBody } from 'svc-mailbox';

const [url, capability] = process.argv.slice(2) as [string, string];
const client = new MailboxClient({ url, capability });
const body: SendBody = { topic: 't', idem_key: 'k', payload_b64: 'aGVsbG8=' };
const sent = await client.send(body);
const results = await client.sendBatch([body, { ...body, idem_key: '' }]);
const { messages } = await client.recv({ topic: 't' });
const [envelope] = messages as [Envelope];
const acked: true = (await client.ack(envelope.msg_id, envelope.receipt)).ok;
const refused: unknown = await client.stats('other').catch((error: unknown) => error);
console.log(JSON.stringify({
  same: sent.msg_id === envelope.msg_id,
  attempt: envelope.attempt,
  acked,
  failed: results.map(isItemError),
  code: refused instanceof MailboxError ? refused.code : null,
}));
`;
/** What the types must not let through. */
const WRONG = `
import { MailboxClient } from 'svc-mailbox';
const client = new MailboxClient({ url: '', capability: '' });
await client.send({ topic: 't', idem_key: 'k' });
await client.nack('id', { receipt: 'r', retry_after_ms: 'soon' });
(await client.stats('t')).size;
`;

describe('package', () => {
  let project = '';
  beforeAll(() => {
    // As `npm run package` does, but for the build, which is there, and without taking anything away that others run.
    execFileSync('npm', ['run', '--silent', 'types'], { cwd: ROOT });
    project = mkdtempSync(join(tmpdir(), 'package-'));
    execFileSync('npm', ['pack', '--silent', '--pack-destination', project], { cwd: ROOT });
    const [tarball = ''] = readdirSync(project);
    const modules = join(project, 'node_modules');
    mkdirSync(join(modules, 'svc-mailbox'), { recursive: true });
    execFileSync('tar', ['-xzf', join(project, tarball), '--strip-components=1', '-C', join(modules, 'svc-mailbox')]);
    // What an installation would fetch.
    for (const name of [...Object.keys(dependencies), '@types/node', 'undici-types']) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    }
    writeFileSync(join(project, 'package.json'), '{"type":"module"}');
    writeFileSync(join(project, 'main.ts'), CONSUMER);
    writeFileSync(join(project, 'wrong.ts'), WRONG);
  });
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  /** What the compiler says of the project; it writes what there is of it all the same. */
  function compile(): string {
    const program = join(ROOT, 'node_modules/typescript/bin/tsc');
    const options = [
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--types',
      'node',
      '--outDir',
      project,
    ];
    const { stdout } = spawnSync(process.execPath, [program, ...options, 'main.ts', 'wrong.ts'], { cwd: project });
    return stdout.toString();
  }

  it('the client of the packed tarball: compiles by its types, which refuse what the contract does not have, and works', async () => {
    const said = compile();
    expect(said).not.toContain('main.ts');
    expect(said).toMatch(/wrong\.ts\(4,.*'payload_b64' is missing/s);
    expect(said).toMatch(/wrong\.ts\(5,.*'string' is not assignable to type 'number'/s);
    expect(said).toMatch(/wrong\.ts\(6,.*'size' does not exist/s);
    expect(said.match(/error TS/g)).toHaveLength(3);
    const server = await TestServer.start();
    const args = [join(project, 'main.js'), server.url, server.capability];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: project });
    expect(JSON.parse(stdout)).toEqual({
      ...{ same: true, attempt: 1, acked: true },
      ...{ failed: [false, true], code: 'E_CAP_SCOPE' },
    });
    await server.stop();
  });

  it('nothing else of the package can be imported', async () => {
    const asked = `import('svc-mailbox/dist/mailbox.js').catch(({ code }) => console.log(code))`;
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', asked], {
      cwd: project,
      encoding: 'utf8',
    });
    expect(out.trim()).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });
});
