import { describe, expect, it } from 'vitest';
import { liveBytesOf, TENANT_BYTES, topicBytesOf } from '../../src/core/weight.ts';
import { MemoryBudget, UNBOUNDED } from '../../src/service/memory-budget.ts';
import { recv, ServiceBench, send } from '../support/service-bench.ts';

const bytes = (size: number, of = 7): Uint8Array => new Uint8Array(size).fill(of);

describe('memory', () => {
  it('memory: what all shards hold in bytes is bounded, dead letters included; duplicates are told so all the same (BD0, D4, ID5)', () => {
    const bench = new ServiceBench();
    const { memory } = bench.service;
    const each = liveBytesOf('k1', '');
    memory.bounds = { ...UNBOUNDED, memoryMax: 2 * each + 100 };
    expect(bench.now(send('a', 'k1', { payload: bytes(60) })).outcome).toBe('ok');
    expect(bench.now(send('b', 'k2', { payload: bytes(41) }))).toMatchObject({
      outcome: 'saturated_memory',
      message: 'the memory for messages is used up',
      retryAfterMs: 30_000,
    });
    expect(bench.now(send('b', 'k2', { payload: bytes(40) })).outcome).toBe('ok');
    expect(bench.now(send('b', 'k2', { payload: bytes(40) })).outcome).toBe('duplicate');
    const [delivery] = bench.now(recv('a')).deliveries ?? [];
    const { msgId, receipt } = delivery!;
    const nack = { verb: 'nack', msgId, receipt, reason: null, retryAfterMs: null, deadLetter: true } as const;
    expect(bench.now(nack).outcome).toBe('ok');
    expect([memory.payloadBytes, bench.now(send('a', 'k3')).outcome]).toEqual([100, 'saturated_memory']);
    expect(bench.service.drains.filling(bench.nowMs).map(({ name }) => name)).toEqual(['memory']);
    bench.now({ verb: 'purge', topic: 'a', msgIds: null, olderThanMs: 0 });
    expect([memory.payloadBytes, bench.now(send('a', 'k3')).outcome]).toEqual([40, 'ok']);
    // As a process that was restarted would find it.
    const { payloadBytes, liveBytes, endedBytes } = memory;
    expect(new MemoryBudget(bench.service.shards, false)).toMatchObject({ payloadBytes, liveBytes, endedBytes });
  });

  it('memory: attributes, keys and last errors count, and go with their message (BD0)', () => {
    const bench = new ServiceBench();
    const { memory } = bench.service;
    const attrs = { a: 'x'.repeat(1000), b: '€'.repeat(300) };
    bench.now(send('a', 'k'.repeat(100), { attrs }));
    const plain = liveBytesOf('', '');
    expect(memory.liveBytes - plain).toBeGreaterThan(100 + 2 * 1300);
    const heldBytes = memory.liveBytes;
    const { msgId, receipt } = bench.now(recv('a')).deliveries![0]!;
    bench.now({ verb: 'nack', msgId, receipt, reason: 'w'.repeat(500), retryAfterMs: 0, deadLetter: false });
    expect(memory.liveBytes - heldBytes).toBe(500);
    const again = bench.now(recv('a')).deliveries![0]!;
    expect(JSON.parse(again.attrsJson)).toEqual(attrs);
    bench.now({ verb: 'ack', msgId, receipt: again.receipt });
    expect([memory.liveBytes, memory.payloadBytes]).toEqual([0, 0]);
  });

  it('memory: what is remembered of ended messages has a bound of its own, and comes free as windows close, of other shards too (BD0)', () => {
    const bench = new ServiceBench({ tReplayMs: 10_000 });
    const { memory } = bench.service;
    bench.now(send('a', 'k'));
    const { msgId, receipt } = bench.now(recv('a')).deliveries![0]!;
    bench.now({ verb: 'ack', msgId, receipt });
    memory.bounds = { ...UNBOUNDED, windowMax: memory.endedBytes + 1700 };
    expect(bench.now(send('c', 'k'))).toMatchObject({
      outcome: 'saturated_dedup',
      message: 'the memory for what is remembered of ended messages is used up',
      retryAfterMs: 10_000,
    });
    expect(bench.now(send('a', 'k')).outcome).toBe('duplicate');
    // Nothing touches the shard of the ended message, but for the send that lacks its memory.
    bench.nowMs += 10_001;
    expect(bench.now(send('c', 'k')).outcome).toBe('ok');
    expect(memory.endedBytes).toBe(topicBytesOf('c') + TENANT_BYTES);
  });

  it('memory: what is remembered is shared by tenants as every bound is, by their windows in all shards (BD5)', () => {
    const bench = new ServiceBench({ tReplayMs: 10_000, tenantShare: 25, tenantReserve: 20 });
    const { memory } = bench.service;
    const end = (topic: string, key: string): string => {
      const { outcome } = bench.now(send(topic, key));
      if (outcome !== 'ok') return outcome;
      const { msgId, receipt } = bench.now(recv(topic)).deliveries![0]!;
      return bench.now({ verb: 'ack', msgId, receipt }).outcome;
    };
    // What the topics themselves take is remembered for nobody.
    for (const topic of ['hog.a', 'hog.b', 'victim.a']) expect(end(topic, 'first')).toBe('ok');
    memory.bounds = { ...UNBOUNDED, windowMax: 5 * memory.endedBytes };
    let taken = 0;
    while (end('hog.a', `k${taken}`) === 'ok') taken++;
    expect(bench.now(send('hog.b', 'one more')).outcome).toBe('saturated_tenant');
    expect(memory.windowUsed).toBeGreaterThanOrEqual(0.8);
    expect(memory.windowUsed).toBeLessThan(0.9);
    let spared = 0;
    while (end('victim.a', `k${spared}`) === 'ok') spared++;
    expect(spared).toBeGreaterThan(3);
    // Windows that are over count for nobody, of shards that nothing touches too.
    bench.nowMs += 10_001;
    expect(end('hog.b', 'again')).toBe('ok');
  });

  it('memory: one append brings no more than a log may have to find room for; what waits goes with it (journal rule 5)', () => {
    const bench = new ServiceBench();
    const { memory } = bench.service;
    const each = liveBytesOf('k1', '') + 100;
    memory.bounds = { ...UNBOUNDED, appendMax: 2 * each };
    const sends = ['k1', 'k2', 'k3', 'k4'].map((key) => bench.ask(send('a', key, { payload: bytes(100) })));
    bench.sync();
    // The first was on its way, two waited behind it.
    expect(sends[3]!.reply).toMatchObject({
      outcome: 'saturated_memory',
      message: 'as much waits for the journal as one append may bring',
      retryAfterMs: 1000,
    });
    expect(sends.slice(0, 3).map(({ reply }) => reply?.outcome)).toEqual(['ok', 'ok', 'ok']);
    expect(bench.now(send('a', 'k4', { payload: bytes(100) })).outcome).toBe('ok');
    // One that is larger by itself is taken alone.
    expect(bench.now(send('a', 'k5', { payload: bytes(5000) })).outcome).toBe('ok');
  });

  it('memory: what one append may bring is shared by tenants as every bound is: others get into it too (BD5)', () => {
    const bench = new ServiceBench({ tenantShare: 25, tenantReserve: 20 });
    const each = liveBytesOf('k00', '') + 100;
    bench.service.memory.bounds = { ...UNBOUNDED, appendMax: 10 * each };
    const sendAs = (topic: string, from: number, count: number) =>
      Array.from({ length: count }, (_, i) => bench.ask(send(topic, `k${from + i}`, { payload: bytes(100) })));
    // The first is on its way at once; what comes until that is durable waits for the next append.
    const hog = sendAs('hog.a', 10, 12);
    const victim = sendAs('victim.a', 30, 2);
    bench.sync();
    expect(hog.map(({ reply }) => reply?.outcome)).toEqual([
      ...Array.from({ length: 9 }, () => 'ok'),
      ...Array.from({ length: 3 }, () => 'saturated_tenant'),
    ]);
    expect(victim.map(({ reply }) => reply?.outcome)).toEqual(['ok', 'ok']);
    expect(sendAs('hog.a', 50, 1).map(({ reply }) => reply?.outcome)).not.toContain('saturated_tenant');
  });

  it('payloads: overwritten when its message is acked or purged, and not before; never where the journal may still read it (I1)', () => {
    const bench = new ServiceBench({ dlqMaxPerTopic: 1 }, 4, undefined, true);
    const [acked, pushedOut, dead] = [bytes(8), bytes(8), bytes(8)];
    for (const [i, payload] of [acked, pushedOut, dead].entries()) bench.now(send('a', `k${i}`, { payload }));
    const [first, ...rest] = bench.now(recv('a')).deliveries ?? [];
    expect(acked).toEqual(bytes(8));
    bench.now({ verb: 'ack', msgId: first!.msgId, receipt: first!.receipt });
    expect([acked, pushedOut, dead]).toEqual([bytes(8, 0), bytes(8), bytes(8)]);
    for (const { msgId, receipt } of rest) {
      bench.now({ verb: 'nack', msgId, receipt, reason: null, retryAfterMs: null, deadLetter: true });
    }
    expect([pushedOut, dead]).toEqual([bytes(8, 0), bytes(8)]);
    const again = bytes(8);
    expect(bench.now(send('a', 'k2', { payload: again })).outcome).toBe('duplicate');
    expect([again, dead]).toEqual([bytes(8, 0), bytes(8)]);

    const durable = new ServiceBench();
    const kept = bytes(8);
    durable.now(send('a', 'k', { payload: kept }));
    const { msgId, receipt } = durable.now(recv('a')).deliveries![0]!;
    durable.now({ verb: 'ack', msgId, receipt });
    expect([kept, durable.service.memory.payloadBytes]).toEqual([bytes(8), 0]);
  });
});
