import { createHash } from 'node:crypto';
import { Stream } from '../../sim/random.ts';
import { History } from './history.ts';
import { Recorded } from './recorded.ts';
import type { Answered, Caller } from './traffic.ts';

const TOPICS = 4;
const LARGE_BYTES = 100_000;
const MAX_ATTEMPTS = 50;
const VISIBILITY_MS = 2_000;

/** A server that is there, or will be again. */
export interface Served {
  readonly caller: Pick<Caller, 'ask' | 'post'>;
  /** Settles once it serves again; none where it never goes away. */
  readonly serving?: Promise<void>;
  cap(...caveats: string[]): { readonly token: string };
}

/** Clients that send, receive and ack against a server that comes and goes, and write down what they saw. */
export class Swarm {
  readonly history = new History(MAX_ATTEMPTS);
  readonly recorded = new Recorded(MAX_ATTEMPTS, VISIBILITY_MS);
  private readonly server: Served;
  private readonly random: Stream;
  private readonly seed: number;
  private readonly cap: string;
  private readonly running: Promise<void>[] = [];
  private keys = 0;
  private sending = true;
  private over = false;
  private failure: unknown = null;
  private wake: (() => void) | null = null;
  private answersLeft = 0;

  /** `seed`: another one for each swarm that a server sees. */
  constructor(server: Served, seed: number) {
    this.server = server;
    this.seed = seed;
    this.random = new Stream(seed, 'swarm');
    this.cap = server.cap('topic prefix t', 'op = send,recv,ack,nack,stats').token;
  }

  start(producers: number, consumers: number): void {
    for (let i = 0; i < producers; i++) this.run(() => this.produce(i));
    for (let i = 0; i < consumers; i++) this.run(() => this.consume(i));
  }

  private run(client: () => Promise<void>): void {
    this.running.push(
      client().catch((error) => {
        this.failure ??= error;
        this.wake?.();
      }),
    );
  }

  /** Null when there was no answer. */
  private async ask(path: string, body: object): Promise<Answered | null> {
    const askedMs = performance.now();
    try {
      const answer = await this.server.caller.post(path, this.cap, body);
      this.recorded.told(path, body, askedMs, answer);
      if (--this.answersLeft <= 0) this.wake?.();
      if (answer.status >= 500) this.history.counts.refused++;
      return answer;
    } catch {
      this.recorded.told(path, body, askedMs, null);
      this.history.counts.unknown++;
      await this.server.serving;
      return null;
    }
  }

  /** Resolves after so many answers more. */
  async answers(more: number): Promise<void> {
    this.answersLeft = more;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      if (this.failure !== null) resolve();
    });
    this.wake = null;
    if (this.failure !== null) throw this.failure;
  }

  private async produce(index: number): Promise<void> {
    const topic = `t${index % TOPICS}`;
    while (this.sending) {
      const key = `${this.seed}.${index}.${++this.keys}`;
      const payload = payloadOf(key, this.random.chance(0.01));
      for (let answered = false; !answered && this.sending; ) answered = await this.send(topic, key, payload);
    }
  }

  private async send(topic: string, key: string, payload: Buffer): Promise<boolean> {
    const body = { topic, idem_key: key, payload_b64: payload.toString('base64') };
    const answer = await this.ask('/v1/send', body);
    if (answer === null || answer.status >= 429) return false;
    const msgId: string = answer.body.msg_id;
    if (answer.status === 200) this.history.accepted({ key, msgId }, false);
    else if (answer.body.code === 'E_DUPLICATE') this.history.accepted({ key, msgId }, true);
    else throw new Error(`send: ${answer.status} ${JSON.stringify(answer.body)}`);
    return true;
  }

  private async consume(index: number): Promise<void> {
    const topic = `t${index % TOPICS}`;
    while (!this.over) {
      const askedMs = performance.now();
      const asking = { topic, max_messages: 1 + this.random.below(8), visibility_ms: VISIBILITY_MS, wait_ms: 100 };
      const answer = await this.ask('/v1/recv', asking);
      const answeredMs = performance.now();
      for (const envelope of answer?.body?.messages ?? []) {
        const { msg_id: msgId, idem_key: key, receipt, epoch, attempt, payload_b64 } = envelope;
        this.history.delivered({
          ...{ key, msgId, receipt, epoch, attempt, askedMs, answeredMs },
          visibilityMs: VISIBILITY_MS,
        });
        const payload = Buffer.from(payload_b64, 'base64');
        if (!payload.equals(payloadOf(key, payload.length > 1000))) throw new Error(`${key}: another payload`);
        if (!this.random.chance(0.05)) await this.ack(key, msgId, receipt);
      }
    }
  }

  /** Repeats it until it is answered, across crashes (LE4). */
  private async ack(key: string, msgId: string, receipt: string): Promise<void> {
    this.history.settling(key, msgId, receipt, performance.now());
    for (;;) {
      const answer = await this.ask(`/v1/ack/${msgId}`, { receipt });
      if (answer === null || answer.status >= 429) continue;
      if (answer.status === 200) this.history.acked(key, msgId, receipt, performance.now());
      else if (answer.body.code !== 'E_LEASE_LOST') throw new Error(`ack: ${JSON.stringify(answer.body)}`);
      return;
    }
  }

  /** No more sends; ends when nothing is left. */
  async drain(): Promise<void> {
    this.sending = false;
    const endMs = performance.now() + 60_000;
    for (let depth = -1; depth !== 0 || this.history.open > 0; ) {
      if (this.failure !== null) throw this.failure;
      if (performance.now() > endMs) break;
      depth = 0;
      for (let i = 0; i < TOPICS; i++) {
        const { body } = await this.server.caller.ask('GET', `/v1/stats?topic=t${i}`, this.cap);
        depth += body.depth;
      }
    }
    this.over = true;
    await Promise.all(this.running);
    for (let i = 0; i < TOPICS; i++) this.recorded.drained(`t${i}`);
    if (this.failure !== null) throw this.failure;
  }
}

/** What was sent under a key: whoever receives it can tell. */
function payloadOf(key: string, large: boolean): Buffer {
  const seed = createHash('sha256').update(key).digest();
  return large ? Buffer.alloc(LARGE_BYTES, seed) : seed;
}
