import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../spec/vocabulary.ts';
import type { Batch } from '../../src/ports/journal.ts';
import type { Caller, Delivery, Reply, SendRequest, StreamRequest } from '../../src/service/messages.ts';
import { Service } from '../../src/service/service.ts';
import type { Stream, StreamConsumer } from '../../src/service/stream.ts';
import { limitsOf } from '../support/shard.ts';

const everyone: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };

/** A consumer that keeps what it gets; `takes` false makes it one that stalls. */
class Consumer implements StreamConsumer {
  readonly got: Delivery[] = [];
  steps = 0;
  opening: Reply | null = null;
  stream: Stream | null = null;
  end: Outcome | null = null;
  unwritten: readonly Delivery[] = [];

  opened(reply: Reply, stream: Stream): void {
    this.opening = reply;
    this.stream = stream;
  }
  deliver(deliveries: readonly Delivery[]): void {
    if (this.end !== null) throw new Error('delivered after the end');
    if (this.unwritten.length > 0) throw new Error('delivered before it was ready');
    this.steps++;
    this.unwritten = deliveries;
  }
  ended(outcome: Outcome): void {
    if (this.end !== null) throw new Error('ended twice');
    this.end = outcome;
  }
}

class World {
  nowMs = 1_000_000;
  readonly service: Service;
  readonly appended: (readonly Batch[])[] = [];
  private drawn = 0;
  holdsAppends = false;

  constructor(limits: Parameters<typeof limitsOf>[0] = {}) {
    this.service = new Service({
      shards: Service.empty(2, limitsOf(limits)),
      random: { below: () => 0, token: () => `receipt-${++this.drawn}` },
      integrity: { payloadHashOf: (p) => `b3:${p.length}`, hashChainOf: () => 'b3:chain' },
      observer: { fact: () => {} },
      effects: {
        append: (batches) => {
          this.appended.push(batches);
          if (!this.holdsAppends) this.service.durable();
        },
      },
    });
  }

  open(changed: Partial<StreamRequest> = {}, caller = everyone): Consumer {
    const consumer = new Consumer();
    const request: StreamRequest = {
      topic: 'a',
      visibilityMs: 1000,
      credit: 2,
      bytesMax: 1000,
      messagesMax: Number.POSITIVE_INFINITY,
      waitMs: Number.POSITIVE_INFINITY,
      acks: [],
      ...changed,
    };
    this.service.stream(request, caller, this.nowMs, consumer);
    return consumer;
  }

  /** The consumer writes what it has, and asks for more, until there is none. */
  drain(consumer: Consumer): Delivery[] {
    const seen: Delivery[] = [];
    while (consumer.unwritten.length > 0) {
      seen.push(...consumer.unwritten);
      consumer.unwritten = [];
      this.service.streamReady(consumer.stream as Stream, this.nowMs);
    }
    return seen;
  }

  send(idemKey: string, bytes = 1, topic = 'a'): void {
    const request: SendRequest = {
      verb: 'send',
      topic,
      idemKey,
      payload: new Uint8Array(bytes),
      payloadHash: null,
      attrs: {},
      corrId: 'c',
      delayMs: 0,
      ttlMs: Number.POSITIVE_INFINITY,
    };
    this.service.request(request, everyone, this.nowMs, () => {});
  }

  settle(verb: 'ack' | 'nack', { msgId, receipt }: Delivery): Outcome {
    let outcome: Outcome | null = null;
    const more = verb === 'nack' ? { reason: null, retryAfterMs: 0, deadLetter: false } : {};
    this.service.request({ verb, msgId, receipt, ...more } as never, everyone, this.nowMs, (reply) => {
      outcome = reply.outcome;
    });
    return outcome as unknown as Outcome;
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.service.tick(this.nowMs);
  }

  get leased(): number {
    return this.service.inflight;
  }
}

const keys = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ idemKey }) => idemKey);

describe('stream', () => {
  it('gives what is there and what comes, in order, within its credit; a settled lease makes room (B3)', () => {
    const world = new World();
    for (let i = 0; i < 3; i++) world.send(`k${i}`);
    const consumer = world.open();
    expect(consumer.opening).toMatchObject({ outcome: 'ok' });
    const first = world.drain(consumer);
    expect(keys(first)).toEqual(['k0', 'k1']);
    world.send('k3');
    expect(consumer.unwritten).toEqual([]);
    expect(world.settle('ack', first[0] as Delivery)).toBe('ok');
    expect(keys(world.drain(consumer))).toEqual(['k2']);
    expect(world.settle('nack', first[1] as Delivery)).toBe('ok');
    // Given back it stands at its original place again (LE1).
    expect(keys(world.drain(consumer))).toEqual(['k1']);
    expect(world.leased).toBe(2);
  });

  it('a consumer that stalls holds one step and no more leases than that; what it never wrote goes back (LE7)', () => {
    const world = new World();
    for (let i = 0; i < 10; i++) world.send(`k${i}`);
    const consumer = world.open({ credit: 4 });
    expect([consumer.steps, consumer.unwritten.length, world.leased]).toEqual([1, 4, 4]);
    world.send('more');
    world.pass(500);
    expect([consumer.steps, world.leased]).toEqual([1, 4]);
    const [written, ...unwritten] = consumer.unwritten;
    world.service.closeStream(consumer.stream as Stream, unwritten, world.nowMs);
    expect(world.leased).toBe(1);
    const next = world.open({ credit: 4 });
    expect(world.drain(next)).toMatchObject([
      { idemKey: 'k1', attempt: 1 },
      { idemKey: 'k2', attempt: 1 },
      { idemKey: 'k3', attempt: 1 },
      { idemKey: 'k4', attempt: 1 },
    ]);
    expect(world.settle('ack', written as Delivery)).toBe('ok');
    expect(world.service.streamCount).toBe(1);
  });

  it('bytes: no more unsettled than max_bytes, but one message always goes (LE6)', () => {
    const world = new World();
    for (const [key, bytes] of [
      ['big', 5000],
      ['s1', 400],
      ['s2', 400],
      ['s3', 400],
    ] as const)
      world.send(key, bytes);
    const consumer = world.open({ credit: 10 });
    const [big] = world.drain(consumer);
    expect(big).toMatchObject({ idemKey: 'big' });
    expect(world.leased).toBe(1);
    world.settle('ack', big as Delivery);
    const two = world.drain(consumer);
    expect(keys(two)).toEqual(['s1', 's2']);
    world.settle('ack', two[1] as Delivery);
    expect(keys(world.drain(consumer))).toEqual(['s3']);
  });

  it('a stream without room does not keep a message from the consumer behind it', () => {
    const world = new World();
    const full = world.open({ bytesMax: 10, credit: 10 });
    world.send('k0', 8);
    expect(keys(world.drain(full))).toEqual(['k0']);
    const other = world.open();
    world.send('k1', 8);
    expect([keys(full.unwritten), keys(world.drain(other))]).toEqual([[], ['k1']]);
  });

  it('leases that run out hold their credit until another one is settled; when all do, nobody is there', () => {
    const world = new World({ maxAttempts: 5, backoffBaseMs: 1, backoffMaxMs: 1 });
    for (let i = 0; i < 4; i++) world.send(`k${i}`);
    const consumer = world.open({ credit: 3 });
    const first = world.drain(consumer);
    expect(first).toHaveLength(3);
    world.pass(900);
    world.settle('ack', first[2] as Delivery);
    expect(keys(world.drain(consumer))).toEqual(['k3']);
    world.pass(200);
    // k0 and k1 ran out: only k3 is in force, and there is no room for anything else.
    world.pass(200);
    expect([world.leased, consumer.unwritten.length, consumer.end]).toEqual([1, 0, null]);
    world.pass(800);
    expect([world.leased, consumer.end]).toEqual([0, 'lease_lost']);
    // The dead consumer cost each message one attempt.
    expect(world.drain(world.open({ credit: 9 })).map(({ attempt }) => attempt)).toEqual([2, 2, 2]);
  });

  it('settling gives the credit of lapsed leases back', () => {
    const world = new World({ backoffBaseMs: 1, backoffMaxMs: 1 });
    for (let i = 0; i < 4; i++) world.send(`k${i}`);
    const consumer = world.open({ credit: 2 });
    const [, second] = world.drain(consumer);
    world.service.request(
      { verb: 'extend', msgId: second!.msgId, receipt: second!.receipt, visibilityMs: 5000 },
      everyone,
      world.nowMs,
      () => {},
    );
    world.pass(1100);
    world.pass(10);
    expect(consumer.unwritten).toEqual([]);
    world.settle('ack', second as Delivery);
    expect(keys(world.drain(consumer))).toEqual(['k0', 'k2']);
  });

  it('ends after max_messages once they are written, and when nothing came for wait_ms', () => {
    const world = new World();
    for (let i = 0; i < 5; i++) world.send(`k${i}`);
    const counted = world.open({ messagesMax: 3, credit: 10 });
    expect(counted.end).toBeNull();
    expect([keys(world.drain(counted)), counted.end]).toEqual([['k0', 'k1', 'k2'], 'ok']);
    const waiting = world.open({ waitMs: 100, credit: 10 });
    expect(keys(world.drain(waiting))).toEqual(['k3', 'k4']);
    world.pass(99);
    expect(waiting.end).toBeNull();
    world.pass(1);
    expect(waiting.end).toBe('ok');
    expect(world.service.streamCount).toBe(0);
  });

  it('a capability that ends takes its stream with it, without another payload (AU3)', () => {
    const world = new World();
    let valid = true;
    const caller: Caller = { ...everyone, isValid: () => valid };
    const idle = world.open({}, caller);
    const stalled = world.open({ topic: 'b' }, caller);
    world.send('b0', 1, 'b');
    valid = false;
    world.service.endWaiting(world.nowMs);
    expect([idle.end, stalled.end]).toEqual(['cap_auth', 'cap_auth']);
    world.send('k0');
    expect(idle.got).toEqual([]);
    // Expiry needs nobody to say it.
    valid = true;
    const expiring = world.open({}, caller);
    world.drain(expiring);
    valid = false;
    world.pass(1);
    expect(expiring.end).toBe('cap_auth');
  });

  it('what is leased and not durable when a stream ends is given back, never delivered', () => {
    const world = new World();
    const consumer = world.open();
    world.holdsAppends = true;
    world.send('k0');
    expect(world.leased).toBe(1);
    world.service.endWaiting(world.nowMs, true);
    expect(consumer.end).toBe('draining');
    world.holdsAppends = false;
    while (world.leased > 0) world.service.durable();
    expect(consumer.steps).toBe(0);
    expect(world.drain(world.open({ topic: 'a' }))).toMatchObject([{ idemKey: 'k0', attempt: 1 }]);
  });

  it('replies: nothing is delivered before it is durable; a failed journal ends the stream (AC1, LE2)', () => {
    const world = new World();
    world.holdsAppends = true;
    const consumer = world.open();
    world.send('k0');
    expect([world.leased, consumer.steps]).toEqual([1, 0]);
    world.service.durable();
    expect(consumer.steps).toBe(1);
    world.send('k1');
    world.service.journalFailed();
    expect(consumer.end).toBe('journal');
    expect(world.open().opening?.outcome).toBe('journal');
  });

  it('quota: the request pays for the first step, each further one for itself; without it the stream pauses (AU2)', () => {
    const world = new World();
    let left = 2;
    const caller: Caller = { ...everyone, charge: () => (left-- > 0 ? 0 : 5000) };
    const consumer = world.open({ credit: 10, visibilityMs: 60_000 }, caller);
    for (const key of ['k0', 'k1', 'k2', 'k3']) {
      world.send(key);
      consumer.got.push(...world.drain(consumer));
    }
    expect(keys(consumer.got)).toEqual(['k0', 'k1']);
    expect(world.service.nextWakeMs()).toBeLessThanOrEqual(world.nowMs + 5000);
    left = 100;
    world.pass(4999);
    expect(consumer.unwritten).toEqual([]);
    world.pass(1);
    expect(keys(world.drain(consumer))).toEqual(['k2', 'k3']);
  });

  it('admission: topic, quota, draining and the bound of streams, in that order (BD2, D4)', () => {
    const world = new World();
    world.service.streamsMax = 1;
    const kept = world.open();
    const outside: Caller = { ...everyone, allowsTopic: () => false, charge: () => 1 };
    expect(world.open({}, outside).opening?.outcome).toBe('cap_scope');
    expect(world.open({}, { ...everyone, charge: () => 7 }).opening).toMatchObject({
      outcome: 'quota',
      retryAfterMs: 7,
    });
    expect(world.open().opening?.outcome).toBe('saturated_streams');
    world.service.closeStream(kept.stream as Stream, [], world.nowMs);
    expect(world.open().opening?.outcome).toBe('ok');
    world.service.refuseWrites('draining');
    expect(world.open({}, outside).opening?.outcome).toBe('cap_scope');
    expect(world.open({}, { ...everyone, charge: () => 7 }).opening?.outcome).toBe('quota');
    expect(world.open().opening?.outcome).toBe('draining');
  });

  it('acks that ride along are settled before anything is leased', () => {
    const world = new World();
    world.send('k0');
    const [held] = world.drain(world.open({ messagesMax: 1 }));
    const { msgId, receipt } = held as Delivery;
    const next = world.open({
      acks: [
        { msgId, receipt },
        { msgId, receipt: 'wrong' },
      ],
    });
    expect(next.opening?.ackOutcomes).toEqual(['ok', 'lease_lost']);
    expect(world.leased).toBe(0);
  });

  it('inflight: a stream that found it used up goes on when any lease ends (BD1)', () => {
    const world = new World({ globalInflight: 1 });
    world.send('x', 1, 'b');
    const holder = world.open({ topic: 'b' });
    const [held] = world.drain(holder);
    const consumer = world.open();
    world.send('k0');
    expect(consumer.unwritten).toEqual([]);
    world.settle('ack', held as Delivery);
    expect(keys(world.drain(consumer))).toEqual(['k0']);
  });
});

describe('batch', () => {
  it('items are decided in order and alone, and answered together when the last is durable (AC1)', () => {
    const world = new World();
    world.holdsAppends = true;
    const item = (idemKey: string, topic = 'a') => ({
      caller: { ...everyone, allowsTopic: (name: string) => name === 'a' },
      request: {
        verb: 'send' as const,
        topic,
        idemKey,
        payload: new Uint8Array(1),
        payloadHash: null,
        attrs: {},
        corrId: 'c',
        delayMs: 0,
        ttlMs: Number.POSITIVE_INFINITY,
      },
    });
    let replies: readonly Reply[] | null = null;
    world.service.batch([item('k0'), item('k1', 'b'), item('k0'), item('k2')], world.nowMs, (all) => {
      replies = all;
    });
    expect(replies).toBeNull();
    expect(world.appended).toHaveLength(1);
    world.service.durable();
    expect((replies as unknown as Reply[]).map(({ outcome }) => outcome)).toEqual([
      'ok',
      'cap_scope',
      'duplicate',
      'ok',
    ]);
  });

  it('a failed journal fails all of it', () => {
    const world = new World();
    world.holdsAppends = true;
    const stats = { caller: everyone, request: { verb: 'stats' as const, topic: 'a' } };
    world.send('k');
    const seen: Reply[] = [];
    world.service.batch([stats, stats], world.nowMs, (replies) => seen.push(...replies));
    world.service.journalFailed();
    world.service.batch([stats], world.nowMs, (replies) => seen.push(...replies));
    expect(seen.map(({ outcome }) => outcome)).toEqual(['journal', 'journal', 'journal']);
  });
});
