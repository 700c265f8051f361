/** Processes of peers: started on a core of their own, and their processor time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';

const SERVER_CORE = '0';
const TASKSET = '/usr/bin/taskset';
const START_MS = 60_000;
const STOP_MS = 20_000;
const TICKS_PER_S = 100;
/** `nobody`: servers that will not run as root. */
const NOBODY = 65_534;

/** Where a program is, null where it is not. */
export function programOf(name: string, folders: readonly string[] = []): string | null {
  for (const folder of [...folders, ...(process.env['PATH'] ?? '').split(delimiter)]) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {}
  }
  return null;
}

export const isRoot = (): boolean => process.getuid?.() === 0;
/** Whom a server runs as that will not run as root. */
export const asNobody = (): { readonly uid: number; readonly gid: number } | object =>
  isRoot() ? { uid: NOBODY, gid: NOBODY } : {};

export const pinned = (program: string, args: readonly string[]): readonly [string, readonly string[]] =>
  existsSync(TASKSET) && availableParallelism() > 1
    ? [TASKSET, ['-c', SERVER_CORE, program, ...args]]
    : [program, args];

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { readonly port: number };
      server.close(() => resolve(port));
    });
  });
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = dial(port, '127.0.0.1');
    socket.once('connect', () => socket.destroy());
    socket.once('error', () => resolve(false));
    socket.once('close', (hadError) => resolve(!hadError));
  });

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface Started {
  readonly pid: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts it on its core and waits for its port. @throws Error with what it printed, when it ends before */
export async function launch(
  program: string,
  args: readonly string[],
  port: number,
  options: Parameters<typeof spawn>[2] = {},
): Promise<Started> {
  const [file, all] = pinned(program, args);
  const child: ChildProcess = spawn(file, all, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let printed = '';
  const take = (chunk: Buffer): void => {
    printed = (printed + chunk).slice(-4000);
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  let isOver = false;
  const over = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  }).then(() => {
    isOver = true;
  });
  const endMs = performance.now() + START_MS;
  while (!(await isOpen(port))) {
    if (isOver || performance.now() > endMs) {
      child.kill('SIGKILL');
      throw new Error(`${program}: it does not listen\n${printed}`);
    }
    await later(50);
  }
  return {
    pid: child.pid as number,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await over;
      clearTimeout(kill);
    },
  };
}

/** Runs it to its end. @throws Error with what it printed, when that is none of success */
export function runToEnd(program: string, args: readonly string[], options: Parameters<typeof spawn>[2] = {}) {
  return new Promise<void>((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let printed = '';
    child.stdout?.on('data', (chunk) => {
      printed += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      printed += chunk;
    });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${program}: exit ${code}\n${printed}`))));
  });
}

interface Stat {
  readonly parent: number;
  readonly ticks: number;
}

function statOf(pid: string): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [utime, stime, childUser, childSystem] = fields.slice(11, 15) as [number, number, number, number];
    return { parent: fields[1] as number, ticks: utime + stime + childUser + childSystem };
  } catch {
    return null;
  }
}

/** Processor time in ms of a process and all that it started, those that ended included; NaN where that cannot be seen. */
export function cpuMsOf(root: number): number {
  if (!existsSync('/proc/self/stat')) return Number.NaN;
  const all = new Map<number, Stat>();
  for (const pid of readdirSync('/proc')) {
    const stat = /^\d+$/.test(pid) ? statOf(pid) : null;
    if (stat !== null) all.set(Number(pid), stat);
  }
  let ticks = 0;
  for (const [pid, stat] of all) {
    let at: number | undefined = pid;
    while (at !== undefined && at !== root) at = all.get(at)?.parent;
    if (at === root) ticks += stat.ticks;
  }
  return (1000 * ticks) / TICKS_PER_S;
}
