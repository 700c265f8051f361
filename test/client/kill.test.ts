import { describe, expect, it } from 'vitest';
import { workThroughKills } from '../support/client-traffic.ts';

describe('client: kill -9 of the server, lost answers, slow handlers', () => {
  it('600 messages through 3 kills: all of them handled, stored once, acked for good (U1, NoLossInv, IdempotentInv, AckFinalProp)', async () => {
    const counts = await workThroughKills(600, 3, 1);
    console.log(JSON.stringify(counts));
    expect(counts.lost).toBeGreaterThan(5);
    expect(counts.duplicates).toBeGreaterThan(0);
    expect(counts.slow).toBeGreaterThanOrEqual(3);
  });
});
