import { describe, expect, it } from 'vitest';
import type { Caller, Reply } from '../../src/service/messages.ts';
import { everyone, recv, ServiceBench, send } from '../support/service-bench.ts';

describe('dead letters', () => {
  it('dead letters: listed in pages, reprocessed by reason, purged by age (DL2..DL4)', () => {
    const bench = new ServiceBench({ maxAttempts: 1 });
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
    const dead = (): { bench: ServiceBench; ask: (caller?: Caller) => { reply: Reply | null } } => {
      const bench = new ServiceBench({ maxAttempts: 1 });
      for (let i = 0; i < 5; i++) bench.now(send('a', `k${i}`));
      for (const { msgId, receipt } of bench.now(recv('a')).deliveries ?? []) {
        bench.now({ verb: 'nack', msgId, receipt, reason: null, retryAfterMs: null, deadLetter: true });
      }
      const request = { verb: 'reprocess', topic: 'a', limit: 4, msgIds: null, reason: null, ratePerS: 10 } as const;
      return { bench, ask: (caller) => bench.ask(request, caller) };
    };
    const moved = (bench: ServiceBench): number => bench.facts.filter(({ name }) => name === 'reprocessed').length;

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
    const bench = new ServiceBench({ maxAttempts: 1 });
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
    const bench = new ServiceBench({ maxAttempts: 1 });
    const request = { verb: 'reprocess', limit: 3, msgIds: null, reason: null, ratePerS: 1 } as const;
    for (const topic of ['a', 'b']) {
      for (let i = 0; i < 200; i++) bench.now(send(topic, `k${i}`));
      for (const { msgId, receipt } of bench.now(recv(topic, { messagesMax: 256 })).deliveries ?? [])
        bench.now({ verb: 'nack', msgId, receipt, reason: null, retryAfterMs: null, deadLetter: true });
    }
    // A fifth of them is for tenants within their share (BD5).
    for (let i = 0; i < 13; i++) bench.ask({ ...request, topic: 'a' });
    expect(bench.now({ ...request, topic: 'a' })).toEqual({ outcome: 'saturated_tenant', retryAfterMs: 2000 });
    for (let i = 0; i < 3; i++) bench.ask({ ...request, topic: 'b' });
    expect(bench.now({ ...request, topic: 'b' })).toEqual({ outcome: 'saturated_redrives', retryAfterMs: 2000 });
  });
});
