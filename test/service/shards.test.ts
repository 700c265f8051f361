import { beforeEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../../spec/vocabulary.ts';
import { apply } from '../../src/core/apply.ts';
import type { Fact } from '../../src/core/facts.ts';
import { formatMsgId } from '../../src/core/msg-id.ts';
import { ShardState } from '../../src/core/state.ts';
import type { Batch } from '../../src/ports/journal.ts';
import type { Caller, Delivery, RecvRequest, Reply, Request, SendRequest } from '../../src/service/messages.ts';
import { Service } from '../../src/service/service.ts';
import { shardOfTopic } from '../../src/service/sharding.ts';
import { limitsOf } from '../support/shard.ts';

const SHARDS = 4;
const topicOf = (shard: number): string => {
  for (let i = 0; ; i++) if (shardOfTopic(`t${i}`, SHARDS) === shard) return `t${i}`;
};
/** The topic whose shard falls, and one of another shard. */
const BAD = topicOf(1);
const GOOD = topicOf(2);
const everyone: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };

/** A service with a bug: what `isBad` names cannot be applied. */
class Bench {
  nowMs = 1_000_000;
  isBad: (fact: Fact) => boolean = () => false;
  readonly appended: Batch[] = [];
  readonly fallen: number[] = [];
  readonly service: Service;
  readonly replies: Reply[] = [];
  private drawn = 0;

  constructor(supervised = true) {
    this.service = new Service({
      shards: Service.empty(SHARDS, limitsOf()),
      random: { below: () => 0, token: () => `receipt-${++this.drawn}` },
      integrity: { payloadHashOf: (p) => `b3:${p.join('.')}`, hashChainOf: () => 'b3:chain' },
      observer: {
        fact: (_shard, fact) => {
          if (this.isBad(fact)) throw new Error('bug');
        },
      },
      effects: {
        append: (batches) => {
          this.appended.push(...batches);
          this.service.durable();
        },
        ...(supervised ? { fell: (shard: number) => this.fallen.push(shard) } : {}),
      },
    });
  }

  ask(request: Request, caller = everyone): Reply | undefined {
    const before = this.replies.length;
    this.service.request(request, caller, this.nowMs, (reply) => this.replies.push(reply));
    return this.replies[before];
  }

  send(topic: string, idemKey: string, payload = new Uint8Array([1, 2])): Reply | undefined {
    return this.ask(sending(topic, idemKey, payload));
  }

  recv(topic: string, changed: Partial<RecvRequest> = {}): Reply | undefined {
    return this.ask({ ...RECV, topic, ...changed });
  }

  /** The one message that there is to take. */
  take(topic: string): Delivery {
    return this.recv(topic)?.deliveries?.[0] as Delivery;
  }

  /** The shard as the journal has it. */
  replayed(shard: number): ShardState {
    const state = new ShardState(shard, limitsOf());
    for (const batch of this.appended) if (batch.shard === shard) for (const fact of batch.facts) apply(state, fact);
    return state;
  }

  /** The next send to BAD makes its shard fall. */
  fall(): void {
    this.isBad = ({ name }) => name === 'sent';
    expect(this.send(BAD, 'poison')?.outcome).toBe('internal');
    this.isBad = () => false;
  }
}

const sending = (topic: string, idemKey: string, payload = new Uint8Array([1, 2])): SendRequest => ({
  ...{ verb: 'send', topic, idemKey, payload, payloadHash: null, attrs: {}, corrId: 'c' },
  ...{ delayMs: 0, ttlMs: Number.POSITIVE_INFINITY },
});
const RECV: RecvRequest = {
  ...{ verb: 'recv', topic: '', visibilityMs: null, messagesMax: 32, bytesMax: 1024, waitMs: 0, acks: [] },
};

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('a shard that throws', () => {
  it('falls alone: its caller gets a 500, everything else of it 503 and a wait, the other shards serve (V4, BD3)', () => {
    bench.send(BAD, 'before');
    const { msgId, receipt } = bench.take(BAD);
    bench.fall();
    expect(bench.fallen).toEqual([1]);
    const refused = { outcome: 'starting', retryAfterMs: 1000 };
    const item = { msgId, receipt };
    for (const request of [
      sending(BAD, 'next'),
      { ...RECV, topic: BAD },
      { verb: 'ack', ...item },
      { verb: 'nack', ...item, reason: null, retryAfterMs: null, deadLetter: false },
      { verb: 'extend', ...item, visibilityMs: null },
      { verb: 'stats', topic: BAD },
      { verb: 'dlq_list', topic: BAD, reason: null, limit: 1, after: 0, withPayload: false },
      { verb: 'purge', topic: BAD, msgIds: null, olderThanMs: 0 },
      { verb: 'reprocess', topic: BAD, msgIds: null, reason: null, limit: 1, ratePerS: null },
    ] as Request[]) {
      expect([request.verb, bench.ask(request)]).toEqual([request.verb, expect.objectContaining(refused)]);
    }
    expect(bench.send(GOOD, 'k')?.outcome).toBe('ok');
    const other = bench.recv(GOOD, { acks: [item] });
    expect(other).toMatchObject({ outcome: 'ok', ackOutcomes: ['starting'] });
    expect(other?.deliveries).toHaveLength(1);
    bench.nowMs += 60_000;
    bench.service.tick(bench.nowMs);
    expect(bench.fallen).toEqual([1]);
  });

  it('global_inflight: a lease counts on while nobody knows whether it has ended, or has begun (BD1)', () => {
    const most = (globalInflight: number): void => bench.service.changeLimits(limitsOf({ globalInflight }));
    most(2);
    for (const topic of [BAD, GOOD]) for (const key of ['a', 'b']) bench.send(topic, key);
    const [held] = [BAD, GOOD].map((topic) => bench.recv(topic, { messagesMax: 1 })?.deliveries?.[0] as Delivery);
    bench.isBad = ({ name }) => name === 'acked';
    expect(bench.ask({ verb: 'ack', msgId: held?.msgId as string, receipt: held?.receipt as string })?.outcome).toBe(
      'internal',
    );
    // The journal has it leased: with another one there would be three.
    expect(bench.recv(GOOD)).toMatchObject({ outcome: 'saturated_inflight', deliveries: [] });
    most(3);
    expect(bench.recv(GOOD)).toMatchObject({ outcome: 'ok', deliveries: [{ topic: GOOD }] });
    bench.service.revive(bench.replayed(1));
    expect(bench.service.inflight).toBe(3);
  });

  it('scope and quota come first, as ever (BD2)', () => {
    bench.fall();
    const request = sending(BAD, 'k');
    expect(bench.ask(request, { ...everyone, allowsTopic: () => false })?.outcome).toBe('cap_scope');
    expect(bench.ask(request, { ...everyone, charge: () => 5 })?.outcome).toBe('quota');
    const spent: Caller = { ...everyone, charge: () => 5 };
    const msgId = formatMsgId(bench.nowMs, 1, 0, 0);
    expect(bench.ask({ verb: 'ack', msgId, receipt: 'r' }, spent)?.outcome).toBe('quota');
  });

  it('nothing of the decision it fell over is journaled; what it had decided before is (PrefixProp)', () => {
    bench.send(BAD, 'before');
    bench.fall();
    bench.send(GOOD, 'after');
    const sent = bench.appended.flatMap(({ facts }) =>
      facts.flatMap((fact) => ('idemKey' in fact ? [fact.idemKey] : [])),
    );
    expect(sent).toEqual(['before', 'after']);
  });

  it('a batch: the item it fell over and those after it are refused, the others stand', () => {
    bench.isBad = (fact) => fact.name === 'sent' && fact.idemKey === 'poison';
    const items = [sending(BAD, 'a'), sending(BAD, 'poison'), sending(GOOD, 'b'), sending(BAD, 'c')];
    let outcomes: Outcome[] = [];
    bench.service.batch(
      items.map((request) => ({ request, caller: everyone })),
      bench.nowMs,
      (replies) => {
        outcomes = replies.map(({ outcome }) => outcome);
      },
    );
    expect(outcomes).toEqual(['ok', 'internal', 'ok', 'starting']);
  });

  it('long polls, streams and paced reprocesses of its topics end with a wait; the others go on', () => {
    const ended: Outcome[] = [];
    const consumer = (topic: string) => {
      const request = { topic, visibilityMs: null, credit: 1, bytesMax: 1024, acks: [] };
      bench.service.stream({ ...request, messagesMax: 9, waitMs: 9e9 }, everyone, bench.nowMs, {
        opened: () => {},
        deliver: () => {},
        ended: (outcome) => ended.push(outcome),
      });
    };
    const msgIds = ['dead', 'dead too'].map((key) => {
      bench.send(BAD, key);
      const { msgId, receipt } = bench.take(BAD);
      bench.ask({ verb: 'nack', msgId, receipt, reason: null, retryAfterMs: null, deadLetter: true });
      return msgId;
    });
    const paced = { verb: 'reprocess', topic: BAD, msgIds, reason: null, limit: 9, ratePerS: 1 } as const;
    expect(bench.ask(paced)).toBeUndefined();
    // What it has put back is taken: nothing is there for those who wait.
    bench.take(BAD);
    for (const topic of [BAD, GOOD]) {
      expect(bench.recv(topic, { waitMs: 20_000 })).toBeUndefined();
      consumer(topic);
    }
    const before = bench.replies.length;
    bench.isBad = ({ name }) => name === 'sent';
    bench.send(BAD, 'poison');
    expect(bench.replies.slice(before).map(({ outcome }) => outcome)).toEqual(['starting', 'starting', 'internal']);
    expect(ended).toEqual(['starting']);
    expect([bench.service.pollCount, bench.service.streamCount]).toEqual([2, 1]);
  });

  it('by time: the shards after it in the same tick are not held up', () => {
    for (const topic of [BAD, topicOf(3)]) {
      bench.send(topic, 'k');
      bench.recv(topic, { visibilityMs: 1000 });
    }
    bench.isBad = ({ name }) => name === 'expired' && bench.fallen.length === 0;
    bench.nowMs += 1000;
    bench.service.tick(bench.nowMs);
    expect(bench.fallen).toEqual([1]);
    expect(bench.appended.at(-1)).toMatchObject({ shard: 3, facts: [{ name: 'expired' }] });
    expect(bench.service.nextWakeMs()).toBeGreaterThan(bench.nowMs);
  });

  it('a long poll that is served: it and those behind it are answered once', () => {
    bench.isBad = ({ name }) => name === 'received';
    bench.recv(BAD, { waitMs: 20_000 });
    bench.recv(BAD, { waitMs: 20_000 });
    bench.send(BAD, 'k');
    expect(bench.replies.map(({ outcome }) => outcome).sort()).toEqual(['ok', 'starting', 'starting']);
  });

  it('revived from the journal it goes on where the journal ended, leases and windows included (RT4, ID4, R3)', () => {
    const { msgId } = bench.send(BAD, 'kept', new Uint8Array(10)) as Reply;
    const { receipt } = bench.take(BAD);
    bench.isBad = ({ name }) => name === 'acked';
    expect(bench.ask({ verb: 'ack', msgId: msgId as string, receipt })?.outcome).toBe('internal');
    bench.isBad = () => false;
    bench.service.changeLimits({ ...limitsOf(), shardCapacity: 1 });
    bench.service.revive(bench.replayed(1));
    expect([bench.service.down.size, bench.service.memory.payloadBytes]).toEqual([0, 10]);
    expect(bench.send(BAD, 'kept', new Uint8Array(10))).toMatchObject({ outcome: 'duplicate', msgId });
    expect(bench.send(BAD, 'more')?.outcome).toBe('saturated_shard');
    expect(bench.ask({ verb: 'ack', msgId: msgId as string, receipt })?.outcome).toBe('ok');
    expect(bench.service.memory.payloadBytes).toBe(0);
    expect(bench.replayed(1).depth).toBe(0);
  });

  it('nobody watches over it: whoever brought the input gets the error', () => {
    bench = new Bench(false);
    bench.isBad = () => true;
    expect(() => bench.send(BAD, 'k')).toThrow('bug');
    expect(bench.service.down.size).toBe(0);
  });

  it('an error outside of every shard takes none down', () => {
    const broken: Caller = {
      ...everyone,
      charge: () => {
        throw new Error('not of a shard');
      },
    };
    expect(() => bench.ask(sending(GOOD, 'k'), broken)).toThrow('not of a shard');
    expect(bench.fallen).toEqual([]);
  });
});
