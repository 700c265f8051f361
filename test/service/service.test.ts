import { describe, expect, it } from 'vitest';
import type { Fact } from '../../src/core/facts.ts';
import type { Limits } from '../../src/core/limits.ts';
import { liveBytesOf, TENANT_BYTES, topicBytesOf } from '../../src/core/weight.ts';
import type { Batch } from '../../src/ports/journal.ts';
import { MemoryBudget, UNBOUNDED } from '../../src/service/memory-budget.ts';
import type { Caller, RecvRequest, Reply, Request, SendRequest } from '../../src/service/messages.ts';
import { Service } from '../../src/service/service.ts';
import { shardOfTopic } from '../../src/service/sharding.ts';
import { limitsOf } from '../support/shard.ts';

const everyone: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };

/** A service whose journal does nothing until told to. */
class Bench {
  readonly appended: (readonly Batch[])[] = [];
  readonly facts: Fact[] = [];
  readonly service: Service;
  nowMs = 1_000_000;
  private drawn = 0;

  constructor(
    limits: Partial<Limits> = {},
    shards = 4,
    hash: (payload: Uint8Array) => string = (p) => `b3:${p.join('.')}`,
    overwrites = false,
  ) {
    this.service = new Service({
      shards: Service.empty(shards, limitsOf(limits)),
      random: { below: () => 0, token: () => `receipt-${++this.drawn}` },
      integrity: { payloadHashOf: hash, hashChainOf: (...parts) => `b3:chain-${parts.slice(0, 3).join('-')}` },
      observer: { fact: (_shard, fact) => this.facts.push(fact) },
      effects: { append: (batches) => this.appended.push(batches) },
      overwrites,
    });
  }

  /** The reply, as soon as there is one. */
  ask(request: Request, caller = everyone): { reply: Reply | null } {
    const held: { reply: Reply | null } = { reply: null };
    this.service.request(request, caller, this.nowMs, (reply) => {
      if (held.reply !== null) throw new Error('replied twice');
      held.reply = reply;
    });
    return held;
  }

  /** Asks, makes everything durable, and gives the reply. */
  now(request: Request, caller = everyone): Reply {
    const held = this.ask(request, caller);
    this.sync();
    if (held.reply === null) throw new Error('no reply');
    return held.reply;
  }

  private synced = 0;
  sync(): void {
    while (this.synced < this.appended.length) {
      this.synced++;
      this.service.durable();
    }
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.service.tick(this.nowMs);
  }
}

const send = (topic: string, idemKey: string, changed: Partial<SendRequest> = {}): SendRequest => ({
  verb: 'send',
  topic,
  idemKey,
  payload: new Uint8Array([1, 2]),
  payloadHash: null,
  attrs: {},
  corrId: 'c',
  delayMs: 0,
  ttlMs: Number.POSITIVE_INFINITY,
  ...changed,
});
const recv = (topic: string, changed: Partial<RecvRequest> = {}): RecvRequest => ({
  verb: 'recv',
  topic,
  visibilityMs: null,
  messagesMax: 32,
  bytesMax: 524_288,
  waitMs: 0,
  acks: [],
  ...changed,
});

const bytes = (size: number, of = 7): Uint8Array => new Uint8Array(size).fill(of);

describe('service', () => {
  it('reply: waits until every fact before it is durable, reads included (AC1)', () => {
    const bench = new Bench();
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
    const bench = new Bench();
    for (let i = 0; i < 50; i++) bench.ask(send(`topic-${i}`, 'k'));
    expect(bench.appended).toHaveLength(1);
    bench.service.durable();
    expect(bench.appended).toHaveLength(2);
    expect(bench.appended[1]?.reduce((sum, batch) => sum + batch.facts.length, 0)).toBe(49);
    bench.service.durable();
    expect(bench.appended).toHaveLength(2);
  });

  it('journal failure: held replies and whoever waits become 503, nothing is taken any more', () => {
    const bench = new Bench();
    const waiting = bench.ask(recv('b', { waitMs: 10_000 }));
    const held = [bench.ask(send('a', 'k1')), bench.ask(send('a', 'k2')), waiting];
    bench.service.journalFailed();
    for (const { reply } of held) expect(reply?.outcome).toBe('journal');
    expect(bench.service.pollCount).toBe(0);
    expect(bench.ask(recv('a')).reply?.outcome).toBe('journal');
  });

  it('recv: leases in order, within max_messages and max_bytes; the first goes whatever its size (LE1, LE6)', () => {
    const bench = new Bench();
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
    const bench = new Bench({ globalInflight: 1 });
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
    const bench = new Bench({ globalInflight: 2 });
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
    const bench = new Bench({ backoffBaseMs: 100 });
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
    const bench = new Bench();
    const poll = bench.ask(recv('a', { waitMs: 500 }));
    expect(bench.service.nextWakeMs()).toBe(bench.nowMs + 500);
    bench.pass(499);
    expect(poll.reply).toBeNull();
    bench.pass(1);
    expect(poll.reply).toMatchObject({ outcome: 'ok', deliveries: [] });
    expect(bench.service.nextWakeMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('long poll: one that was served early leaves no wake-up behind', () => {
    const bench = new Bench();
    const poll = bench.ask(recv('a', { waitMs: 500 }));
    expect(bench.service.nextWakeMs()).toBe(bench.nowMs + 500);
    bench.now(send('a', 'k'));
    const { msgId, receipt } = poll.reply!.deliveries![0]!;
    bench.now({ verb: 'ack', msgId, receipt });
    expect(bench.service.nextWakeMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('long poll: a capability that ends gets no further payload (AU3)', () => {
    const bench = new Bench();
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
    const bench = new Bench();
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
    const bench = new Bench();
    const spent: Caller = { ...everyone, charge: () => 2500 };
    bench.now(send('a', 'k'));
    expect(bench.now(send('a', 'k'), spent)).toEqual({ outcome: 'quota', retryAfterMs: 2500 });
    expect(bench.facts).toHaveLength(1);
  });

  it('writes refused: a duplicate still learns that it was accepted, then 503 before 429 (BD2, BD3, ID5)', () => {
    const bench = new Bench({ shardCapacity: 1 }, 1);
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
    const bench = new Bench({}, 1, () => (damaged ? 'b3:other' : 'b3:right'));
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
    const bench = new Bench();
    bench.now(send('a', 'k'));
    const lost = bench.now(recv('a')).deliveries ?? [];
    const poll = bench.ask(recv('a', { waitMs: 1000 }));
    bench.service.release(lost, bench.nowMs, everyone);
    bench.sync();
    expect(poll.reply?.deliveries).toMatchObject([{ attempt: 1, epoch: 2 }]);
    expect(bench.now({ verb: 'ack', msgId: lost[0]!.msgId, receipt: lost[0]!.receipt }).outcome).toBe('lease_lost');
  });

  it('dead letters: listed in pages, reprocessed by reason, purged by age (DL2..DL4)', () => {
    const bench = new Bench({ maxAttempts: 1 });
    for (let i = 0; i < 5; i++) bench.now(send('a', `k${i}`));
    for (const d of bench.now(recv('a')).deliveries ?? []) {
      const deadLetter = d.idemKey === 'k3';
      bench.now({
        verb: 'nack',
        msgId: d.msgId,
        receipt: d.receipt,
        reason: `no ${d.idemKey}`,
        retryAfterMs: null,
        deadLetter,
      });
      bench.pass(10);
    }
    const page = (after: number, reason: null | 'rejected' = null) =>
      bench.now({ verb: 'dlq_list', topic: 'a', reason, limit: 2, after, withPayload: false });
    const first = page(0);
    expect(first.deadLetters?.map((d) => [d.idemKey, d.reason, d.lastError])).toEqual([
      ['k0', 'max_attempts', 'no k0'],
      ['k1', 'max_attempts', 'no k1'],
    ]);
    const second = page(first.next as number);
    const third = page(second.next as number);
    expect([...(second.deadLetters ?? []), ...(third.deadLetters ?? [])].map((d) => d.idemKey)).toEqual([
      'k2',
      'k3',
      'k4',
    ]);
    expect(third.next).toBeNull();
    expect(page(0, 'rejected').deadLetters?.map((d) => d.idemKey)).toEqual(['k3']);
    expect(
      bench.now({ verb: 'reprocess', topic: 'a', limit: 10, msgIds: null, reason: 'rejected', ratePerS: null }),
    ).toMatchObject({
      moved: 1,
      skipped: 0,
      failed: 0,
    });
    expect(
      bench.now({ verb: 'reprocess', topic: 'a', limit: 10, msgIds: ['unknown'], reason: null, ratePerS: null }),
    ).toMatchObject({
      moved: 0,
      failed: 1,
    });
    expect(bench.now({ verb: 'purge', topic: 'a', msgIds: null, olderThanMs: 45 }).purged).toBe(1);
    expect(bench.now({ verb: 'stats', topic: 'a' }).stats).toMatchObject({ queued: 1, deadLettered: 3 });
  });

  it('reprocess at a rate: one by one, the answer with the last; revocation, drain and a client that left end it', () => {
    const dead = (): { bench: Bench; ask: (caller?: Caller) => { reply: Reply | null } } => {
      const bench = new Bench({ maxAttempts: 1 });
      for (let i = 0; i < 5; i++) bench.now(send('a', `k${i}`));
      for (const { msgId, receipt } of bench.now(recv('a')).deliveries ?? []) {
        bench.now({ verb: 'nack', msgId, receipt, reason: null, retryAfterMs: null, deadLetter: true });
      }
      const request = { verb: 'reprocess', topic: 'a', limit: 4, msgIds: null, reason: null, ratePerS: 10 } as const;
      return { bench, ask: (caller) => bench.ask(request, caller) };
    };
    const moved = (bench: Bench): number => bench.facts.filter(({ name }) => name === 'reprocessed').length;

    const whole = dead();
    const answer = whole.ask();
    expect([moved(whole.bench), whole.bench.service.nextWakeMs()]).toEqual([1, whole.bench.nowMs + 100]);
    whole.bench.pass(99);
    expect(moved(whole.bench)).toBe(1);
    whole.bench.pass(101);
    expect(moved(whole.bench)).toBe(3);
    whole.bench.pass(100);
    whole.bench.sync();
    expect(answer.reply).toMatchObject({ outcome: 'ok', moved: 4, skipped: 0, failed: 0 });

    const failing = dead();
    const unfinished = failing.ask();
    failing.bench.service.journalFailed();
    expect(unfinished.reply?.outcome).toBe('journal');

    const revoked = dead();
    let valid = true;
    const refused = revoked.ask({ ...everyone, isValid: () => valid });
    valid = false;
    revoked.bench.pass(100);
    revoked.bench.sync();
    expect([refused.reply?.outcome, moved(revoked.bench)]).toEqual(['cap_auth', 1]);

    const drained = dead();
    const partial = drained.ask();
    drained.bench.service.endWaiting(drained.bench.nowMs, true);
    drained.bench.sync();
    expect(partial.reply).toMatchObject({ outcome: 'ok', moved: 1 });

    const left = dead();
    const reply = (): void => {};
    const request = { verb: 'reprocess', topic: 'a', limit: 4, msgIds: null, reason: null, ratePerS: 10 } as const;
    left.bench.service.request(request, everyone, left.bench.nowMs, reply);
    left.bench.service.cancel(reply);
    left.bench.pass(1000);
    expect(moved(left.bench)).toBe(1);
  });

  it('reprocess at a rate: what is moved is counted and paced; what cannot be moved takes no time (DL2)', () => {
    const bench = new Bench({ maxAttempts: 1 });
    for (let i = 0; i < 5; i++) bench.now(send('a', `k${i}`));
    const msgIds: string[] = [];
    for (const { msgId, receipt } of bench.now(recv('a')).deliveries ?? []) {
      msgIds.push(msgId);
      bench.now({ verb: 'nack', msgId, receipt, reason: null, retryAfterMs: null, deadLetter: true });
    }
    const [first, second, ...others] = msgIds as [string, string, ...string[]];
    const request = { verb: 'reprocess', topic: 'a', limit: 2, msgIds: null, reason: null, ratePerS: 1 } as const;
    const listed = bench.ask({ ...request, msgIds: ['unknown', first, 'unknown', second, 'unknown'] });
    bench.pass(999);
    bench.sync();
    expect(listed.reply).toBeNull();
    bench.pass(1);
    bench.sync();
    expect(listed.reply).toMatchObject({ outcome: 'ok', moved: 2, skipped: 0, failed: 2 });

    // Those that somebody else purged meanwhile do not delay the others.
    const chosen = bench.ask(request);
    bench.now({ verb: 'purge', topic: 'a', msgIds: [others[1] as string], olderThanMs: null });
    bench.pass(1000);
    bench.sync();
    expect(chosen.reply).toMatchObject({ outcome: 'ok', moved: 2 });
  });

  it('reprocess at a rate: whoever is one too many is told when the first is done', () => {
    const bench = new Bench({ maxAttempts: 1 });
    for (let i = 0; i < 200; i++) bench.now(send('a', `k${i}`));
    for (const { msgId, receipt } of bench.now(recv('a', { messagesMax: 256 })).deliveries ?? []) {
      bench.now({ verb: 'nack', msgId, receipt, reason: null, retryAfterMs: null, deadLetter: true });
    }
    const request = { verb: 'reprocess', topic: 'a', limit: 3, msgIds: null, reason: null, ratePerS: 1 } as const;
    for (let i = 0; i < 16; i++) bench.ask(request);
    expect(bench.now(request)).toEqual({ outcome: 'saturated_redrives', retryAfterMs: 2000 });
  });

  it('tick: expires leases and moves on without a request (RT3)', () => {
    const bench = new Bench({ maxAttempts: 1, defaultVisibilityMs: 1000 });
    bench.now(send('a', 'k'));
    bench.now(recv('a'));
    expect(bench.service.nextWakeMs()).toBe(bench.nowMs + 1000);
    bench.pass(1000);
    expect(bench.facts.at(-1)).toMatchObject({ name: 'expired', to: 'dead_lettered', reason: 'max_attempts' });
  });

  it('memory: what all shards hold in bytes is bounded, dead letters included; duplicates are told so all the same (BD0, D4, ID5)', () => {
    const bench = new Bench();
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
    const bench = new Bench();
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
    const bench = new Bench({ tReplayMs: 10_000 });
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
    const bench = new Bench({ tReplayMs: 10_000, tenantShare: 25, tenantReserve: 20 });
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
    const bench = new Bench();
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

  it('payloads: overwritten when its message is acked or purged, and not before; never where the journal may still read it (I1)', () => {
    const bench = new Bench({ dlqMaxPerTopic: 1 }, 4, undefined, true);
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

    const durable = new Bench();
    const kept = bytes(8);
    durable.now(send('a', 'k', { payload: kept }));
    const { msgId, receipt } = durable.now(recv('a')).deliveries![0]!;
    durable.now({ verb: 'ack', msgId, receipt });
    expect([kept, durable.service.memory.payloadBytes]).toEqual([bytes(8), 0]);
  });
});
