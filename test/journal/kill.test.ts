import { describe, expect, it } from 'vitest';
import { type DeliverySeen, History, NOTHING } from '../support/history.ts';
import { killAgainAndAgain } from '../support/kills.ts';

describe('kill -9', () => {
  it('6 rounds under load: nothing lost, nothing after its ack, no two receipts (AC1, NoLossInv, AckFinalProp, SingleLeaseProp)', async () => {
    const counts = await killAgainAndAgain(6, 1);
    expect(counts.acked).toBeGreaterThan(300);
    expect(counts.unknown).toBeGreaterThan(5);
    expect(counts.redelivered).toBeGreaterThan(5);
  });
});

describe('history checker', () => {
  const delivery = (epoch: number, askedMs: number, more: Partial<DeliverySeen> = {}): DeliverySeen => ({
    ...{ key: 'k', msgId: 'm', receipt: `r${epoch}`, epoch, attempt: epoch },
    ...{ askedMs, answeredMs: askedMs + 1, visibilityMs: 100 },
    ...more,
  });
  const seen = (what: (history: History) => void) => {
    const history = new History(5);
    history.accepted({ key: 'k', msgId: 'm' }, false);
    what(history);
    return history.check();
  };

  it('a proper life is without findings', () => {
    const found = seen((h) => {
      h.delivered(delivery(1, 0));
      h.delivered(delivery(2, 100));
      h.settling('k', 'm', 'r2', 110);
      h.acked('k', 'm', 'r2', 120);
    });
    expect(found).toEqual(NOTHING);
  });

  it('sees each kind of wrong', () => {
    expect(seen(() => {}).lost).toHaveLength(1);
    expect(
      seen((h) => {
        h.acked('k', 'm', 'r1', 10);
        h.delivered(delivery(2, 11));
      }).deliveredAfterAck,
    ).toHaveLength(1);
    expect(
      seen((h) => {
        h.acked('k', 'm', 'r1', 10);
        h.acked('k', 'm', 'r2', 12);
      }).twoReceipts,
    ).toHaveLength(1);
    expect(
      seen((h) => {
        h.delivered(delivery(1, 0));
        h.delivered(delivery(2, 50));
      }).overlapping,
    ).toHaveLength(1);
    expect(
      seen((h) => {
        h.delivered(delivery(2, 0));
        h.delivered(delivery(1, 200));
      }).epochs,
    ).toHaveLength(1);
    expect(seen((h) => h.delivered(delivery(6, 0))).attempts).toHaveLength(1);
    expect(seen((h) => h.accepted({ key: 'k', msgId: 'other' }, true)).twoMessages).toHaveLength(1);
  });
});
