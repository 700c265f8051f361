/**
 * The same work by us and by others: so many lanes, each with a queue of its own, send, receive and acknowledge messages, one at a time
 * or many. Two servers run, one of ours and one of theirs, and take turns on one core with the load on another: what counts is the ratio
 * of neighbouring rounds. Processor time a message of the server is told beside the rate: it says the same where the load, the disk or
 * somebody else on the machine is in the way.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answer, ask, start } from './http.ts';
import { median } from './measure.ts';
import { keyOf, OURS, PEERS } from './peers/all.ts';
import type { PeerDone, PeerJob, PeerReady } from './peers/load.ts';
import { hostTicks } from './peers/machine.ts';
import type { Peer, Running } from './peers/peer.ts';
import { cpuMsOf } from './peers/process.ts';

/** Neighbours are not compared where memory was so much slower for one of them, or so much of the machine was given to others. */
const SLOWER_MAX = 1.6;
const STOLEN_MAX = 0.02;
/** Rounds of which fewer are trusted say nothing. */
const TRUSTED_MIN = 2;

export interface PeersOptions {
  readonly rounds?: number;
  readonly ms?: number;
  readonly lanes?: number;
  readonly batches?: readonly number[];
  readonly payloadBytes?: number;
  /** Called with what is under way. */
  readonly progress?: (what: string) => void;
}

export interface Side {
  readonly messagesPerSecond: number;
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Shares of their cores that the server and the load used. */
  readonly busy: number;
  readonly loadBusy: number;
}
export interface Compared {
  readonly ours: Peer;
  readonly peer: Peer;
  readonly batch: number;
  /** Rounds in which the machine was as it was in the others, of how many. */
  readonly trusted: number;
  readonly rounds: number;
  /** Null where too few rounds are trusted. */
  readonly figures: {
    readonly ourSide: Side;
    readonly theirSide: Side;
    /** ns of a step through memory: how good the machine was. */
    readonly memoryNs: number;
    /** Our rate by theirs, and our processor time a message by theirs. */
    readonly rate: number;
    readonly cpu: number;
  } | null;
}
export interface PeersResult {
  readonly compared: readonly Compared[];
  readonly unavailable: readonly { readonly peer: Peer; readonly why: string }[];
}

interface Round extends Side {
  readonly memoryNs: number;
  readonly stolen: number;
}
interface Server {
  readonly peer: Peer;
  readonly running: Running;
  readonly folder: string;
}

async function launchOf(peer: Peer): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-peer-'));
  try {
    return { peer, folder, running: await peer.start(folder) };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function end({ running, folder }: Server): Promise<void> {
  await running.stop();
  rmSync(folder, { recursive: true, force: true });
}

let jobs = 0;

type Work = Omit<PeerJob, 'peer' | 'port' | 'secret' | 'name'>;

async function roundOf({ peer, running }: Server, job: Work): Promise<Round> {
  const load: ChildProcess = start('./peers/load.js', [], 1);
  try {
    const { port, secret } = running;
    await ask<PeerReady>(load, { ...job, peer: keyOf(peer), port, secret, name: `${++jobs}` } satisfies PeerJob);
    const cpuMs = cpuMsOf(running.pid);
    const ticks = hostTicks();
    const done = answer<PeerDone>(load);
    load.send('go');
    const { messages, seconds, p50Ms, p99Ms, loadBusy, memoryNs } = await done;
    const usedMs = cpuMsOf(running.pid) - cpuMs;
    const now = hostTicks();
    const stolen = ticks === null || now === null ? 0 : (now.stolen - ticks.stolen) / (now.all - ticks.all);
    return {
      ...{ messagesPerSecond: messages / seconds, cpuUs: (1000 * usedMs) / messages, p50Ms, p99Ms },
      ...{ busy: usedMs / 1000 / seconds, loadBusy, memoryNs: Math.max(...memoryNs), stolen },
    };
  } finally {
    load.kill();
  }
}

const sideOf = (rounds: readonly Round[]): Side => {
  const of = (what: (round: Round) => number): number => median(rounds.map(what));
  return {
    messagesPerSecond: of((round) => round.messagesPerSecond),
    cpuUs: of(({ cpuUs }) => cpuUs),
    p50Ms: of(({ p50Ms }) => p50Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
    busy: of(({ busy }) => busy),
    loadBusy: of(({ loadBusy }) => loadBusy),
  };
};

type Pair = readonly [ours: Round, theirs: Round];

function comparedOf(about: Pick<Compared, 'ours' | 'peer' | 'batch'>, pairs: readonly Pair[]): Compared {
  const good = pairs.filter((pair) => {
    const ns = pair.map(({ memoryNs }) => memoryNs);
    return Math.max(...ns) <= SLOWER_MAX * Math.min(...ns) && pair.every(({ stolen }) => stolen <= STOLEN_MAX);
  });
  const counts = { ...about, trusted: good.length, rounds: pairs.length };
  if (good.length < Math.min(TRUSTED_MIN, pairs.length)) return { ...counts, figures: null };
  return {
    ...counts,
    figures: {
      ourSide: sideOf(good.map(([ours]) => ours)),
      theirSide: sideOf(good.map(([, theirs]) => theirs)),
      memoryNs: median(good.flat().map(({ memoryNs }) => memoryNs)),
      rate: median(good.map(([ours, theirs]) => ours.messagesPerSecond / theirs.messagesPerSecond)),
      cpu: median(good.map(([ours, theirs]) => ours.cpuUs / theirs.cpuUs)),
    },
  };
}

/** Both run, and take turns. */
async function pairsOf(ours: Peer, peer: Peer, job: Work, rounds: number): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  const servers: Server[] = [];
  try {
    for (const one of [ours, peer]) servers.push(await launchOf(one));
    const [our, their] = servers as [Server, Server];
    for (let round = 0; round < rounds; round++) {
      if (round % 2 === 0) pairs.push([await roundOf(our, job), await roundOf(their, job)]);
      else {
        const theirs = await roundOf(their, job);
        pairs.push([await roundOf(our, job), theirs]);
      }
    }
  } finally {
    for (const server of servers) await end(server);
  }
  return pairs;
}

export async function benchPeers(options: PeersOptions = {}): Promise<PeersResult> {
  const { rounds = 5, ms = 1500, lanes = 64, batches = [1, 32], payloadBytes = 1024, progress = () => {} } = options;
  const seen: { readonly about: Pick<Compared, 'ours' | 'peer' | 'batch'>; readonly pairs: readonly Pair[] }[] = [];
  const unavailable: { readonly peer: Peer; readonly why: string }[] = [];
  for (const peer of PEERS) {
    const why = await peer.missing();
    if (why !== null) {
      unavailable.push({ peer, why });
      continue;
    }
    for (const ours of OURS.filter(({ durable }) => (durable === null) === (peer.durable === null))) {
      for (const batch of batches) {
        // One at a time has one way.
        if (batch === 1 && ours.name.includes('frames')) continue;
        progress(`${ours.name} and ${peer.name}, ${batch} a request`);
        const job = { lanes, batch, ms, payloadBytes };
        try {
          seen.push({ about: { ours, peer, batch }, pairs: await pairsOf(ours, peer, job, rounds) });
        } catch (error) {
          unavailable.push({ peer, why: (error as Error).message });
        }
      }
    }
  }
  return { compared: seen.map(({ about, pairs }) => comparedOf(about, pairs)), unavailable };
}
