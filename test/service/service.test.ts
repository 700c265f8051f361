import { describe, expect, it } from 'vitest';
import type { Caller } from '../../src/service/messages.ts';
import { shardOfTopic } from '../../src/service/sharding.ts';
import { everyone, recv, ServiceBench, send } from '../support/service-bench.ts';

describe('service', () => {
  it('reply: waits until every fact before it is durable, reads included (AC1)', () => {
    const bench = new ServiceBench();
    const first = bench.ask(send('a', 'k1'));
    const second = bench.ask(send('a', 'k2'));
    const duplicate = bench.ask(send('a', 'k1'));
    const read = bench.ask({ verb: 'stats', topic: 'a' });
    expect(bench.appended).toHaveLength(1);
    expect([first.reply, second.reply, duplicate.reply, read.reply]).toEqual([null, null, null, null]);
    bench.service.durable();
    expect(first.reply?.outcome).toBe('ok');
    expect([second.reply, duplicate.reply, read.reply]).toEqual([null, null, null]);
    expect(bench.appended).toHaveLength(2);
    bench.service.durable();
    expect(second.reply?.outcome).toBe('ok');
    expect(duplicate.reply).toMatchObject({ outcome: 'duplicate', msgId: first.reply?.msgId });
    expect(read.reply?.stats).toMatchObject({ depth: 2, queued: 2 });
  });

  it('commit: facts that arrive while an append is outstanding share the next one', () => {
    const bench = new ServiceBench();
    for (let i = 0; i < 50; i++) bench.ask(send(`topic-${i}`, 'k'));
    expect(bench.appended).toHaveLength(1);
    bench.service.durable();
    expect(bench.appended).toHaveLength(2);
    expect(bench.appended[1]?.reduce((sum, batch) => sum + batch.facts.length, 0)).toBe(49);
    bench.service.durable();
    expect(bench.appended).toHaveLength(2);
  });

  it('journal failure: held replies and whoever waits become 503, nothing is taken any more', () => {
    const bench = new ServiceBench();
    const waiting = bench.ask(recv('b', { waitMs: 10_000 }));
    const held = [bench.ask(send('a', 'k1')), bench.ask(send('a', 'k2')), waiting];
    bench.service.journalFailed();
    for (const { reply } of held) expect(reply?.outcome).toBe('journal');
    expect(bench.service.pollCount).toBe(0);
    expect(bench.ask(recv('a')).reply?.outcome).toBe('journal');
  });

  it('recv: leases in order, within max_messages and max_bytes; the first goes whatever its size (LE1, LE6)', () => {
    const bench = new ServiceBench();
    const sizes = [10, 4, 4, 4];
    for (const [i, size] of sizes.entries()) bench.now(send('a', `k${i}`, { payload: new Uint8Array(size) }));
    const first = bench.now(recv('a', { bytesMax: 5 }));
    expect(first.deliveries?.map((d) => d.idemKey)).toEqual(['k0']);
    const second = bench.now(recv('a', { bytesMax: 9 }));
    expect(second.deliveries?.map((d) => d.idemKey)).toEqual(['k1', 'k2']);
    expect(bench.now(recv('a', { messagesMax: 1 })).deliveries).toHaveLength(1);
    expect(bench.now(recv('a')).deliveries).toEqual([]);
  });

  it('recv: acks ride on it and are settled before anything is leased', () => {
    const bench = new ServiceBench({ globalInflight: 1 });
    bench.now(send('a', 'k1'));
    bench.now(send('a', 'k2'));
    const [one] = bench.now(recv('a')).deliveries ?? [];
    expect(bench.now(recv('a')).outcome).toBe('saturated_inflight');
    const reply = bench.now(
      recv('a', {
        acks: [
          { msgId: one!.msgId, receipt: one!.receipt },
          { msgId: 'nonsense', receipt: 'x' },
        ],
      }),
    );
    expect(reply.ackOutcomes).toEqual(['ok', 'not_found']);
    expect(reply.deliveries?.map((d) => d.idemKey)).toEqual(['k2']);
  });

  it('inflight: the bound is over all shards (BD1)', () => {
    const bench = new ServiceBench({ globalInflight: 2 });
    const topics = ['a', 'b', 'c', 'd', 'e', 'f'].filter(
      (t, i, all) => all.findIndex((u) => shardOfTopic(u, 4) === shardOfTopic(t, 4)) === i,
    );
    expect(topics.length).toBeGreaterThan(2);
    for (const topic of topics) bench.now(send(topic, 'k'));
    expect(bench.now(recv(topics[0] as string)).outcome).toBe('ok');
    expect(bench.now(recv(topics[1] as string)).outcome).toBe('ok');
    // The first lease ends in five seconds: until then nothing is likely to change.
    expect(bench.now(recv(topics[2] as string))).toMatchObject({ outcome: 'saturated_inflight', retryAfterMs: 5000 });
    expect(bench.service.inflight).toBe(2);
  });

  it('long poll: ends with a message as soon as there is one, by send, by return and by delay', () => {
    const bench = new ServiceBench({ backoffBaseMs: 100 });
    const bySend = bench.ask(recv('a', { waitMs: 20_000, messagesMax: 1 }));
    const later = bench.ask(recv('a', { waitMs: 20_000, messagesMax: 1 }));
    bench.now(send('a', 'k1'));
    expect(bySend.reply?.deliveries?.map((d) => d.idemKey)).toEqual(['k1']);
    expect(later.reply).toBeNull();
    const [delivery] = bySend.reply?.deliveries ?? [];
    const item = { msgId: delivery!.msgId, receipt: delivery!.receipt };
    bench.now({ verb: 'nack', ...item, reason: null, retryAfterMs: 700, deadLetter: false });
    expect(later.reply).toBeNull();
    expect(bench.service.nextWakeMs()).toBe(bench.nowMs + 700);
    bench.pass(700);
    bench.sync();
    expect(later.reply?.deliveries?.[0]).toMatchObject({ msgId: delivery!.msgId, attempt: 2, epoch: 2 });
  });

  it('long poll: ends empty when its time is over', () => {
    const bench = new ServiceBench();
    const poll = bench.ask(recv('a', { waitMs: 500 }));
    expect(bench.service.nextWakeMs()).toBe(bench.nowMs + 500);
    bench.pass(499);
    expect(poll.reply).toBeNull();
    bench.pass(1);
    expect(poll.reply).toMatchObject({ outcome: 'ok', deliveries: [] });
    expect(bench.service.nextWakeMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('long poll: one that was served early leaves no wake-up behind', () => {
    const bench = new ServiceBench();
    const poll = bench.ask(recv('a', { waitMs: 500 }));
    expect(bench.service.nextWakeMs()).toBe(bench.nowMs + 500);
    bench.now(send('a', 'k'));
    const { msgId, receipt } = poll.reply!.deliveries![0]!;
    bench.now({ verb: 'ack', msgId, receipt });
    expect(bench.service.nextWakeMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('long poll: a capability that ends gets no further payload (AU3)', () => {
    const bench = new ServiceBench();
    let valid = true;
    const caller: Caller = { ...everyone, isValid: () => valid };
    const swept = bench.ask(recv('a', { waitMs: 5000 }), caller);
    const woken = bench.ask(recv('b', { waitMs: 5000 }), caller);
    valid = false;
    bench.now(send('b', 'k'));
    expect(woken.reply).toMatchObject({ outcome: 'cap_auth', deliveries: [] });
    bench.service.endWaiting(bench.nowMs);
    expect(swept.reply).toMatchObject({ outcome: 'cap_auth', deliveries: [] });
    expect(bench.now({ verb: 'stats', topic: 'b' }).stats).toMatchObject({ queued: 1, leased: 0 });
  });

  it('scope: another topic is 403, and a msg_id of one is not found (LE3, AU1)', () => {
    const bench = new ServiceBench();
    const own: Caller = { ...everyone, allowsTopic: (topic) => topic === 'mine' };
    bench.now(send('other', 'k'));
    const [delivery] = bench.now(recv('other')).deliveries ?? [];
    const item = { msgId: delivery!.msgId, receipt: delivery!.receipt };
    expect(bench.now(send('other', 'k2'), own).outcome).toBe('cap_scope');
    expect(bench.now(recv('other'), own).outcome).toBe('cap_scope');
    const unknown = { ...item, msgId: `${item.msgId.slice(0, 25)}Z` };
    expect(bench.now({ verb: 'ack', ...unknown }, own)).toEqual({ outcome: 'not_found' });
    // The log is told the two apart, the caller is not.
    expect(bench.now({ verb: 'ack', ...item }, own)).toEqual({ outcome: 'not_found', outOfScope: true });
    const riding = bench.now({ ...recv('mine'), acks: [unknown, item] }, own);
    expect(riding).toMatchObject({ ackOutcomes: ['not_found', 'not_found'], outOfScope: true });
    expect(bench.now({ ...recv('mine'), acks: [unknown] }, own).outOfScope).toBeUndefined();
    expect(bench.now({ verb: 'ack', ...item }).outcome).toBe('ok');
  });

  it('quota: comes before duplicates and saturation, and changes nothing (BD2, AU2)', () => {
    const bench = new ServiceBench();
    const spent: Caller = { ...everyone, charge: () => 2500 };
    bench.now(send('a', 'k'));
    expect(bench.now(send('a', 'k'), spent)).toEqual({ outcome: 'quota', retryAfterMs: 2500 });
    expect(bench.facts).toHaveLength(1);
  });

  it('writes refused: a duplicate still learns that it was accepted, then 503 before 429 (BD2, BD3, ID5)', () => {
    const bench = new ServiceBench({ shardCapacity: 1 }, 1);
    const { msgId } = bench.now(send('a', 'k'));
    expect(bench.now(send('a', 'k2')).outcome).toBe('saturated_shard');
    expect(bench.now(send('a', 'k'))).toMatchObject({ outcome: 'duplicate', msgId });
    bench.service.refuseWrites('draining');
    expect(bench.now(send('a', 'k2')).outcome).toBe('draining');
    expect(bench.now(send('a', 'k')).outcome).toBe('duplicate');
    expect(bench.now(recv('a')).deliveries).toHaveLength(1);
  });

  it('integrity: a wrong payload_hash at send stores nothing; damage at rest goes to the dead letters (IN1)', () => {
    let damaged = false;
    const bench = new ServiceBench({}, 1, () => (damaged ? 'b3:other' : 'b3:right'));
    expect(bench.now(send('a', 'k', { payloadHash: 'b3:wrong' })).outcome).toBe('integrity');
    expect(bench.facts).toEqual([]);
    bench.now(send('a', 'k', { payloadHash: 'b3:right' }));
    damaged = true;
    expect(bench.now(recv('a')).deliveries).toEqual([]);
    damaged = false;
    const listed = bench.now({ verb: 'dlq_list', topic: 'a', reason: null, limit: 10, after: 0, withPayload: true });
    expect(listed.deadLetters).toMatchObject([{ reason: 'integrity', attempt: 1, payload: null }]);
  });

  it('release: an unwritten lease is available at once and counts no attempt (LE7)', () => {
    const bench = new ServiceBench();
    bench.now(send('a', 'k'));
    const lost = bench.now(recv('a')).deliveries ?? [];
    const poll = bench.ask(recv('a', { waitMs: 1000 }));
    bench.service.release(lost, bench.nowMs, everyone);
    bench.sync();
    expect(poll.reply?.deliveries).toMatchObject([{ attempt: 1, epoch: 2 }]);
    expect(bench.now({ verb: 'ack', msgId: lost[0]!.msgId, receipt: lost[0]!.receipt }).outcome).toBe('lease_lost');
  });

  it('tick: expires leases and moves on without a request (RT3)', () => {
    const bench = new ServiceBench({ maxAttempts: 1, defaultVisibilityMs: 1000 });
    bench.now(send('a', 'k'));
    bench.now(recv('a'));
    expect(bench.service.nextWakeMs()).toBe(bench.nowMs + 1000);
    bench.pass(1000);
    expect(bench.facts.at(-1)).toMatchObject({ name: 'expired', to: 'dead_lettered', reason: 'max_attempts' });
  });
});
