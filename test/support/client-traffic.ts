import { expect } from 'vitest';
import { Stream } from '../../sim/random.ts';
import { ackResultsIn, envelopeIn } from '../../src/client/binary.ts';
import { Mailbox, type Message, type Trouble } from '../../src/client/index.ts';
import type { FrameEnvelope } from '../../src/client/types.ts';
import { type RecvSaid, readRecv, readSend, type Said, type SendSaid } from '../../src/wire/binary.ts';
import { APP_PROTO, FLAG } from '../../src/wire/frame.ts';
import { readUnits, type Unit } from '../../src/wire/units.ts';
import { DurableServer } from './durable.ts';
import { History, NOTHING } from './history.ts';
import { mustHold } from './kills.ts';
import { until } from './server.ts';

const TOPIC = 'orders.new';
const VISIBILITY_MS = 4000;
const MAX_ATTEMPTS = 50;
const SETTINGS = [
  ...['--max-attempts', String(MAX_ATTEMPTS), '--backoff-base', '1ms', '--backoff-max', '20ms'],
  ...['--shard-capacity', '20000', '--dedup-capacity', '250000'],
];
/** One answer in so many is lost on its way, by chance; of those to sends every so many. */
const LOST_OF = 10;
const SENDS_LOST_OF = 8;
/** One message in so many is worked on for longer than its lease is. */
const SLOW_OF = 200;

/** What went over the wire, read by the server's own code and not by that of the client, for the history checker. */
class Wire {
  readonly history = new History(MAX_ATTEMPTS);
  /** How often each lease was made longer, by message. */
  readonly extensions = new Map<string, number>();
  lost = 0;
  private sends = 0;
  private readonly keys = new Map<string, string>();
  private readonly random: Stream;
  /** Where the server is now. */
  url = '';

  constructor(seed: number) {
    this.random = new Stream(seed, 'lost answers');
  }

  readonly fetch: typeof fetch = async (input, init = {}) => {
    const { pathname } = new URL(String(input));
    const askedMs = performance.now();
    const isFrames = init.body instanceof Uint8Array;
    const body = Buffer.from((init.body ?? '') as Uint8Array);
    const units = isFrames ? unitsOf(body, FLAG.REQ) : [];
    const acks =
      pathname === '/v1/recv'
        ? (askedOf(units[0]!).body.acks ?? [])
        : pathname === '/v1/ack/batch'
          ? JSON.parse(body.toString()).acks
          : [];
    for (const { msg_id, receipt } of acks) this.history.settling(this.keys.get(msg_id)!, msg_id, receipt, askedMs);
    const response = await fetch(new URL(pathname, this.url), init);
    const bytes = Buffer.from(await response.arrayBuffer());
    if (pathname === '/v1/send' ? ++this.sends % SENDS_LOST_OF === 0 : this.random.below(LOST_OF) === 0) {
      this.lost++;
      this.history.counts.unknown++;
      throw new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } });
    }
    if (response.ok) this.seen(pathname, units, acks, bytes, askedMs);
    return new Response(bytes, { status: response.status, headers: response.headers });
  };

  private seen(
    path: string,
    asked: readonly Unit[],
    acks: readonly { msg_id: string; receipt: string }[],
    bytes: Buffer,
    askedMs: number,
  ): void {
    const answeredMs = performance.now();
    if (path.startsWith('/v1/extend/')) {
      const msgId = path.slice('/v1/extend/'.length);
      this.extensions.set(msgId, (this.extensions.get(msgId) ?? 0) + 1);
    } else if (path === '/v1/send') {
      for (const [i, unit] of unitsOf(bytes, FLAG.RESP).entries()) {
        if (unit.code !== 200) continue;
        const key = askedOf(asked[i]!).body.idem_key;
        this.history.accepted({ key, msgId: unit.head.toString('latin1', 0, 26) }, unit.head[26] === 1);
      }
    } else if (path === '/v1/ack/batch') this.acked(acks, JSON.parse(bytes.toString()).results, answeredMs);
    else if (path === '/v1/recv') {
      for (const unit of unitsOf(bytes, FLAG.RESP).filter(({ code }) => code === 200)) {
        if (unit.app === APP_PROTO.ack) this.acked(acks, ackResultsIn(unit.head, acks), answeredMs);
        else this.delivered(envelopeIn(unit.head), askedMs, answeredMs);
      }
    }
  }

  private acked(
    acks: readonly { msg_id: string; receipt: string }[],
    results: readonly object[],
    answeredMs: number,
  ): void {
    for (const [i, { msg_id, receipt }] of acks.entries()) {
      if ('ok' in results[i]!) this.history.acked(this.keys.get(msg_id)!, msg_id, receipt, answeredMs);
    }
  }

  private delivered(
    { msg_id, idem_key, receipt, epoch, attempt }: FrameEnvelope,
    askedMs: number,
    answeredMs: number,
  ): void {
    this.keys.set(msg_id, idem_key);
    this.history.delivered({
      key: idem_key,
      msgId: msg_id,
      receipt,
      epoch,
      attempt,
      askedMs,
      answeredMs,
      visibilityMs: VISIBILITY_MS,
    });
  }
}

const unitsOf = (body: Buffer, kind: number): readonly Unit[] => {
  const { version, units, broken } = readUnits(body, { kind, unitsMax: 1024, expand: null });
  expect([version, broken]).toEqual([2, null]);
  return units;
};
/** What a request of version 2 says. */
const askedOf = ({ app, head }: Unit): Said<RecvSaid & SendSaid> =>
  (app === APP_PROTO.send ? readSend(head) : readRecv(head)) as Said<RecvSaid & SendSaid>;

/** What the application did. */
class Work {
  /** How often each message was handled to the end, by key. */
  readonly handled = new Map<string, number>();
  readonly leasesLost = new Set<string>();
  readonly idOf = new Map<string, string>();
  slow = 0;
  private readonly wire: Wire;

  constructor(wire: Wire) {
    this.wire = wire;
  }

  readonly handler = async (message: Message): Promise<void> => {
    this.idOf.set(message.key, message.id);
    if (Number(message.text()) % SLOW_OF === 0) {
      this.slow++;
      const had = this.wire.extensions.get(message.id) ?? 0;
      await until(() => message.signal.aborted || (this.wire.extensions.get(message.id) ?? 0) >= had + 4, 60_000);
    }
    this.handled.set(message.key, (this.handled.get(message.key) ?? 0) + 1);
  };

  readonly onTrouble = (trouble: Trouble): void => {
    expect(['retrying', 'lease_lost']).toContain(trouble.kind);
    if (trouble.kind === 'lease_lost') this.leasesLost.add(trouble.msgId);
  };

  /** Handled more than once, and no lease of theirs was told to be lost. */
  get doubled(): string[] {
    return [...this.handled]
      .filter(([key, times]) => times > 1 && !this.leasesLost.has(this.idOf.get(key)!))
      .map(([key]) => key);
  }
}

/**
 * A producer and two consumers of the package over a network that loses answers, while the server is killed and started again: all that was
 * sent is handled, once unless a lease was told to be lost, and what went over the wire breaks no rule (U1).
 */
export async function workThroughKills(messages: number, kills: number, seed: number) {
  const server = new DurableServer();
  const wire = new Wire(seed);
  const up = async (starting: Promise<void>): Promise<void> => {
    await starting;
    wire.url = `http://${(await server.process.logged('server.ready'))['http']}`;
  };
  try {
    await up(server.start(...SETTINGS));
    const capability = server.cap(`topic = ${TOPIC}`, 'op = send,recv,ack,nack,extend,stats').token;
    const mailbox = new Mailbox({
      url: 'http://mailbox.test',
      capability,
      fetch: wire.fetch,
      backoffBaseMs: 5,
      backoffMaxMs: 200,
      timeoutMs: 10_000,
    });
    const work = new Work(wire);
    const options = { concurrency: 32, visibilityMs: VISIBILITY_MS, waitMs: 300, onTrouble: work.onTrouble };
    const consumers = [0, 1].map(() => mailbox.consume(TOPIC, work.handler, options));
    const producer = mailbox.producer({ topic: TOPIC, bufferMessages: 2000, batchMessages: 64 });
    const keys = Array.from({ length: messages }, (_, i) => `order-${i}`);
    const producing = (async () => {
      for (const [i, idemKey] of keys.entries()) await producer.enqueue({ payload: String(i), idemKey });
      await producer.close();
    })();
    for (let i = 1; i <= kills; i++) {
      await until(() => work.handled.size >= (i * messages) / (kills + 1), 600_000);
      await up(server.restart(...SETTINGS));
    }
    await producing;
    const watching = new Mailbox({ url: wire.url, capability });
    await until(async () => work.handled.size === messages && (await watching.stats(TOPIC)).depth === 0, 600_000);
    await Promise.all(consumers.map((consumer) => consumer.stop()));
    expect(wire.history.check()).toEqual(NOTHING);
    expect([...work.handled.keys()].toSorted()).toEqual(keys.toSorted());
    expect(work.doubled).toEqual([]);
    await server.process.crash();
    await mustHold(server);
    const again = [...work.handled.values()].filter((times) => times > 1).length;
    return { ...wire.history.counts, lost: wire.lost, slow: work.slow, again, leasesLost: work.leasesLost.size };
  } finally {
    await server.end();
  }
}
