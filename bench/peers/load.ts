/** The load: so many lanes, each with a queue of its own, for so long. One job a message, one answer a job. */
import { peerOf } from './all.ts';
import { memoryNs } from './machine.ts';
import type { Lane } from './peer.ts';

export interface PeerJob {
  readonly peer: string;
  readonly port: number;
  readonly secret: string;
  readonly lanes: number;
  readonly batch: number;
  readonly payloadBytes: number;
  readonly ms: number;
  /** Keeps queues of jobs apart. */
  readonly name: string;
}
export interface PeerDone {
  readonly messages: number;
  readonly seconds: number;
  /** Of a round: sent, received, acknowledged. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of its core that the load used: where that is all, the load was measured. */
  readonly loadBusy: number;
  /** ns of a step through memory, before and after. */
  readonly memoryNs: readonly [number, number];
}
/** It is ready to go: the lanes are open. */
export type PeerReady = 'ready';

const FILL = 7;
const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;

async function run(lane: Lane, batch: number, endMs: number, times: number[]): Promise<number> {
  let messages = 0;
  for (let nowMs = performance.now(); nowMs < endMs; ) {
    await lane.cycle(batch);
    messages += batch;
    const thenMs = performance.now();
    times.push(thenMs - nowMs);
    nowMs = thenMs;
  }
  return messages;
}

process.on('message', async (job: PeerJob | 'go') => {
  if (job === 'go') return;
  const { port, secret, batch, name, ms } = job;
  const payload = Buffer.alloc(job.payloadBytes, FILL);
  const peer = peerOf(job.peer);
  const lanes: Lane[] = [];
  for (let i = 0; i < job.lanes; i++)
    lanes.push(await peer.open({ port, secret, queue: `bench.${name}.${i}`, payload }));
  // Once round, so that everything is there.
  await Promise.all(lanes.map((lane) => lane.cycle(batch)));
  const before = memoryNs();
  const go = new Promise<void>((resolve) => process.once('message', () => resolve()));
  process.send?.('ready' satisfies PeerReady);
  await go;
  const times: number[] = [];
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const counts = await Promise.all(lanes.map((lane) => run(lane, batch, startedMs + ms, times)));
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  process.send?.({
    messages: counts.reduce((sum, count) => sum + count, 0),
    seconds,
    ...{ p50Ms: at(times, 0.5), p99Ms: at(times, 0.99), loadBusy: (user + system) / 1e6 / seconds },
    memoryNs: [before, memoryNs()],
  } satisfies PeerDone);
  for (const lane of lanes) await lane.close();
});
