import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crashes.ts';

describe('crash', () => {
  it('before every op of the disk: all that was acknowledged is there again, and it goes on (AC1, PrefixProp)', () => {
    const ops = crashEverywhere({ seed: 1, appends: 30, segmentBytes: 2048, payloadBytes: 60 }, 2);
    expect(ops).toBeGreaterThan(80);
  }, 60_000);
});
