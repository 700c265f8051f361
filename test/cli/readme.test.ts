import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const PORT = '9410';
/** Sections that a reader can do with Node and what the system suite has, in the order in which they stand there. */
const SECTIONS = ['Run it', 'Kill it', 'Break it', 'Use it for real', 'Over TLS, a Unix socket, compressed'];

/** What is run, and what it is said to print. */
interface Block {
  readonly section: string;
  readonly script: string;
  readonly shown: readonly string[];
}

function blocksOf(section: string): Block[] {
  const start = README.indexOf(`\n## ${section}\n`);
  expect(start, section).toBeGreaterThan(0);
  const text = README.slice(start, README.indexOf('\n## ', start + 5));
  return [...text.matchAll(/```sh\n([\s\S]*?)```\n(?:(?!```sh)[\s\S])*?```console\n([\s\S]*?)```/g)].map(
    ([, script = '', shown = '']) => ({ section, script, shown: shown.split('\n').filter((line) => line !== '') }),
  );
}

/** What differs each time, and what it is like. */
const WILD: readonly (readonly [RegExp, string])[] = [
  [/[0-9A-Za-z-]*\.\.|\w+\.yaml/g, '.*'],
  [/01[0-9A-Z]{24}/g, '[0-9A-Z]{26}'],
  [/(?<=receipt(":"| ))[\w-]+/g, '[\\w-]+'],
  [/[\d,]*\d/g, '[\\d,]+'],
  [/ +/g, ' +'],
];

/** A line of output without that. */
const pattern = (line: string): RegExp => {
  const wild: string[] = [];
  let text = line;
  for (const [what, like] of WILD)
    text = text.replace(what, () => `\u0000${String.fromCharCode(0xe000 + wild.push(like))}`);
  const plain = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it stands where no output has one
  return new RegExp(`^${plain.replace(/\u0000(.)/g, (_, at: string) => wild[at.charCodeAt(0) - 0xe001] as string)}`);
};

/** Every line that is shown is printed, in this order. */
function expectShown(printed: string, shown: readonly string[], section: string): void {
  const lines = printed.replaceAll('\r', '').split('\n');
  let at = 0;
  for (const line of shown.filter((text) => text !== '..')) {
    const found = lines.slice(at).findIndex((one) => pattern(line).test(one));
    expect(found, `${section}: ${line}\nin\n${lines.join('\n')}`).toBeGreaterThanOrEqual(0);
    at += found + 1;
  }
}

/** A port that nobody has now. */
const freePort = (): Promise<string> =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(String(port)));
    });
  });

const clone = mkdtempSync(join(tmpdir(), 'readme-'));
const children: ChildProcess[] = [];
let port = '';
let env: NodeJS.ProcessEnv = {};

beforeAll(async () => {
  // A fresh clone, of what stands here; its packages are those of `npm ci`.
  const copied = spawnSync('sh', ['-c', `git ls-files -z | tar --null -T - -c | tar -x -C "${clone}"`], { cwd: ROOT });
  expect(copied.status).toBe(0);
  symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
  port = await freePort();
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(MAILBOX_|npm_)/.test(name)));
  env = {
    ...inherited,
    MAILBOX_BIND: `127.0.0.1:${port}`,
    MAILBOX_METRICS_BIND: '127.0.0.1:0',
    MAILBOX_CONSOLE_BIND: '127.0.0.1:0',
  };
});
afterAll(() => {
  for (const { pid } of children) if (pid !== undefined) kill(-pid, 'SIGKILL');
  rmSync(clone, { recursive: true });
});

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {}
}

const own = (script: string): string => script.replaceAll(PORT, port).replace(/^npm ci && /, '');

/** A shell in the clone, in a process group of its own. */
function shell(script: string): { readonly child: ChildProcess; out: string; err: string; ended: Promise<void> } {
  const child = spawn('sh', ['-s'], { cwd: clone, env, detached: true });
  children.push(child);
  const run = { child, out: '', err: '', ended: Promise.resolve() };
  child.stdout?.on('data', (chunk: Buffer) => {
    run.out += chunk;
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    run.err += chunk;
  });
  run.ended = new Promise((done) => child.once('close', () => done()));
  child.stdin?.end(script);
  return run;
}

describe('README: what a reader can do, in reading order, on a fresh clone', () => {
  const [first, ...rest] = SECTIONS.flatMap(blocksOf);

  it('has a block and its output for each step', () => {
    expect(first?.script.trim()).toBe('npm ci && npm start');
    expect(new Set(rest.map(({ section }) => section))).toEqual(new Set(SECTIONS.slice(1)));
  });

  it('Run it: what npm start prints can be pasted, and gives what is shown', async () => {
    const { script, shown } = first as Block;
    const started = shell(own(script));
    await expect.poll(() => started.err, { timeout: 120_000 }).toMatch(/\n\n$/);
    const pasted = shell(started.err.slice(started.err.indexOf('export MAILBOX_URL=')));
    await pasted.ended;
    // Ctrl-C reaches all of them.
    kill(-(started.child.pid as number), 'SIGINT');
    await started.ended;
    expect(pasted.err).toBe('');
    expectShown(
      pasted.out,
      shown.filter((line) => !/^[$#]/.test(line)),
      'Run it',
    );
    expect(started.out).toContain('"event":"server.stopped"');
  });

  it('the rest, in one shell: a kept key, kill -9, the journal, the simulator, settings, TLS, a Unix socket (S1, S4, D3, K1)', async () => {
    const mark = (i: number): string => `@@ ${i}`;
    const script = rest.map((block, i) => `${own(block.script)}\necho '${mark(i)}'\n`).join('');
    const run = shell(script);
    await run.ended;
    const { out, err } = run;
    let at = 0;
    for (const [i, block] of rest.entries()) {
      const end = out.indexOf(`${mark(i)}\n`, at);
      expect(end, `${block.section}: ${err}`).toBeGreaterThanOrEqual(0);
      expectShown(`${out.slice(at, end)}\n${err}`, block.shown, block.section);
      at = end + mark(i).length + 1;
    }
  });

  it('the check of TLS 1.2 says nothing when there is no server', () => {
    const line = README.split('\n').find((text) => text.includes('-tls1_2')) as string;
    expect(line).toContain(PORT);
    mkdirSync(join(clone, 'nowhere'));
    const { stdout, status } = spawnSync('sh', ['-c', line.replace(PORT, '1')], { encoding: 'utf8' });
    expect([stdout, status]).toEqual(['', 1]);
  });
});
