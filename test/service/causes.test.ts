import { describe, expect, it } from 'vitest';
import type { Fact } from '../../src/core/facts.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { Cause } from '../../src/ports/observer.ts';
import type { Caller, Delivery, RecvRequest, Reply, Request } from '../../src/service/messages.ts';
import { Service } from '../../src/service/service.ts';
import type { Stream } from '../../src/service/stream.ts';
import fc from '../support/properties.ts';
import { limitsOf } from '../support/shard.ts';

/** Whoever asks under this name. */
const by = (name: string): Caller => ({
  allowsTopic: () => true,
  charge: () => 0,
  isValid: () => true,
  cause: { corrId: name, peer: `peer of ${name}`, scope: `scope of ${name}` },
});

/** A service of one shard that tells which fact each request brought about. */
class Bench {
  nowMs = 1_000_000;
  /** What became true, and by whom: `-` for time. */
  told: (readonly [Fact, string])[] = [];
  /** A payload hashes to something else each time. */
  damaged = false;
  readonly service: Service;
  readonly held: Delivery[] = [];
  private drawn = 0;

  constructor(limits: Partial<Limits> = {}) {
    const whose = (cause: Cause | null): string => cause?.corrId ?? '-';
    this.service = new Service({
      shards: Service.empty(1, limitsOf(limits)),
      random: { below: () => 0, token: () => `receipt-${++this.drawn}` },
      integrity: {
        payloadHashOf: () => (this.damaged ? `b3:${++this.drawn}` : 'b3:payload'),
        hashChainOf: () => 'b3:chain',
      },
      observer: {
        fact: (_shard, fact, cause) => {
          if (fact.name === this.breaks) throw new Error('bug');
          this.told.push([fact, whose(cause)]);
        },
        damaged: (_shard, { msgId }, cause) => this.damages.push([msgId, whose(cause)]),
      },
      effects: {
        append: () => this.service.durable(),
        fell: (_shard, _error, cause) => this.falls.push(whose(cause)),
      },
    });
  }
  readonly damages: (readonly [string, string])[] = [];
  /** The fact that cannot be applied, and at whose requests the shard fell. */
  breaks: Fact['name'] | null = null;
  readonly falls: string[] = [];

  ask(name: string, request: Request): Reply | undefined {
    let answer: Reply | undefined;
    this.service.request(request, by(name), this.nowMs, (reply) => {
      answer = reply;
      this.held.push(...(reply.deliveries ?? []));
    });
    return answer;
  }

  send(name: string, idemKey: string, ttlMs = Number.POSITIVE_INFINITY): void {
    const rest = { payload: new Uint8Array([1]), payloadHash: null, attrs: {}, corrId: 'sent', delayMs: 0 };
    this.ask(name, { verb: 'send', topic: 'a', idemKey, ...rest, ttlMs });
  }
  recv(name: string, waitMs = 0): Delivery | undefined {
    return this.ask(name, { ...RECV, waitMs })?.deliveries?.[0];
  }
  nack(name: string, { msgId, receipt }: Delivery, deadLetter: boolean): void {
    this.ask(name, { verb: 'nack', msgId, receipt, reason: null, retryAfterMs: 0, deadLetter });
  }
  pass(ms: number): void {
    this.nowMs += ms;
    this.service.tick(this.nowMs);
  }

  /** What came true since this was last asked: `fact of somebody`. */
  news(): string[] {
    const { told } = this;
    this.told = [];
    return told.map(([fact, whose]) => {
      const { name } = fact;
      const to = 'to' in fact && fact.to === 'dead_lettered' ? ' dead' : '';
      return `${name}${to}${fact.name === 'purged' ? ` ${fact.reason}` : ''} by ${whose}`;
    });
  }
}
const RECV: RecvRequest = {
  ...{ verb: 'recv', topic: 'a', visibilityMs: 1_000, messagesMax: 1, bytesMax: 1024, waitMs: 0, acks: [] },
};
const KINDS = [
  ...(['send', 'send', 'recv', 'recv', 'wait', 'dead', 'dead'] as const),
  ...(['nack', 'ack', 'release', 'reprocess', 'purge', 'pass'] as const),
];
const REPROCESS = { verb: 'reprocess', topic: 'a', limit: 10, msgIds: null, reason: null } as const;

describe('causes: which request brought a fact about, for its line of the log (O2, O3)', () => {
  it('nack: into the dead letters because it says so, at the last attempt, and past a bound of them', () => {
    const bench = new Bench({ maxAttempts: 1, dlqMaxPerTopic: 1 });
    bench.send('S', 'one');
    bench.nack('N', bench.recv('R') as Delivery, true);
    bench.send('S', 'two');
    bench.nack('M', bench.recv('R') as Delivery, false);
    expect(bench.news()).toEqual([
      ...['sent by S', 'received by R', 'nacked dead by N'],
      ...['sent by S', 'received by R', 'purged count by M', 'nacked dead by M'],
    ]);
  });

  it('time: an expiry is of nobody, whoever came by when it was due', () => {
    const bench = new Bench({ maxAttempts: 1, dlqRetentionMs: 5_000 });
    bench.send('S', 'one');
    bench.recv('R');
    bench.nowMs += 1_000;
    bench.send('T', 'two', 2_000);
    const second = bench.recv('R') as Delivery;
    bench.news();
    bench.nowMs += 500;
    bench.ask('X', { verb: 'extend', msgId: second.msgId, receipt: second.receipt, visibilityMs: 2_000 });
    bench.pass(5_000);
    expect(bench.news()).toEqual(['extended by X', 'expired dead by -', 'purged age by -']);
    // The ttl is over when it returns: what returned it is not what ended it.
    const other = new Bench();
    other.send('S', 'one', 500);
    const held = other.recv('R') as Delivery;
    other.nowMs += 700;
    other.nack('N', held, false);
    expect(other.news().slice(2)).toEqual(['nacked by N', 'expired dead by -']);
  });

  it('damage: a recv that finds it, at once and by waiting; a list that would show it (IN1)', () => {
    const bench = new Bench();
    bench.send('S', 'one');
    bench.damaged = true;
    bench.recv('R');
    expect(bench.news().slice(1)).toEqual(['received by R', 'nacked dead by R']);
    bench.damaged = false;
    bench.recv('W', 60_000);
    bench.damaged = true;
    bench.send('S', 'two');
    expect(bench.news()).toEqual(['sent by S', 'received by W', 'nacked dead by W']);
    bench.damaged = false;
    bench.ask('W', { verb: 'purge', topic: 'a', msgIds: null, olderThanMs: 0 });
    bench.send('S', 'three');
    bench.nack('N', bench.held[0] as Delivery, true);
    bench.damaged = true;
    const list = { verb: 'dlq_list', topic: 'a', reason: null, limit: 10, after: 0, withPayload: true } as const;
    expect(bench.ask('L', list)?.deadLetters?.map(({ payload }) => payload)).toEqual([null]);
    expect(bench.damages).toEqual([[bench.held[0]?.msgId, 'L']]);
  });

  it('waiting: what is given later is given to whoever waits; what is taken back is of whoever left', () => {
    const bench = new Bench();
    bench.recv('W', 60_000);
    bench.send('S', 'one');
    expect(bench.news()).toEqual(['sent by S', 'received by W']);
    bench.service.release(bench.held, bench.nowMs, by('W'));
    const consumer = {
      stream: null as Stream | null,
      opened: (_reply: Reply, stream: Stream) => {
        consumer.stream = stream;
      },
      deliver: (deliveries: readonly Delivery[]) => bench.held.push(...deliveries),
      ended: () => {},
    };
    const request = { ...RECV, visibilityMs: 1_000, credit: 1, messagesMax: 9, waitMs: 60_000 };
    bench.service.stream(request, by('Z'), bench.nowMs, consumer);
    bench.service.closeStream(consumer.stream as Stream, bench.held.slice(-1), bench.nowMs);
    expect(bench.news()).toEqual(['released by W', 'received by Z', 'released by Z']);
  });

  it('admin: reprocess at once and at a rate, and purge', () => {
    const bench = new Bench();
    for (const key of ['one', 'two', 'three']) bench.send('S', key);
    for (let i = 0; i < 3; i++) bench.nack('N', bench.recv('R') as Delivery, true);
    bench.news();
    bench.ask('P', { ...REPROCESS, limit: 2, ratePerS: 1 });
    bench.pass(1_000);
    bench.ask('Q', { ...REPROCESS, ratePerS: null });
    for (let i = 0; i < 3; i++) bench.nack('N', bench.recv('R') as Delivery, true);
    expect(bench.news().filter((line) => /^repro/.test(line))).toEqual([
      ...['reprocessed by P', 'reprocessed by P', 'reprocessed by Q'],
    ]);
    bench.ask('A', { verb: 'purge', topic: 'a', msgIds: null, olderThanMs: 0 });
    expect(bench.news()).toEqual(Array(3).fill('purged admin by A'));
  });

  it.each([
    ['sent', 'S'],
    ['received', 'W'],
    ['expired', '-'],
  ] as const)('a shard that falls at %s falls by %s', (breaks, whose) => {
    const bench = new Bench();
    bench.recv('W', 60_000);
    bench.breaks = breaks;
    bench.send('S', 'one');
    bench.pass(1_000);
    expect(bench.falls).toEqual([whose]);
  });

  it('any history: what time brings about is of nobody, everything else of a request', () => {
    const step = fc.record({
      kind: fc.constantFrom(...KINDS),
      pick: fc.nat(5),
      ms: fc.constantFrom(0, 0, 0, 0, 0, 1, 400, 1_000, 10_000),
    });
    const sizes: number[] = [];
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
        sizes.push(steps.length);
        const bench = new Bench({ maxAttempts: 2, dlqMaxPerTopic: 1, dlqRetentionMs: 5_000 });
        steps.forEach(({ kind, pick, ms }, i) => {
          bench.nowMs += ms;
          const held = bench.held.at(-1 - (pick % Math.max(1, bench.held.length)));
          if (kind === 'send') bench.send('S', `k${i}`, pick === 0 ? 2_000 : undefined);
          else if (kind === 'recv' || kind === 'wait') bench.recv('R', kind === 'wait' ? 5_000 : 0);
          else if (kind === 'pass') bench.pass(0);
          else if (kind === 'reprocess') bench.ask('P', { ...REPROCESS, ratePerS: pick === 0 ? 100 : null });
          else if (kind === 'purge') bench.ask('A', { verb: 'purge', topic: 'a', msgIds: null, olderThanMs: ms });
          else if (held === undefined) return;
          else if (kind === 'release') bench.service.release([held], bench.nowMs, by('R'));
          else if (kind === 'ack') bench.ask('K', { verb: 'ack', msgId: held.msgId, receipt: held.receipt });
          else bench.nack('N', held, kind === 'dead');
        });
        const lines = bench.news();
        lines.forEach((line, i) => {
          seen.add(line);
          // What is pushed out goes in the decision of what comes.
          const decisive = line.startsWith('purged count') ? (lines[i + 1] as string) : line;
          expect(/^expired|^purged age/.test(decisive), line).toBe(line.endsWith('by -'));
        });
      }),
      { numRuns: 60 },
    );
    expect(Math.max(...sizes)).toBeGreaterThan(60);
    for (const line of [
      'expired dead by -',
      'purged age by -',
      'purged count by N',
      'nacked dead by N',
      'released by R',
    ])
      expect([...seen]).toContain(line);
  });
});
