/**
 * The load of the batches: lanes of one connection each, in a process of its own. A lane sends a batch, receives it with the acks of
 * the one before riding along, or acks it in a batch of its own. One job a message, one answer a job.
 */
import { type Acking, type BatchFormat, FORMATS, type Leased, type Speaks } from './frames-formats.ts';
import { HttpLane } from './http-lane.ts';

export interface BatchJob {
  readonly port: number;
  readonly capability: string;
  readonly format: BatchFormat;
  readonly acking: Acking;
  readonly lanes: number;
  /** Batches that a lane handles. */
  readonly batches: number;
  readonly batch: number;
  readonly payloadBytes: number;
  /** Keeps topics and keys of jobs apart. */
  readonly name: string;
}
export interface BatchDone {
  readonly messages: number;
  readonly seconds: number;
}

async function run(lane: HttpLane, index: number, job: BatchJob, speaks: Speaks): Promise<number> {
  const { batch, batches, payloadBytes, acking } = job;
  const topic = `bench.${job.name}.${index}`;
  const sends = speaks.sends(topic, batch, Buffer.alloc(payloadBytes, 7));
  let riding: readonly Leased[] = [];
  let messages = 0;
  for (let i = 0; i < batches; i++) {
    await lane.post(speaks.paths.send, sends(i));
    const leased = speaks.leased(await lane.post(speaks.paths.recv, speaks.recv(topic, batch, riding)));
    if (leased.length !== batch) throw new Error(`${job.format}: ${leased.length} messages of ${batch}`);
    if (acking === 'riding') riding = leased;
    else await lane.post(speaks.paths.ack, speaks.acks(leased));
    messages += leased.length;
  }
  if (riding.length > 0) await lane.post(speaks.paths.ack, speaks.acks(riding));
  return messages;
}

process.on('message', async (job: BatchJob) => {
  const speaks = FORMATS[job.format];
  const lanes = Array.from({ length: job.lanes }, () => new HttpLane(job.port, job.capability, speaks.type));
  const startedMs = performance.now();
  const messages = await Promise.all(lanes.map((lane, i) => run(lane, i, job, speaks)));
  const seconds = (performance.now() - startedMs) / 1000;
  for (const lane of lanes) lane.close();
  process.send?.({ messages: messages.reduce((sum, n) => sum + n, 0), seconds } satisfies BatchDone);
});
