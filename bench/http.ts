/**
 * How fast is a request? Send, recv, ack and the whole cycle at 64 connections, against a bare node:http echo and a bare h3
 * echo of the same requests in the same run, alternating. Ratios of medians; absolute figures are the machine's.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Done, Job, Phase } from './http-load.js';
import type { Ready, ServerKind, Work } from './http-server.ts';
import { median } from './measure.ts';

const KINDS: readonly ServerKind[] = ['raw', 'h3', 'direct', 'through-h3'];
const PHASES: readonly Phase[] = ['send', 'recv', 'ack', 'cycle', 'cycle-riding'];
const TASKSET = '/usr/bin/taskset';

/** Server on one core, load (both as built, beside this file) on another, where the system can pin them. */
export function start(file: string, args: readonly string[], core: number): ChildProcess {
  const pinned = existsSync(TASKSET) && availableParallelism() > 1;
  const node = ['--max-semi-space-size=64'];
  const url = new URL(file, import.meta.url).pathname;
  return pinned
    ? fork(url, args, { execPath: TASKSET, execArgv: ['-c', String(core), process.execPath, ...node] })
    : fork(url, args, { execArgv: node });
}

export const answer = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`bench process ended: ${code}`));
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('exit', onExit);
      resolve(message as T);
    });
  });

export function ask<T>(child: ChildProcess, message: unknown): Promise<T> {
  const answered = answer<T>(child);
  child.send(message as string);
  return answered;
}

export interface HttpResult {
  readonly phase: Phase;
  readonly kind: ServerKind;
  readonly requestsPerSecond: number;
  readonly ofRaw: number;
  /** Share of its core that the server used: below 0.97 the figure says more about the load than about the server. */
  readonly busy: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export async function benchHttp({
  rounds = 3,
  lanes = 64,
  messages = 600,
  payloadBytes = 256,
} = {}): Promise<HttpResult[]> {
  const load = start('./http-load.js', [], 1);
  const servers = new Map<ServerKind, { child: ChildProcess; ready: Ready }>();
  for (const kind of KINDS) {
    const child = start('./http-server.js', [kind], 0);
    servers.set(kind, { child, ready: await answer<Ready>(child) });
  }
  const seen = new Map<string, { rate: number; busy: number; p50Us: number; p99Us: number }[]>();
  try {
    for (let round = -1; round < rounds; round++) {
      for (const phase of PHASES) {
        for (const [kind, { child, ready }] of servers) {
          const echo = kind === 'raw' || kind === 'h3';
          await ask(child, 'begin');
          const job: Job = { ...ready, phase, lanes, messages, payloadBytes, name: `${kind}.${round + 1}`, echo };
          const done = await ask<Done>(load, job);
          const { cpuMs } = await ask<Work>(child, 'end');
          if (round < 0) continue;
          const key = `${phase} ${kind}`;
          const figures = {
            rate: done.requests / done.seconds,
            busy: cpuMs / 1000 / done.seconds,
            p50Us: done.p50Us,
            p99Us: done.p99Us,
          };
          seen.set(key, [...(seen.get(key) ?? []), figures]);
        }
      }
    }
  } finally {
    for (const { child } of servers.values()) child.kill();
    load.kill();
  }
  const of = (phase: Phase, kind: ServerKind, what: 'rate' | 'busy' | 'p50Us' | 'p99Us') =>
    median((seen.get(`${phase} ${kind}`) ?? []).map((figures) => figures[what]));
  return PHASES.flatMap((phase) =>
    KINDS.map((kind) => ({
      phase,
      kind,
      requestsPerSecond: of(phase, kind, 'rate'),
      ofRaw: of(phase, kind, 'rate') / of(phase, 'raw', 'rate'),
      busy: of(phase, kind, 'busy'),
      p50Us: of(phase, kind, 'p50Us'),
      p99Us: of(phase, kind, 'p99Us'),
    })),
  );
}
