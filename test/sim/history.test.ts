import { describe, expect, it } from 'vitest';
import type { Ask, Call } from '../../sim/call.ts';
import { HistoryChecker } from '../../sim/checkers/history.ts';
import type { Delivery, Reply } from '../../src/service/messages.ts';
import { limitsOf } from '../support/shard.ts';

const LIMITS = limitsOf({ tReplayMs: 10_000, defaultVisibilityMs: 1_000, maxAttempts: 3 });
const ID = (n: number): string => `01MCC5RM00000000000000000${n}`;
const payload = new Uint8Array([1, 2]);

/** Operations one after the other, each with when it was asked and answered. */
class Story {
  readonly checker: HistoryChecker;
  private calls = 0;

  constructor(clocksAreTrue = true) {
    this.checker = new HistoryChecker(LIMITS, clocksAreTrue);
  }

  op(ask: Ask, reply: Reply | null, atMs: number, answeredMs = atMs + 1): void {
    const call = { id: ++this.calls, atMs, ask } as unknown as Call;
    this.checker.called(call);
    this.checker.answered(call, reply, answeredMs);
  }

  send(key: string, msgId: string | null, atMs: number, outcome: Reply['outcome'] = 'ok', answeredMs = atMs + 1): void {
    const plain = { payloadHash: null, attrs: {}, corrId: '-', delayMs: 0, ttlMs: Number.POSITIVE_INFINITY };
    const ask: Ask = { verb: 'send', topic: 'a', idemKey: key, payload, ...plain };
    this.op(ask, msgId === null ? null : { outcome, msgId }, atMs, answeredMs);
  }

  recv(atMs: number, ...deliveries: Partial<Delivery>[]): void {
    const most = { visibilityMs: null, messagesMax: 32, bytesMax: 1000, waitMs: 0, acks: [] };
    this.op({ verb: 'recv', topic: 'a', ...most }, { outcome: 'ok', deliveries: deliveries.map(delivery) }, atMs);
  }

  ack(msgId: string, receipt: string, outcome: Reply['outcome'], atMs: number): void {
    this.op({ verb: 'ack', msgId, receipt }, { outcome }, atMs);
  }
}

const delivery = (changed: Partial<Delivery>): Delivery =>
  ({ msgId: ID(1), topic: 'a', idemKey: 'k', payload, attempt: 1, epoch: 1, receipt: 'r1', ...changed }) as Delivery;

describe('history: what clients saw', () => {
  it('counts accepted, delivered, duplicated and recovered messages', () => {
    const story = new Story();
    story.send('k', ID(1), 0);
    story.send('u', null, 5);
    story.recv(10, {}, { msgId: ID(2), idemKey: 'u' });
    story.recv(5_000, { attempt: 2, epoch: 2, receipt: 'r2' });
    story.ack(ID(1), 'r2', 'ok', 5_010);
    story.checker.finish(() => undefined);
    const { operations, accepted, delivered, duplicated, recovered, unexpected, lost } = story.checker.counts;
    expect({ operations, accepted, delivered, duplicated, recovered, unexpected, lost }).toEqual({
      ...{ operations: 5, accepted: 1, delivered: 3, duplicated: 1, recovered: 1, unexpected: 0, lost: 0 },
    });
  });

  const breaches: [string, string, (story: Story) => void][] = [
    [
      'lost: accepted, never delivered, and no dead letter',
      'NoLossInv',
      (s) => {
        s.send('k', ID(1), 0);
        s.checker.finish(() => 'queued');
      },
    ],
    ['unexpected: nobody sent it', 'IN1', (s) => s.recv(0, {})],
    [
      'unexpected: sent with another payload',
      'IN1',
      (s) => {
        s.send('k', ID(1), 0);
        s.recv(5, { payload: new Uint8Array([9]) });
      },
    ],
    [
      'delivered to one who asked after the ack was answered',
      'AckFinalProp',
      (s) => {
        s.send('k', ID(1), 0);
        s.recv(5, {});
        s.ack(ID(1), 'r1', 'ok', 10);
        s.recv(20, { epoch: 2, receipt: 'r2' });
      },
    ],
    [
      'an epoch that falls',
      'EpochMonotoneProp',
      (s) => {
        s.send('k', ID(1), 0);
        s.recv(5, { epoch: 2 });
        s.recv(2_000, { epoch: 1, receipt: 'r2' });
      },
    ],
    [
      'leased anew while the lease lasts',
      'SingleLeaseProp',
      (s) => {
        s.send('k', ID(1), 0);
        s.recv(5, {});
        s.recv(900, { epoch: 2, receipt: 'r2' });
      },
    ],
    [
      'acked with two receipts',
      'SingleLeaseProp',
      (s) => {
        s.send('k', ID(1), 0);
        s.recv(5, {});
        s.recv(2_000, { epoch: 2, receipt: 'r2' });
        s.ack(ID(1), 'r1', 'ok', 2_010);
        s.ack(ID(1), 'r2', 'ok', 2_020);
      },
    ],
    [
      'an attempt beyond the last',
      'AttemptsBoundedInv',
      (s) => {
        s.send('k', ID(1), 0);
        s.recv(5, { attempt: 4 });
      },
    ],
    [
      'two messages under one live key',
      'IdempotentInv',
      (s) => {
        s.send('k', ID(1), 0);
        s.send('k', ID(2), 5_000);
      },
    ],
    [
      'two messages under one live key, the answer of the first coming last',
      'IdempotentInv',
      (s) => {
        s.send('k', ID(2), 5_000);
        s.send('k', ID(1), 0, 'ok', 6_000);
      },
    ],
  ];
  for (const [what, rule, tell] of breaches) {
    it(what, () => {
      expect(() => tell(new Story())).toThrow(expect.objectContaining({ rule }));
    });
  }

  it('is no breach: a key accepted anew when its window may be over, a lease that somebody may have settled', () => {
    const story = new Story();
    story.send('k', ID(1), 0);
    story.send('k', ID(2), 10_001);
    story.recv(10_010, { msgId: ID(2) });
    story.ack(ID(2), 'r1', 'lease_lost', 10_020);
    story.recv(10_030, { msgId: ID(2), epoch: 2, receipt: 'r2' });
    story.checker.finish(() => 'dead_lettered');
    expect(story.checker.counts.lost).toBe(0);
  });

  it('a clock that ran ahead at once: windows and leases may be shorter by as much, on its node and over that moment, no more (TM1)', () => {
    const twice = (again: number, more: (checker: HistoryChecker) => void) => () => {
      const story = new Story();
      more(story.checker);
      story.send('k', ID(1), 0);
      story.send('k', ID(2), again);
    };
    const anew = (at: number) => () => {
      const story = new Story();
      story.checker.gained(0, 600, 50);
      story.send('k', ID(1), 0);
      story.recv(10, {});
      story.recv(at, { attempt: 2, epoch: 2, receipt: 'r2' });
    };
    const gained = (node: number, atMs: number) => (checker: HistoryChecker) => checker.gained(node, 4_000, atMs);
    twice(6_000, gained(0, 3_000))();
    for (const [again, how] of [
      [5_990, gained(0, 3_000)],
      [9_000, gained(1, 3_000)],
      [9_000, gained(0, 9_500)],
      [9_000, () => {}],
    ] as const) {
      expect(twice(again, how)).toThrow(expect.objectContaining({ rule: 'IdempotentInv' }));
    }
    anew(410)();
    expect(anew(400)).toThrow(expect.objectContaining({ rule: 'SingleLeaseProp' }));
  });

  it('durations are not compared while clocks are bent', () => {
    const story = new Story(false);
    story.send('k', ID(1), 0);
    story.send('k', ID(2), 10);
    story.recv(20, { msgId: ID(2) });
    story.recv(30, { msgId: ID(2), epoch: 2, receipt: 'r2' });
    expect(story.checker.counts.duplicated).toBe(1);
  });

  it('forgets what was settled long ago, and still knows it for a breach when it comes back', () => {
    const story = new Story();
    story.send('k', ID(1), 0);
    story.recv(5, {});
    story.ack(ID(1), 'r1', 'ok', 10);
    story.send('later', ID(2), 86_400_000);
    expect(() => story.recv(86_400_010, { epoch: 2 })).toThrow(expect.objectContaining({ rule: 'IN1' }));
  });
});
