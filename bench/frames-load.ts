/**
 * The load of the batches: lanes of one connection each, in a process of its own. A lane sends a batch, receives it with the acks of
 * the one before riding along, or acks it in a batch of its own. One job a message, one answer a job.
 */
import { connect, type Socket } from 'node:net';
import { type Acking, type BatchFormat, FORMATS, type Leased, type Speaks } from './frames-formats.ts';

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

const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH = 'content-length: ';
const ANSWER_BYTES_MAX = 1024 * 1024;

/** One connection, one request at a time. */
class Lane {
  private readonly socket: Socket;
  private readonly head: string;
  private readonly pending = Buffer.allocUnsafe(ANSWER_BYTES_MAX);
  private length = 0;
  /** Of the whole answer; 0 while its head is not there. */
  private bytes = 0;
  private bodyAt = 0;
  private answered: (body: Buffer) => void = () => {};

  constructor(port: number, capability: string, type: string) {
    this.head = ` HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${capability}\r\nContent-Type: ${type}\r\nContent-Length: `;
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => this.data(chunk));
    this.socket.on('error', (error) => {
      throw error;
    });
  }

  private data(chunk: Buffer): void {
    chunk.copy(this.pending, this.length);
    this.length += chunk.length;
    if (this.bytes === 0) {
      const end = this.pending.subarray(0, this.length).indexOf(HEAD_END);
      if (end < 0) return;
      const head = this.pending.toString('latin1', 0, end).toLowerCase();
      if (!head.startsWith('http/1.1 200'))
        throw new Error(this.pending.toString('latin1', 0, Math.min(600, this.length)));
      this.bodyAt = end + HEAD_END.length;
      this.bytes = this.bodyAt + Number.parseInt(head.slice(head.lastIndexOf(LENGTH) + LENGTH.length), 10);
    }
    if (this.length < this.bytes) return;
    const body = this.pending.subarray(this.bodyAt, this.bytes);
    this.length = 0;
    this.bytes = 0;
    this.answered(body);
  }

  /** The answer is valid until the next request. */
  post(path: string, body: Buffer): Promise<Buffer> {
    return new Promise((resolve) => {
      this.answered = resolve;
      this.socket.cork();
      this.socket.write(`POST ${path}${this.head}${body.length}\r\n\r\n`, 'latin1');
      this.socket.write(body);
      this.socket.uncork();
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

async function run(lane: Lane, index: number, job: BatchJob, speaks: Speaks): Promise<number> {
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
  const lanes = Array.from({ length: job.lanes }, () => new Lane(job.port, job.capability, speaks.type));
  const startedMs = performance.now();
  const messages = await Promise.all(lanes.map((lane, i) => run(lane, i, job, speaks)));
  const seconds = (performance.now() - startedMs) / 1000;
  for (const lane of lanes) lane.close();
  process.send?.({ messages: messages.reduce((sum, n) => sum + n, 0), seconds } satisfies BatchDone);
});
