import { readFileSync } from 'node:fs';
import type { DurableServer } from './durable.ts';

/** A message that fills the memory; the one with this number. */
export type Shape = (i: number) => {
  readonly topic?: string;
  readonly key?: string;
  readonly bytes?: number;
  readonly attrs?: Readonly<Record<string, string>>;
};

const TOPICS = 50;
const AT_ONCE = 100;
/** Topics that are consumed afterwards. */
const CONSUMED_MAX = 500;
const topicOf = (shape: Shape, i: number): string => shape(i).topic ?? `t.${i % TOPICS}`;
const bodyOf = (shape: Shape, i: number): object => {
  const { key = `k${i}`, bytes = 0, attrs = {} } = shape(i);
  const payload_b64 = Buffer.alloc(bytes, 1).toString('base64');
  return { topic: topicOf(shape, i), idem_key: key, payload_b64, attrs };
};

export interface Filled {
  readonly accepted: number;
  /** Of the process, when it was full. */
  readonly rssBytes: number;
  /** The first refusal. */
  readonly refused: unknown;
  /** The answer to one more, by the process that was started after it was killed. */
  readonly restarted: number;
  /** Accepted in the topics that are consumed, and received and acked of that process. */
  readonly expected: number;
  readonly received: number;
  /** The answer to one more after that. */
  readonly consumed: number;
}

/** Fills a server whose heap is small with messages until one is refused, kills it, starts it again, and consumes them all. */
export async function filled(server: DurableServer, shape: Shape, heapMiB: number, most: number): Promise<Filled> {
  server.under = ['env', `NODE_OPTIONS=--max-old-space-size=${heapMiB}`];
  await server.start();
  const { token } = server.cap('topic prefix t.', 'op = send,recv,ack');
  const ask = (path: string, body: object) => server.caller.post(path, token, body);
  const send = async (i: number) => (await ask('/v1/send', bodyOf(shape, i))).status;
  const batch = async (from: number) => {
    // As many as a body of 1 MiB holds.
    const each = Math.ceil(Buffer.byteLength(JSON.stringify(bodyOf(shape, from))) * 1.1) + 40;
    const count = Math.min(AT_ONCE, Math.floor(1_000_000 / each));
    const messages = Array.from({ length: count }, (_, k) => bodyOf(shape, from + k));
    return (await ask('/v1/send/batch', { messages })).body.results as { msg_id?: string }[];
  };
  let sent = 0;
  const accepted: string[] = [];
  let refused: unknown = null;
  while (refused === null && sent < most) {
    const from = sent;
    const results = await batch(from);
    sent += results.length;
    for (const [i, one] of results.entries()) {
      if (one.msg_id === undefined) refused ??= one;
      else accepted.push(topicOf(shape, from + i));
    }
  }
  const rssBytes = rssOf(server.process.child.pid as number);
  await server.restart();
  const restarted = await send(most);
  let received = 0;
  const consuming = new Set([...new Set(accepted)].slice(0, CONSUMED_MAX));
  for (const topic of consuming) {
    for (let acks: object[] = []; ; ) {
      const { body } = await ask('/v1/recv', { topic, max_messages: 32, acks });
      const messages = body.messages as { msg_id: string; receipt: string }[];
      received += messages.length;
      if (messages.length === 0) break;
      acks = messages.map(({ msg_id, receipt }) => ({ msg_id, receipt }));
    }
  }
  const expected = accepted.filter((topic) => consuming.has(topic)).length;
  return { accepted: accepted.length, rssBytes, refused, restarted, expected, received, consumed: await send(most) };
}

const rssOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
