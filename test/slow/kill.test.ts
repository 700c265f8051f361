import { describe, expect, it } from 'vitest';
import { killAgainAndAgain } from '../support/kills.ts';

describe('kill -9', () => {
  it('200 rounds under load: nothing lost, nothing after its ack, no two receipts (AC1, NoLossInv, AckFinalProp, SingleLeaseProp)', async () => {
    const counts = await killAgainAndAgain(200, Number(process.env['SEED'] ?? 2));
    console.log(JSON.stringify(counts));
    expect(counts.acked).toBeGreaterThan(10_000);
    expect(counts.unknown).toBeGreaterThan(200);
  }, 3_600_000);
});
