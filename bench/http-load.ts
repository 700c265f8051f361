/** The load: lanes of one connection each, in a process of its own. One job a message, one answer a job. */
import { connect, type Socket } from 'node:net';

export type Phase = 'send' | 'recv' | 'ack' | 'cycle' | 'cycle-riding';
export interface Job {
  readonly port: number;
  readonly capability: string;
  readonly phase: Phase;
  readonly lanes: number;
  /** Messages a lane handles. */
  readonly messages: number;
  readonly payloadBytes: number;
  /** Keeps topics and keys of jobs apart. */
  readonly name: string;
  /** True for a server that only echoes: its answers say nothing. */
  readonly echo: boolean;
  /** Messages a second over all lanes; as fast as it goes where it is not given. */
  readonly perSecond?: number;
  /** So many messages a request in the phases send, recv and ack; one without it. */
  readonly batch?: number;
  /** The connections stay for the next job on this port. */
  readonly keepsOpen?: boolean;
}
export interface Done {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

interface Leased {
  readonly msgId: string;
  readonly receipt: string;
}

const field = (text: string, name: string): string => {
  const at = text.indexOf(`"${name}":"`) + name.length + 4;
  return text.slice(at, text.indexOf('"', at));
};

/** One connection, one request at a time. */
class Lane {
  private readonly socket: Socket;
  private readonly head: string;
  private answered: (body: string) => void = () => {};
  private pending = '';
  latenciesUs: number[] = [];

  constructor(port: number, capability: string) {
    this.head = ` HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${capability}\r\nContent-Type: application/json\r\nContent-Length: `;
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => this.data(chunk.toString('latin1')));
    this.socket.on('error', (error) => {
      throw error;
    });
  }

  private data(text: string): void {
    this.pending += text;
    const end = this.pending.indexOf('\r\n\r\n');
    if (end < 0) return;
    const at = this.pending.toLowerCase().lastIndexOf('content-length: ', end);
    let body: string;
    if (at >= 0) {
      const length = Number.parseInt(this.pending.slice(at + 16, end), 10);
      if (this.pending.length < end + 4 + length) return;
      body = this.pending.slice(end + 4, end + 4 + length);
    } else {
      if (!this.pending.endsWith('\r\n0\r\n\r\n')) return;
      body = this.pending.slice(end + 4);
    }
    if (!this.pending.startsWith('HTTP/1.1 200')) throw new Error(this.pending.slice(0, 600));
    this.pending = '';
    this.answered(body);
  }

  post(path: string, body: string): Promise<string> {
    const startedMs = performance.now();
    this.socket.write(`POST ${path}${this.head}${body.length}\r\n\r\n${body}`, 'latin1');
    return new Promise((resolve) => {
      this.answered = (answer) => {
        this.latenciesUs.push((performance.now() - startedMs) * 1000);
        resolve(answer);
      };
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

const held = new Map<string, Leased[]>();

async function run(lane: Lane, index: number, job: Job, payload: string): Promise<number> {
  const { phase, messages, name, echo } = job;
  const topic = `bench.${name}.${index}`;
  const leased = held.get(topic) ?? [];
  held.set(topic, leased);
  const send = (i: number) =>
    lane.post('/v1/send', `{"topic":"${topic}","idem_key":"${phase}-${i}","payload_b64":"${payload}"}`);
  const recv = async (acks = ''): Promise<Leased> => {
    const answer = await lane.post('/v1/recv', `{"topic":"${topic}","max_messages":1,"visibility_ms":600000${acks}}`);
    return echo
      ? { msgId: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'x6ayVN9gvoGv3Sn150qgiA' }
      : { msgId: field(answer, 'msg_id'), receipt: field(answer, 'receipt') };
  };
  const ack = ({ msgId, receipt }: Leased) => lane.post(`/v1/ack/${msgId}`, `{"receipt":"${receipt}"}`);
  let riding = '';
  const startedMs = performance.now();
  const everyMs = job.perSecond === undefined ? 0 : (1000 * job.lanes) / job.perSecond;
  for (let i = 0; i < messages; i++) {
    const aheadMs = startedMs + (i + index / job.lanes) * everyMs - performance.now();
    if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs));
    if (phase === 'send') await send(i);
    else if (phase === 'recv') leased.push(await recv());
    else if (phase === 'ack') await ack(leased.pop() as Leased);
    else if (phase === 'cycle') {
      await send(i);
      await ack(await recv());
    } else {
      await send(i);
      const { msgId, receipt } = await recv(riding);
      riding = `,"acks":[{"msg_id":"${msgId}","receipt":"${receipt}"}]`;
    }
  }
  return messages * (phase === 'cycle' ? 3 : phase === 'cycle-riding' ? 2 : 1);
}

/** The same three phases, several messages a request. */
async function runBatches(lane: Lane, index: number, job: Job, payload: string): Promise<number> {
  const { phase, messages, name, batch = 1 } = job;
  const topic = `bench.${name}.${index}`;
  const leased = held.get(topic) ?? [];
  held.set(topic, leased);
  for (let i = 0; i < messages; i += batch) {
    if (phase === 'send') {
      const item = (n: number) => `{"topic":"${topic}","idem_key":"${phase}-${n}","payload_b64":"${payload}"}`;
      const items = Array.from({ length: batch }, (_, n) => item(i + n));
      await lane.post('/v1/send/batch', `{"messages":[${items.join(',')}]}`);
    } else if (phase === 'recv') {
      const asked = `{"topic":"${topic}","max_messages":${batch},"visibility_ms":600000}`;
      const answer = JSON.parse(await lane.post('/v1/recv', asked)) as {
        readonly messages: readonly { readonly msg_id: string; readonly receipt: string }[];
      };
      for (const { msg_id: msgId, receipt } of answer.messages) leased.push({ msgId, receipt });
    } else {
      const acks = leased.splice(0, batch).map(({ msgId, receipt }) => ({ msg_id: msgId, receipt }));
      await lane.post('/v1/ack/batch', JSON.stringify({ acks }));
    }
  }
  return Math.ceil(messages / batch);
}

const open = new Map<number, Lane[]>();

process.on('message', async (job: Job) => {
  const lanes = open.get(job.port) ?? Array.from({ length: job.lanes }, () => new Lane(job.port, job.capability));
  for (const lane of lanes) lane.latenciesUs = [];
  const payload = Buffer.alloc(job.payloadBytes, 7).toString('base64');
  // The load never sleeps: otherwise each response of a slower server pays for waking this process, and a faster one does not.
  let over = false;
  const spin = () => {
    if (!over) setImmediate(spin);
  };
  spin();
  const startedMs = performance.now();
  const runOne = job.batch === undefined ? run : runBatches;
  const requests = await Promise.all(lanes.map((lane, i) => runOne(lane, i, job, payload)));
  const seconds = (performance.now() - startedMs) / 1000;
  over = true;
  const sorted = lanes.flatMap((lane) => lane.latenciesUs).sort((a, b) => a - b);
  if (job.keepsOpen === true) open.set(job.port, lanes);
  else for (const lane of lanes) lane.close();
  const done: Done = {
    requests: requests.reduce((sum, n) => sum + n, 0),
    seconds,
    p50Us: sorted[Math.floor(sorted.length * 0.5)] as number,
    p99Us: sorted[Math.floor(sorted.length * 0.99)] as number,
  };
  process.send?.(done);
});
