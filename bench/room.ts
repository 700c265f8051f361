/**
 * What the budgets of memory count against what the heap takes (BD0): the service filled with messages of many shapes, each in a
 * process of its own, and what the collector leaves of it.
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { DEFAULT_LIMITS, type Limits } from '../src/core/limits.ts';
import type { Caller, Reply, SendRequest } from '../src/service/messages.ts';
import { Service } from '../src/service/service.ts';

/** How the program asks itself for a child. */
export const ROOM_CHILD = 'room-child';

interface Shape {
  readonly name: string;
  readonly count: number;
  readonly topic?: (i: number) => string;
  readonly key?: (i: number) => string;
  readonly bytes?: number;
  readonly attrs?: (i: number) => Readonly<Record<string, string>>;
  /** Each is received and acked. */
  readonly ends?: true;
}

const texts = (count: number, name: (i: number) => string, value: (i: number) => string) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [name(i), value(i)]));
export const ROOM_SHAPES: readonly Shape[] = [
  { name: 'empty', count: 100_000 },
  { name: 'longest keys', count: 100_000, key: (i) => `${i}`.padEnd(128, 'k') },
  { name: '64 bytes', count: 100_000, bytes: 64 },
  { name: '256 bytes', count: 100_000, bytes: 256 },
  { name: '20 kB', count: 5_000, bytes: 20_000 },
  { name: 'two attributes', count: 50_000, attrs: (i) => ({ kind: `k${i % 7}`, trace: `${i}` }) },
  {
    name: '32 short attributes',
    count: 20_000,
    attrs: (i) =>
      texts(
        32,
        (k) => `a${i}.${k}`,
        () => 'v',
      ),
  },
  {
    name: '32 KiB of attributes',
    count: 3_000,
    attrs: () =>
      texts(
        32,
        (k) => `a${k}`,
        () => 'x'.repeat(1024),
      ),
  },
  {
    name: 'wide attributes',
    count: 5_000,
    attrs: () =>
      texts(
        32,
        (k) => `a${k}`,
        () => '€'.repeat(341),
      ),
  },
  { name: 'a topic each', count: 50_000, topic: (i) => `t.${i}` },
  { name: 'a tenant each', count: 50_000, topic: (i) => `t${i}` },
  { name: 'ended', count: 400_000, key: () => randomUUID(), ends: true },
  { name: 'ended, other keys', count: 400_000, key: (i) => `${i}`.padStart(36, 'key-'), ends: true },
  { name: 'ended, longest keys', count: 400_000, key: (i) => `${i}`.padEnd(128, 'k'), ends: true },
];

const LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  ...{ shardCapacity: 10_000_000, dedupCapacity: 10_000_000, settledCapacity: 10_000_000, tenantShare: 0 },
};
const EVERYBODY: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };
/** As a request brings it: texts that nothing else holds. */
const fresh = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
/** A text of its own each time, and the same for the same payload: what is damaged would be a dead letter, not delivered. */
const hashOf = (payload: Uint8Array): string => `b3:${createHash('sha256').update(payload).digest('hex')}`;
const anyHash = (): string => `b3:${randomBytes(32).toString('hex')}`;

export interface RoomResult {
  readonly name: string;
  /** A message, as it is counted and as it is. */
  readonly counted: number;
  readonly taken: number;
}

/** In a process of its own: fills and weighs. */
export function weigh({ count, topic = () => 't', key = (i) => `k${i}`, bytes = 0, attrs = () => ({}), ends }: Shape) {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('run with --expose-gc');
  const service = new Service({
    shards: Service.empty(2, LIMITS),
    random: { below: (below) => Math.floor(Math.random() * below), token: () => randomBytes(16).toString('hex') },
    integrity: { payloadHashOf: hashOf, hashChainOf: anyHash },
    observer: { fact: () => {} },
    effects: { append: () => waiting++ },
  });
  let waiting = 0;
  const ask = (request: Parameters<Service['request']>[0]) => {
    const answers: Reply[] = [];
    service.request(request, EVERYBODY, 1_000, (reply) => answers.push(reply));
    for (; waiting > 0; waiting--) service.durable();
    return answers[0] as Reply;
  };
  const sendOf = (i: number): SendRequest => ({
    ...{ verb: 'send', payload: Buffer.allocUnsafeSlow(bytes), payloadHash: null, delayMs: 0 },
    ...fresh({
      topic: topic(i),
      idemKey: key(i),
      attrs: attrs(i),
      corrId: `0190c2a0-0000-7000-8000-${i}`.padEnd(36, '0'),
    }),
    ttlMs: Number.POSITIVE_INFINITY,
  });
  const step = (i: number): void => {
    const sent = ask(sendOf(i));
    if (sent.outcome !== 'ok') throw new Error(sent.outcome);
    if (ends === undefined) return;
    const most = { visibilityMs: null, messagesMax: 1, bytesMax: 1e9, waitMs: 0, acks: [] };
    const [delivery] = ask({ verb: 'recv', topic: topic(i), ...most }).deliveries ?? [];
    const { msgId = '', receipt = '' } = delivery ?? {};
    const { outcome } = ask({ verb: 'ack', msgId, receipt });
    if (outcome !== 'ok') throw new Error(outcome);
  };
  // What is remembered of the last facts is bounded, and full before anything is weighed.
  const first = 20_000;
  for (let i = -first; i < 0; i++) {
    if (ends === undefined) ask({ ...sendOf(i), topic: 'first', idemKey: `first${i}`, attrs: {} });
    else step(i);
  }
  const used = (): number => {
    for (let i = 0; i < 3; i++) collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const counted = (): number => service.memory.payloadBytes + service.memory.liveBytes + service.memory.endedBytes;
  const before = { used: used(), counted: counted() };
  for (let i = 0; i < count; i++) step(i);
  const after = { used: used(), counted: counted() };
  return { counted: (after.counted - before.counted) / count, taken: (after.used - before.used) / count };
}

export function benchRoom(): RoomResult[] {
  return ROOM_SHAPES.map(({ name }) => {
    const args = [...process.execArgv, process.argv[1] as string, ROOM_CHILD, name];
    return {
      name,
      ...(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Omit<RoomResult, 'name'>),
    };
  });
}
