import { describe, expect, it } from 'vitest';
import { timeOf } from '../../src/core/msg-id.ts';
import { timestampOf } from '../../src/integrity/timestamp.ts';
import type { Batch } from '../../src/ports/journal.ts';
import type { Caller, Reply, Request } from '../../src/service/messages.ts';
import { Service } from '../../src/service/service.ts';
import { limitsOf } from '../support/shard.ts';

const everyone: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };
const BEGAN_MS = 1_000_000;
const AHEAD_MS = 1_800_000_000_000;

/** A service whose journal does nothing until told to, and two clocks. */
class Bench {
  readonly appended: (readonly Batch[])[] = [];
  readonly service: Service;
  nowMs = BEGAN_MS;
  aheadMs = AHEAD_MS;

  constructor(stampsClocks = true) {
    this.service = new Service({
      shards: Service.empty(1, limitsOf()),
      random: { below: () => 0, token: () => 'receipt' },
      integrity: { payloadHashOf: () => 'hash', hashChainOf: (_topic, tsMs) => `chain of ${tsMs}` },
      observer: { fact: () => {} },
      effects: { append: (batches) => this.appended.push(batches) },
      instantOf: (atMs) => atMs + this.aheadMs,
      stampsClocks,
    });
  }

  ask(request: Request): Reply {
    let answer: Reply | null = null;
    this.service.request(request, everyone, this.nowMs, (reply) => {
      answer = reply;
    });
    this.sync();
    if (answer === null) throw new Error('no reply');
    return answer;
  }

  send(idemKey: string, changed: object = {}): Reply {
    const rest = { payload: new Uint8Array(1), payloadHash: null, attrs: {}, corrId: 'c', delayMs: 0 };
    return this.ask({ verb: 'send', topic: 't', idemKey, ...rest, ttlMs: Number.POSITIVE_INFINITY, ...changed });
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

  /** The names of the facts of each append. */
  get story(): string[] {
    return this.appended.map((batches) => batches.flatMap(({ facts }) => facts.map(({ name }) => name)).join(' '));
  }
}

const clocks = (serviceMs: number, aheadMs = AHEAD_MS) => [
  { shard: null, facts: [{ name: 'clocks', serviceMs, wallMs: serviceMs + aheadMs }] },
];

describe('clocks in the journal', () => {
  it('every append says first what both show; a profile that outlives nothing says nothing (journal rule 10)', () => {
    const bench = new Bench();
    bench.send('a');
    bench.pass(500);
    bench.send('b');
    expect(bench.story).toEqual(['clocks sent', 'clocks sent']);
    expect(bench.appended.map(([first]) => [first])).toEqual([clocks(BEGAN_MS), clocks(BEGAN_MS + 500)]);
    const other = new Bench(false);
    other.send('a');
    other.aheadMs += 5000;
    other.pass(120_000);
    other.service.stampClocks(other.nowMs);
    expect(other.story).toEqual(['sent']);
  });

  it('the wall clock is set: said at once, and once, also while nothing else is to say (TM1)', () => {
    const bench = new Bench();
    bench.send('a');
    for (const byMs of [99, -86_400_000, 86_400_000]) {
      bench.aheadMs = AHEAD_MS + byMs;
      bench.pass(20);
      bench.sync();
      bench.pass(20);
    }
    expect(bench.story).toEqual(['clocks sent', 'clocks', 'clocks']);
    expect(bench.appended.at(-1)?.slice(0, 1)).toEqual(clocks(BEGAN_MS + 100, AHEAD_MS + 86_400_000));
  });

  it('the wall clock is set while an append is under way: said with the next, which comes by itself', () => {
    const bench = new Bench();
    bench.service.remember({ name: 'limited', limits: limitsOf() }, () => {});
    bench.aheadMs -= 3_600_000;
    for (let i = 0; i < 5; i++) bench.pass(20);
    expect(bench.story).toEqual(['clocks limited']);
    bench.sync();
    bench.pass(20);
    expect(bench.story).toEqual(['clocks limited', 'clocks']);
  });

  it('idle: said once a minute, and the service asks to be woken for it; said once more before the process stops', () => {
    const bench = new Bench();
    bench.send('a');
    bench.pass(1_000);
    bench.send('b');
    expect(bench.service.nextWakeMs()).toBe(BEGAN_MS + 61_000);
    bench.pass(59_999);
    expect(bench.story).toEqual(['clocks sent', 'clocks sent']);
    bench.pass(1);
    expect(bench.service.nextWakeMs()).toBeGreaterThan(bench.nowMs + 100_000);
    bench.sync();
    bench.pass(10_000);
    expect(bench.service.nextWakeMs()).toBe(BEGAN_MS + 121_000);
    let stopped: boolean | null = null;
    bench.service.stampClocks(bench.nowMs);
    bench.service.whenDurable((durable) => {
      stopped = durable;
    });
    expect([bench.story, stopped]).toEqual([['clocks sent', 'clocks sent', 'clocks', 'clocks'], null]);
    bench.sync();
    expect([bench.appended.at(-1)?.slice(0, 1), stopped]).toEqual([clocks(BEGAN_MS + 71_000), true]);
  });

  it('a journal that failed is told nothing more', () => {
    const bench = new Bench();
    bench.send('a');
    bench.service.journalFailed();
    bench.aheadMs = 0;
    bench.pass(100_000);
    bench.service.stampClocks(bench.nowMs);
    expect(bench.story).toEqual(['clocks sent']);
  });
});

describe('times that people are shown', () => {
  it('ts: the wall clock when the message was accepted, in msg_id and hash_chain too, whatever it shows later (TM3)', () => {
    const bench = new Bench();
    const sent = [0, -86_400_000, 86_400_000].map((byMs, i) => {
      bench.aheadMs = AHEAD_MS + byMs;
      bench.pass(10);
      return [bench.send(`${i}`), bench.nowMs + bench.aheadMs] as const;
    });
    bench.aheadMs = 5;
    const { deliveries } = bench.ask({
      ...{ verb: 'recv', topic: 't', visibilityMs: null, messagesMax: 9, bytesMax: 9, waitMs: 0, acks: [] },
    });
    for (const [i, [{ msgId, hashChain }, tsMs]] of sent.entries()) {
      expect([timeOf(msgId as string), hashChain]).toEqual([tsMs, `chain of ${tsMs}`]);
      expect(deliveries?.[i]).toMatchObject({ msgId, hashChain, ts: timestampOf(tsMs) });
      expect(deliveries?.[i]?.deadlineMs).toBe(bench.nowMs + 5000);
    }
  });

  it('dead_at: by the wall clock as it stands, so that one that was wrong then is right now', () => {
    const bench = new Bench();
    bench.send('a', { ttlMs: 1000 });
    bench.aheadMs = 0;
    bench.pass(1000);
    bench.sync();
    const deadAt = () => {
      const list = { topic: 't', limit: 9, after: 0, reason: null, withPayload: false };
      return bench.ask({ verb: 'dlq_list', ...list }).deadLetters?.[0]?.deadAt;
    };
    expect(deadAt()).toBe(timestampOf(BEGAN_MS + 1000));
    bench.pass(50);
    bench.aheadMs = AHEAD_MS;
    expect(deadAt()).toBe(timestampOf(AHEAD_MS + BEGAN_MS + 1000));
  });
});
