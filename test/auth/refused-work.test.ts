import { describe, expect, it } from 'vitest';
import { RefusedWork, refusedUs } from '../../src/auth/refused-work.ts';
import fc from '../support/properties.ts';

const MIB = 1024 ** 2;
const of = (id: string, nonce = `nonce-of-${id}`) => ({ id, nonce });
const DEAR_US = refusedUs(MIB);

/** Refuses so much of it at once. */
const burden = (work: RefusedWork, debtor: ReturnType<typeof of>, us: number, nowMs: number): void => {
  for (let left = us; left > 0; left -= DEAR_US) work.refused(debtor, Math.min(left, DEAR_US), nowMs);
};

describe('work that is refused (BD4)', () => {
  it('a MiB that is refused costs about 10 ms, and a request 0.1 ms at least', () => {
    expect(DEAR_US).toBeGreaterThan(10_000);
    expect(DEAR_US).toBeLessThan(12_000);
    expect(refusedUs(0)).toBe(100);
    expect(refusedUs(0, 256) - refusedUs(0)).toBe(256 * 50);
  });

  it('holds back who had two seconds of it refused, until that is worked off at a tenth of a processor', () => {
    const work = new RefusedWork();
    burden(work, of('a'), 1_990_000, 0);
    expect(work.waitMs(of('a'), 0)).toBe(0);
    work.refused(of('a'), DEAR_US, 0);
    const waitMs = work.waitMs(of('a'), 0);
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThan(20);
    expect(work.waitMs(of('a'), waitMs)).toBe(0);
    expect(work.waitMs(of('b'), 0)).toBe(0);
  });

  it('whatever is refused, nobody waits for longer than a minute, and for as long as told', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ us: fc.nat(5_000_000), ms: fc.nat(20_000) }), { size: '+1' }), (steps) => {
        const work = new RefusedWork();
        let nowMs = 0;
        for (const { us, ms } of steps) {
          work.refused(of('a'), us, nowMs);
          const waitMs = work.waitMs(of('a'), nowMs);
          expect(waitMs).toBeLessThanOrEqual(60_001);
          expect(work.waitMs(of('a'), nowMs + waitMs)).toBe(0);
          if (waitMs > 2) expect(work.waitMs(of('a'), nowMs + waitMs - 2)).toBeGreaterThan(0);
          nowMs += ms;
        }
      }),
    );
  });

  it('made anew from the same nonce it gets no further, and who did something else before is not held back for it (AU6)', () => {
    const work = new RefusedWork();
    const honest = of('honest', 'root');
    work.prove(honest);
    for (let i = 0; i < 300; i++) work.refused(of(`child-${i}`, 'root'), DEAR_US, 0);
    expect(work.waitMs(of('child-300', 'root'), 0)).toBeGreaterThan(0);
    expect(work.waitMs(honest, 0)).toBe(0);
    expect(work.waitMs(of('stranger', 'another root'), 0)).toBe(0);
    // But for its own it answers as anybody.
    burden(work, honest, 2_100_000, 0);
    expect(work.waitMs(honest, 0)).toBeGreaterThan(0);
  });

  it('is bounded: who was quiet for longest makes room', () => {
    const work = new RefusedWork();
    burden(work, of('first'), 2_100_000, 0);
    for (let i = 0; i < 10_000; i++) work.refused(of(`${i}`), 100, 0);
    expect(work.waitMs(of('first'), 0)).toBe(0);
  });
});
