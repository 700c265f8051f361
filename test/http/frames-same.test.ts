import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ackResultsIn, envelopeIn, sentIn } from '../../src/client/binary.ts';
import { APP_PROTO } from '../../src/wire/frame.ts';
import { ackUnit, binaryBody, postBinary, recvUnit, sendUnit } from '../support/binary.ts';
import fc from '../support/properties.ts';
import { TestServer } from '../support/server.ts';

/** The same asks in JSON and in frames of version 2, of a server each: they have the same answers, but for ids, times and secrets. */
interface Send {
  readonly topic: string;
  readonly key: string;
  readonly payload: string;
  readonly attrs: Record<string, string> | null;
  readonly delayMs: number;
  /** The hash of another payload goes with it. */
  readonly isWrong: boolean;
}
/** By its place among the leases that are held; where there is none, of a message that nobody knows. */
interface Ack {
  readonly place: number;
  readonly isForged: boolean;
}
interface Round {
  readonly sends: readonly Send[];
  readonly topic: string;
  readonly messagesMax: number;
  readonly riding: readonly Ack[];
  readonly acks: readonly Ack[];
}
interface Lease {
  readonly msg_id: string;
  readonly receipt: string;
}
/** What came of an ask, without what differs from server to server. */
type Came = object;

const TOPICS = ['t.one', 't.two', 'u.not-allowed', 'T', '', 't.\u00e9', 't'.repeat(129)];
const HASH_OF_OTHER = `b3:${'0'.repeat(64)}`;
const UNKNOWN: Lease = { msg_id: '01J8ZC4V2N6Q9R0S3T5W7X8Y1A', receipt: 'r' };
const VISIBILITY_MS = 600_000;

const rarely = <T>(value: T, other: T) =>
  fc.oneof({ arbitrary: fc.constant(value), weight: 5 }, { arbitrary: fc.constant(other), weight: 1 });
const topic = fc.oneof({ arbitrary: fc.constantFrom('t.one', 't.two'), weight: 6 }, fc.constantFrom(...TOPICS));
const send: fc.Arbitrary<Send> = fc.record({
  topic,
  key: fc.constantFrom('k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k 7', 'k'.repeat(129)),
  payload: fc.constantFrom('', 'a', 'b', '\u0000\u00ff', 'x'.repeat(70_000)),
  attrs: fc.constantFrom(null, null, {}, { a: '\u00e9' }, { A: 'x' }, { a: '\u0000' }),
  delayMs: fc.constantFrom(0, 0, 0, 3_600_000, 43_200_001),
  isWrong: rarely(false, true),
});
const ack: fc.Arbitrary<Ack> = fc.record({ place: fc.nat(5), isForged: rarely(false, true) });
const round: fc.Arbitrary<Round> = fc.record({
  sends: fc.array(send, { minLength: 1, maxLength: 6 }),
  topic,
  messagesMax: fc.integer({ min: 1, max: 5 }),
  riding: fc.array(ack, { maxLength: 3 }),
  acks: fc.array(ack, { minLength: 1, maxLength: 3 }),
});

/** One side: how it is asked, and what it remembers of its own ids. */
abstract class Side {
  readonly server: TestServer;
  /** Which send a message came of. */
  private readonly sentAs = new Map<string, number>();
  private readonly leases: Lease[] = [];
  private sends = 0;

  constructor(server: TestServer) {
    this.server = server;
  }

  protected abstract send(bodies: readonly Send[], asked: Asked): Promise<readonly Result[]>;
  protected abstract recv(round: Round, acks: readonly Lease[], asked: Asked): Promise<Received>;
  protected abstract ack(acks: readonly Lease[], asked: Asked): Promise<readonly Result[]>;

  async play(rounds: readonly Round[], asked: Asked): Promise<readonly Came[]> {
    const came: Came[] = [];
    for (const one of rounds) {
      const sent = await this.send(one.sends, asked);
      for (const { msg_id, code } of sent) {
        if (code === undefined) this.sentAs.set(msg_id as string, this.sends);
        this.sends++;
      }
      came.push(sent.map((result) => this.told(result)));
      const { messages, ackResults, refused } = await this.recv(one, this.named(one.riding), asked);
      came.push({ messages: messages.map(seen), ackResults: ackResults.map((result) => this.told(result)), refused });
      for (const { msg_id, receipt } of messages) this.leases.push({ msg_id, receipt });
      came.push((await this.ack(this.named(one.acks), asked)).map((result) => this.told(result)));
    }
    return came;
  }

  private named(acks: readonly Ack[]): Lease[] {
    return acks.map(({ place, isForged }) => {
      const lease = this.leases[this.leases.length - 1 - place] ?? UNKNOWN;
      return isForged ? { ...lease, receipt: 'not-it' } : lease;
    });
  }

  /** Ids become the send that they came of. */
  private told({ code, message, duplicate, msg_id = '' }: Result): Came {
    return { code, message, duplicate, of: this.sentAs.get(msg_id) };
  }
}

interface Asked {
  /** Keeps the keys of runs apart. */
  readonly run: number;
  readonly cap: string;
}
interface Result {
  readonly code?: string;
  readonly message?: string;
  readonly duplicate?: boolean;
  readonly msg_id?: string;
}
interface Given extends Lease {
  readonly topic: string;
  readonly idem_key: string;
  readonly payload: Buffer;
  readonly payload_hash: string;
  readonly attrs: object;
  readonly attempt: number;
  readonly epoch: number;
}
interface Received {
  readonly messages: readonly Given[];
  readonly ackResults: readonly Result[];
  readonly refused: Result | null;
}

const seen = ({ topic, idem_key, payload, payload_hash, attrs, attempt, epoch }: Given): Came => ({
  ...{ topic, idem_key, payload: payload.toString('latin1'), payload_hash, attrs, attempt, epoch },
});
const keyOf = (key: string, { run }: Asked): string => (key.length > 100 ? key : `${key}-${run}`);
const bytesOf = ({ payload }: Send): Buffer => Buffer.from(payload, 'latin1');
const fieldsOf = (one: Send, asked: Asked) => ({
  topic: one.topic,
  idem_key: keyOf(one.key, asked),
  ...(one.delayMs > 0 ? { delay_ms: one.delayMs } : {}),
  ...(one.isWrong ? { payload_hash: HASH_OF_OTHER } : {}),
});
const refusalIn = ({ code, message }: Record<string, string>): Result => ({ code, message }) as Result;

class InJson extends Side {
  protected async send(bodies: readonly Send[], asked: Asked): Promise<readonly Result[]> {
    const messages = bodies.map((one) => ({
      ...fieldsOf(one, asked),
      ...(one.attrs === null ? {} : { attrs: one.attrs }),
      payload_b64: bytesOf(one).toString('base64'),
    }));
    return (await this.server.ask('POST', '/v1/send/batch', { messages }, { cap: asked.cap })).body.results;
  }

  protected async recv(round: Round, acks: readonly Lease[], asked: Asked): Promise<Received> {
    const { topic, messagesMax: max_messages } = round;
    const riding = acks.length === 0 ? {} : { acks };
    const body = { topic, max_messages, visibility_ms: VISIBILITY_MS, ...riding };
    const answer = await this.server.ask('POST', '/v1/recv', body, { cap: asked.cap });
    if (answer.status !== 200) return { messages: [], ackResults: [], refused: refusalIn(answer.body) };
    const given = answer.body.messages as (Omit<Given, 'payload'> & { payload_b64: string })[];
    const messages = given.map((one) => ({ ...one, payload: Buffer.from(one.payload_b64, 'base64') }));
    return { messages, ackResults: answer.body.ack_results ?? [], refused: null };
  }

  protected async ack(acks: readonly Lease[], asked: Asked): Promise<readonly Result[]> {
    return (await this.server.ask('POST', '/v1/ack/batch', { acks }, { cap: asked.cap })).body.results;
  }
}

class InFrames extends Side {
  protected async send(bodies: readonly Send[], asked: Asked): Promise<readonly Result[]> {
    const units = bodies.map((one) => {
      const attrs = one.attrs === null ? '' : JSON.stringify(one.attrs);
      return { payload: sendUnit({ body: fieldsOf(one, asked), attrs: Buffer.from(attrs), payload: bytesOf(one) }) };
    });
    const answer = await postBinary(this.server, '/v1/send', binaryBody(units), { cap: asked.cap });
    return answer.units.map(({ code, head, error }) => (code === 200 ? sentIn(head) : error));
  }

  protected async recv(round: Round, acks: readonly Lease[], asked: Asked): Promise<Received> {
    const { topic, messagesMax: max_messages } = round;
    const unit = recvUnit({ topic, max_messages, visibility_ms: VISIBILITY_MS, acks: [...acks] });
    const body = binaryBody([{ payload: unit }], APP_PROTO.recv);
    const { units } = await postBinary(this.server, '/v1/recv', body, { cap: asked.cap });
    const [first] = units;
    if (first !== undefined && first.code >= 400)
      return { messages: [], ackResults: [], refused: refusalIn(first.error) };
    const results = units.find(({ app }) => app === APP_PROTO.ack);
    const messages = units.filter(({ app, code }) => app === APP_PROTO.recv && code === 200);
    return {
      messages: messages.map(({ head }) => {
        const { payload, ...more } = envelopeIn(head);
        return { ...more, payload: Buffer.from(payload) };
      }),
      ackResults: results === undefined ? [] : (ackResultsIn(results.head, acks) as readonly Result[]),
      refused: null,
    };
  }

  protected async ack(acks: readonly Lease[], asked: Asked): Promise<readonly Result[]> {
    const body = binaryBody(
      acks.map((one) => ({ payload: ackUnit(one) })),
      APP_PROTO.ack,
    );
    const { units } = await postBinary(this.server, '/v1/ack/batch', body, { cap: asked.cap });
    return units.map(({ code, error }, i) => {
      const { msg_id } = acks[i] as Lease;
      return code === 200 ? { msg_id } : { msg_id, ...error };
    });
  }
}

let servers: readonly TestServer[] = [];
beforeAll(async () => {
  servers = await Promise.all([TestServer.start(), TestServer.start()]);
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));

describe('frames, version 2, and JSON', () => {
  it('the same asks have the same answers: sends, receives, acks that ride along and batches of them (T4, T5, LE8)', async () => {
    const [inJson, inFrames] = servers as readonly [TestServer, TestServer];
    const seenCodes = new Set<string>();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 4 }), async (rounds) => {
        run++;
        const caps = servers.map((server) => server.cap('topic prefix t', 'op = send,recv,ack'));
        const [one, two] = await Promise.all([
          new InJson(inJson).play(rounds, { run, cap: caps[0] as string }),
          new InFrames(inFrames).play(rounds, { run, cap: caps[1] as string }),
        ]);
        expect(two).toEqual(one);
        for (const [code] of JSON.stringify(two).matchAll(/E_[A-Z_]+|"messages":\[\{|"duplicate":false/g))
          seenCodes.add(code);
      }),
      { numRuns: 60 },
    );
    const most = ['E_SCHEMA', 'E_CAP_SCOPE', 'E_DUPLICATE', 'E_IDEM_MISMATCH', 'E_INTEGRITY', 'E_LEASE_LOST'];
    expect([...seenCodes]).toEqual(
      expect.arrayContaining([...most, 'E_NOT_FOUND', '"messages":[{', '"duplicate":false']),
    );
  });
});
