import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer } from '../support/server.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
  version: string;
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

/** The same package by `require`, with its types, in a file of the other kind. */
const REQUIRING = `
import mailbox = require('svc-mailbox');
const [url, capability] = process.argv.slice(2) as [string, string];
const box = new mailbox.Mailbox({ url, capability });
async function main(): Promise<void> {
  const producer = box.producer({ topic: 't.cjs' });
  const sent: mailbox.Accepted = await producer.send({ payload: 'hello', idemKey: 'k' });
  const texts: string[] = [];
  for await (const message of box.consume('t.cjs')) {
    texts.push(message.text());
    if (await message.ack()) break;
  }
  const error: unknown = await box.stats('other').catch((e: unknown) => e);
  console.log(JSON.stringify({ duplicate: sent.duplicate, texts, scope: error instanceof mailbox.ScopeError }));
}
void main();
`;
/** And in a page: no types of Node, and at run time nothing that only Node has. */
const PAGE = `
import { Mailbox, type Message } from 'svc-mailbox';
export async function main(url: string, capability: string): Promise<string[]> {
  const box = new Mailbox({ url, capability });
  const producer = box.producer({ topic: 't.page' });
  await producer.enqueue({ payload: 'from a page' });
  await producer.close();
  const texts: string[] = [];
  await new Promise<void>((done) => {
    const consumer = box.consume('t.page', (message: Message) => {
      texts.push(message.text());
      void consumer.stop().then(done);
    });
  });
  return texts;
}
`;
/** What a page has, of what the client may use. */
const OF_A_PAGE = {
  ...{ fetch, AbortController, AbortSignal, TextEncoder, TextDecoder, URL, URLSearchParams, crypto, atob, performance },
  ...{ setTimeout, clearTimeout, queueMicrotask },
};

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
    for (const name of [...Object.keys(manifest.dependencies), '@types/node', 'undici-types']) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    }
    writeFileSync(join(project, 'package.json'), '{"type":"module"}');
    writeFileSync(join(project, 'main.ts'), CONSUMER);
    writeFileSync(join(project, 'wrong.ts'), WRONG);
    writeFileSync(join(project, 'requiring.cts'), REQUIRING);
    writeFileSync(join(project, 'page.ts'), PAGE);
  });
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  /** What the compiler says of files of the project; it writes what there is of them all the same. */
  function compile(files: readonly string[], ...more: readonly string[]): string {
    const program = join(ROOT, 'node_modules/typescript/bin/tsc');
    const options = ['--strict', '--target', 'es2022', '--outDir', project, ...more];
    const { stdout } = spawnSync(process.execPath, [program, ...options, ...files], { cwd: project });
    return stdout.toString();
  }
  const IN_NODE = ['--module', 'nodenext', '--types', 'node', '--skipLibCheck'];
  const IN_PAGE = ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom'];

  async function runIn(server: TestServer, file: string): Promise<unknown> {
    const args = [join(project, file), server.url, server.capability];
    return JSON.parse((await promisify(execFile)(process.execPath, args, { cwd: project })).stdout);
  }

  it('the client of the packed tarball: compiles by its types, which refuse what the contract does not have, and works', async () => {
    const said = compile(['main.ts', 'wrong.ts'], ...IN_NODE);
    expect(said).not.toContain('main.ts');
    expect(said).toMatch(/wrong\.ts\(4,.*'payload_b64' is missing/s);
    expect(said).toMatch(/wrong\.ts\(5,.*'string' is not assignable to type 'number'/s);
    expect(said).toMatch(/wrong\.ts\(6,.*'size' does not exist/s);
    expect(said.match(/error TS/g)).toHaveLength(3);
    const server = await TestServer.start();
    expect(await runIn(server, 'main.js')).toEqual({
      ...{ same: true, attempt: 1, acked: true },
      ...{ failed: [false, true], code: 'E_CAP_SCOPE' },
    });
    await server.stop();
  });

  it('require gives the same as import, with types that are CommonJS (U1)', async () => {
    expect(compile(['requiring.cts'], ...IN_NODE)).toBe('');
    const server = await TestServer.start();
    expect(await runIn(server, 'requiring.cjs')).toEqual({ duplicate: false, texts: ['hello'], scope: true });
    await server.stop();
  });

  it('in a page: types without those of Node, one bundle without its globals or modules, of the size that docs/client.md says (U1)', async () => {
    expect(compile(['page.ts'], ...IN_PAGE)).toBe('');
    const bundled = await build({
      entryPoints: [join(project, 'page.ts')],
      ...{
        bundle: true,
        format: 'iife',
        globalName: 'page',
        platform: 'browser',
        minify: true,
        metafile: true,
        legalComments: 'none',
      },
      outfile: join(project, 'page.bundle.js'),
    });
    const inputs = Object.keys(bundled.metafile.inputs).map((path) => path.slice(path.lastIndexOf('/') + 1));
    expect(inputs.toSorted()).toEqual(['client.browser.js', 'page.ts']);
    const text = readFileSync(join(project, 'page.bundle.js'));
    expect(text.toString()).not.toMatch(/\bBuffer\b|\bnode:|\brequire\(/);
    const server = await TestServer.start();
    const { main } = runInNewContext(`${text}; page`, OF_A_PAGE) as {
      main(url: string, cap: string): Promise<string[]>;
    };
    expect([...(await main(server.url, server.capability))]).toEqual(['from a page']);
    await server.stop();

    const [, whole, packed] =
      /(\d+) kB minified, (\d+) kB with gzip/.exec(readFileSync(join(ROOT, 'docs/client.md'), 'utf8')) ?? [];
    const sizes = [text.length, gzipSync(text, { level: 9 }).length].map((bytes) => bytes / 1000);
    console.log(`bundle: ${sizes.join(' kB, ')} kB`);
    for (const [i, said] of [whole, packed].entries()) {
      expect(sizes[i]).toBeLessThan(Number(said) + 1);
      expect(sizes[i]).toBeGreaterThan(Number(said) - 3);
    }
  });

  it('npx mailbox: in a checkout that is not built says what to do in one line, and works once it is (U4)', () => {
    const checkout = join(project, 'checkout');
    mkdirSync(join(checkout, 'bin'), { recursive: true });
    for (const file of ['package.json', 'bin/mailbox.js']) copyFileSync(join(ROOT, file), join(checkout, file));
    symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
    const call = () => {
      // npx keeps what it found where a package is, also that there was nothing.
      const env = { ...process.env, npm_config_cache: join(project, 'cache') };
      const asked = ['--no', 'mailbox', 'explain', 'E_LEASE_LOST'];
      const { status, stdout, stderr } = spawnSync('npx', asked, { cwd: checkout, env, encoding: 'utf8' });
      return [status, stdout.split('\n')[0], stderr];
    };
    expect(call()).toEqual([2, '', 'mailbox: this checkout is not built; run npm run build first\n']);
    symlinkSync(join(ROOT, 'dist'), join(checkout, 'dist'));
    expect(call()).toEqual([0, 'E_LEASE_LOST', '']);
  });

  it('npx mailbox: in a checkout once it is built, and where the package is installed (U4)', () => {
    const { bin, version } = JSON.parse(readFileSync(join(project, 'node_modules/svc-mailbox/package.json'), 'utf8'));
    // As npm makes it; that the program may be run is said by the tarball.
    mkdirSync(join(project, 'node_modules/.bin'));
    symlinkSync(`../svc-mailbox/${bin.mailbox}`, join(project, 'node_modules/.bin/mailbox'));
    for (const cwd of [ROOT, project]) {
      const { stdout, stderr } = spawnSync('npx', ['--no', 'mailbox', 'explain', 'E_LEASE_LOST'], {
        cwd,
        encoding: 'utf8',
      });
      expect([cwd, stderr, stdout.split('\n')[0]]).toEqual([cwd, '', 'E_LEASE_LOST']);
    }
    expect(version).toBe(manifest.version);
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
