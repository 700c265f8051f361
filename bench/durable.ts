/**
 * What durability costs a client: the message cycle against the same server in memory, at 64 connections and at one; how many
 * facts share a sync; how late the event loop is at half of the peak.
 */
import type { ChildProcess } from 'node:child_process';
import { answer, ask, start } from './http.ts';
import type { Done, Job, Phase } from './http-load.js';
import type { Ready, ServerKind, Work } from './http-server.ts';
import { median } from './measure.ts';

const KINDS: readonly ServerKind[] = ['raw', 'direct', 'durable'];
/** Send, recv, ack. */
const FACTS_PER_MESSAGE = 3;

export interface DurableFigures {
  readonly phase: Phase;
  readonly lanes: number;
  /** Messages a second, and of requests of the raw server. */
  readonly durable: number;
  readonly ofMemory: number;
  readonly ofRaw: number;
  readonly factsPerSync: number;
  readonly p50Ms: number;
  readonly memoryP50Ms: number;
  readonly busy: number;
}

interface Server {
  readonly child: ChildProcess;
  readonly ready: Ready;
}
type Seen = Done & Work & { readonly messages: number };

export async function benchDurable({ rounds = 3, payloadBytes = 256 } = {}) {
  const load = start('./http-load.js', [], 1);
  const servers = new Map<ServerKind, Server>();
  for (const kind of KINDS) {
    const child = start('./http-server.js', [kind], 0);
    servers.set(kind, { child, ready: await answer<Ready>(child) });
  }
  let jobs = 0;
  const run = async (kind: ServerKind, phase: Phase, lanes: number, messages: number, perSecond?: number) => {
    const { child, ready } = servers.get(kind) as Server;
    const pace = perSecond === undefined ? {} : { perSecond };
    const name = `${kind}.${++jobs}`;
    const job: Job = { ...ready, phase, lanes, messages, payloadBytes, name, echo: kind === 'raw', ...pace };
    await ask(child, 'begin');
    const done = await ask<Done>(load, job);
    const work = await ask<Work>(child, 'end');
    return { ...done, ...work, messages: lanes * messages };
  };
  try {
    const figures: DurableFigures[] = [];
    for (const phase of ['cycle', 'cycle-riding'] as const) {
      for (const [lanes, messages] of [
        [64, 300],
        [1, 1000],
      ] as const) {
        const seen = new Map<ServerKind, Seen[]>(KINDS.map((kind) => [kind, []]));
        for (let round = -1; round < rounds; round++) {
          for (const kind of KINDS) {
            const one = await run(kind, phase, lanes, messages);
            if (round >= 0) seen.get(kind)?.push(one);
          }
        }
        figures.push(figuresOf(phase, lanes, seen));
      }
    }
    const peak = figures[0]?.durable ?? 0;
    const { lateP99Ms } = await run('durable', 'cycle', 64, Math.ceil((peak / 2 / 64) * 5), peak / 2);
    return { figures, lateP99Ms };
  } finally {
    for (const { child } of servers.values()) child.kill();
    load.kill();
  }
}

function figuresOf(phase: Phase, lanes: number, seen: ReadonlyMap<ServerKind, readonly Seen[]>): DurableFigures {
  const of = (kind: ServerKind, what: (one: Seen) => number): number => median((seen.get(kind) ?? []).map(what));
  const rate = (kind: ServerKind): number => of(kind, ({ messages, seconds }) => messages / seconds);
  const requests = of('raw', (one) => one.requests / one.seconds);
  return {
    ...{ phase, lanes, durable: rate('durable'), ofMemory: rate('durable') / rate('direct') },
    ofRaw: rate('durable') / requests,
    factsPerSync: of('durable', ({ messages, syncs }) => (FACTS_PER_MESSAGE * messages) / syncs),
    p50Ms: cycleMs(
      phase,
      of('durable', ({ p50Us }) => p50Us),
    ),
    memoryP50Ms: cycleMs(
      phase,
      of('direct', ({ p50Us }) => p50Us),
    ),
    busy: of('durable', ({ cpuMs, seconds }) => cpuMs / 1000 / seconds),
  };
}

/** Of a whole cycle, from that of a request. */
const cycleMs = (phase: Phase, requestUs: number): number => ((phase === 'cycle' ? 3 : 2) * requestUs) / 1000;
