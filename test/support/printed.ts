import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
/** As documents have it. */
export const PORT = '9410';

/** What is run, and what it is said to print. */
export interface Block {
  readonly section: string;
  readonly script: string;
  readonly shown: readonly string[];
}

/** Titles of the sections of a document, in its order. */
export const sectionsOf = (document: string): string[] =>
  [...document.matchAll(/^## (.*)$/gm)].map(([, section]) => section as string);

function textOf(document: string, section: string): string {
  const start = document.indexOf(`\n## ${section}\n`);
  expect(start, section).toBeGreaterThan(0);
  const end = document.indexOf('\n## ', start + 5);
  return document.slice(start, end < 0 ? undefined : end);
}

/** Sections with commands or output that are not run with these sections; of one that is run, what stands there without its other half. */
export function notRun(document: string, run: readonly string[]): string[] {
  return sectionsOf(document).filter((section) => {
    const text = textOf(document, section);
    const blocks = run.includes(section) ? blocksOf(document, section).length : 0;
    return [...text.matchAll(/^```(sh|bash|shell|console)$/gm)].length !== 2 * blocks;
  });
}

/** Commands of a section of a document, each with the output that is shown below it. */
export function blocksOf(document: string, section: string): Block[] {
  return [
    ...textOf(document, section).matchAll(/```sh\n([\s\S]*?)```\n(?:(?!```sh)[\s\S])*?```console\n([\s\S]*?)```/g),
  ].map(([, script = '', shown = '']) => ({ section, script, shown: shown.split('\n').filter((line) => line !== '') }));
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
export function expectShown(printed: string, shown: readonly string[], section: string): void {
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

export interface Shell {
  readonly child: ChildProcess;
  out: string;
  err: string;
  readonly ended: Promise<void>;
}

/** A fresh clone of what stands here, with the packages of `npm ci`, and shells in it. */
export class Clone {
  readonly folder = mkdtempSync(join(tmpdir(), 'clone-'));
  readonly port: string;
  private readonly children: ChildProcess[] = [];

  private constructor(port: string) {
    this.port = port;
  }

  static async make(): Promise<Clone> {
    const clone = new Clone(await freePort());
    const copy = `git ls-files -z | tar --null -T - -c | tar -x -C "${clone.folder}"`;
    expect(spawnSync('sh', ['-c', copy], { cwd: ROOT }).status).toBe(0);
    symlinkSync(join(ROOT, 'node_modules'), join(clone.folder, 'node_modules'));
    return clone;
  }

  /** A script as it is run here. */
  own(script: string): string {
    return script.replaceAll(PORT, this.port).replace(/^npm ci && /, '');
  }

  /** A shell in the clone, in a process group of its own. */
  shell(script: string): Shell {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(MAILBOX_|npm_)/.test(name)),
    );
    const env = {
      ...inherited,
      MAILBOX_BIND: `127.0.0.1:${this.port}`,
      MAILBOX_METRICS_BIND: '127.0.0.1:0',
      MAILBOX_CONSOLE_BIND: '127.0.0.1:0',
    };
    const child = spawn('sh', ['-s'], { cwd: this.folder, env, detached: true });
    this.children.push(child);
    const ended = new Promise<void>((done) => child.once('close', () => done()));
    const run = { child, out: '', err: '', ended };
    child.stdout?.on('data', (chunk: Buffer) => {
      run.out += chunk;
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      run.err += chunk;
    });
    child.stdin?.end(script);
    return run;
  }

  /** All blocks in one shell, one after the other: each prints what is shown below it. */
  async follow(blocks: readonly Block[]): Promise<void> {
    const mark = (i: number): string => `@@ ${i}`;
    const run = this.shell(blocks.map((block, i) => `${this.own(block.script)}\necho '${mark(i)}'\n`).join(''));
    await run.ended;
    const { out, err } = run;
    let at = 0;
    for (const [i, block] of blocks.entries()) {
      const end = out.indexOf(`${mark(i)}\n`, at);
      expect(end, `${block.section}: ${err}`).toBeGreaterThanOrEqual(0);
      expectShown(`${out.slice(at, end)}\n${err}`, block.shown, block.section);
      at = end + mark(i).length + 1;
    }
  }

  end(): void {
    for (const { pid } of this.children) if (pid !== undefined) killAll(pid, 'SIGKILL');
    rmSync(this.folder, { recursive: true });
  }
}

/** All of a process group that is there. */
export function killAll(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {}
}
