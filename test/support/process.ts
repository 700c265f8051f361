import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { unlistedOn } from './log-lines.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PROGRAM = resolve(ROOT, 'dist/mailbox.js');
const MANY = resolve(import.meta.dirname, 'many-calls.mjs');

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Process groups that run: a test run that is broken off must leave none behind. */
const groups = new Set<number>();
process.on('exit', () => {
  for (const group of groups) killGroup(group);
});

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The real program, as it was built for this test run (`global.ts`), in a process of its own. */
export class MailboxProcess {
  readonly child: ChildProcess;
  out = '';
  err = '';
  readonly finished: Promise<Finished>;
  private readonly waiting: (() => void)[] = [];

  /** `under`: a command that runs the program, and its arguments. */
  constructor(args: readonly string[], env: Record<string, string> = {}, under: readonly string[] = []) {
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MAILBOX_')));
    // Durable only where the test says in what.
    const isDurable = args.includes('--data') || args.includes('--engine');
    const profile = args[0] === 'serve' && !isDurable ? { MAILBOX_PROFILE: 'micronode' } : {};
    // Many run side by side: only a test of the console asks for one.
    const console = args[0] === 'serve' && !args.includes('--console-bind') ? { MAILBOX_CONSOLE_BIND: 'none' } : {};
    // A group of its own, so that all of it can be killed at once.
    const [command = process.execPath, ...rest] = [...under, process.execPath, PROGRAM, ...args];
    this.child = spawn(command, rest, {
      cwd: ROOT,
      env: { ...inherited, ...profile, ...console, ...env },
      detached: true,
    });
    groups.add(this.child.pid as number);
    this.child.stdout?.on('data', (chunk) => this.add('out', chunk));
    this.child.stderr?.on('data', (chunk) => this.add('err', chunk));
    this.finished = new Promise((resolve, reject) => {
      this.child.on('close', (code) => {
        groups.delete(this.child.pid as number);
        const unlisted = this.out.split('\n').find((line) => line.includes('"event":"answer.unlisted"'));
        if (unlisted !== undefined) reject(new Error(`an answer that is not in the contract: ${unlisted}`));
        const unknown = args[0] === 'serve' ? new Set(linesIn(this.out).flatMap(unlistedOn)) : new Set();
        if (unknown.size > 0) reject(new Error(`not in src/observe/events.ts: ${[...unknown]}`));
        resolve({ code, out: this.out, err: this.err });
      });
    });
  }

  private add(to: 'out' | 'err', chunk: Buffer): void {
    this[to] += chunk.toString();
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** Resolves when the output holds what is looked for; rejects when the process ends first. */
  async until(found: () => boolean): Promise<void> {
    while (!found()) {
      const more = new Promise<'more'>((resolve) => this.waiting.push(() => resolve('more')));
      const ended = this.finished.then(() => 'ended' as const);
      if ((await Promise.race([more, ended])) === 'ended' && !found()) throw new Error(`ended: ${this.out}${this.err}`);
    }
  }

  /** kill -9 of the whole process group, at once. */
  async crash(): Promise<void> {
    killGroup(this.child.pid as number);
    await this.finished;
  }

  /** The line with this event, once it is logged. */
  async logged(event: string): Promise<Record<string, string>> {
    const find = () => this.out.split('\n').find((line) => line.includes(`"event":"${event}"`) && line.endsWith('}'));
    await this.until(() => find() !== undefined);
    return JSON.parse(find() as string);
  }
}

/** Whole log lines; the last may be cut off. */
const linesIn = (out: string): Record<string, unknown>[] =>
  out.split('\n').flatMap((line) => (/^\{"ts":.*\}$/.test(line) ? [JSON.parse(line)] : []));

export const run = (args: readonly string[], env: Record<string, string> = {}): Promise<Finished> =>
  new MailboxProcess(args, env).finished;

/**
 * Many calls of the real program, one after the other in one process: for those that end by themselves and write nothing past the
 * streams of Node.
 */
export async function runMany(
  calls: readonly (readonly string[])[],
  env: Record<string, string> = {},
): Promise<Finished[]> {
  const { code, out, err } = await new MailboxProcess([JSON.stringify(calls)], env, [process.execPath, MANY]).finished;
  if (code !== 0) throw new Error(`exit ${code}: ${err}`);
  return JSON.parse(out) as Finished[];
}

/** A server on ports of its own, in memory unless it is given a data directory. */
export const serve = (...args: string[]): MailboxProcess => serveUnder([], ...args);

export const serveUnder = (under: readonly string[], ...args: string[]): MailboxProcess =>
  new MailboxProcess(['serve', '--bind', '127.0.0.1:0', '--metrics-bind', '127.0.0.1:0', ...args], {}, under);
