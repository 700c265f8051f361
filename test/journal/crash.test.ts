import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crashes.ts';

describe('crash', () => {
  it('before every op of the disk: all that was acknowledged is there again, and it goes on (AC1, PrefixProp)', () => {
    const ops = crashEverywhere({ seed: 1, appends: 30, segmentBytes: 2048, payloadBytes: 60 }, 2);
    expect(ops).toBeGreaterThan(80);
  }, 60_000);

  it('on a full disk too, in the middle of a snapshot that makes room; the next process comes up on it and goes on (journal rule 5)', () => {
    const run = { seed: 4, appends: 70, segmentBytes: 2048, payloadBytes: 60, capacityBytes: 26_000 };
    const ops = crashEverywhere(run, 1, 7);
    expect(ops).toBeGreaterThan(300);
  }, 60_000);
});
