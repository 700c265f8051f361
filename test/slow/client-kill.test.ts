import { describe, expect, it } from 'vitest';
import { workThroughKills } from '../support/client-traffic.ts';

describe('client: kill -9 of the server, lost answers, slow handlers', () => {
  it('100,000 messages through 20 kills: all of them handled, stored once, acked for good (U1, NoLossInv, IdempotentInv, AckFinalProp)', async () => {
    const counts = await workThroughKills(100_000, 20, Number(process.env['SEED'] ?? 2));
    console.log(JSON.stringify(counts));
    expect(counts.lost).toBeGreaterThan(100);
    expect(counts.duplicates).toBeGreaterThan(100);
    expect(counts.slow).toBeGreaterThanOrEqual(500);
  }, 1_800_000);
});
