import { beforeEach, describe, expect, it } from 'vitest';
import { EngineClock } from '../../src/cluster/engine-clock.ts';
import { type EngineTime, HeldLeases } from '../../src/cluster/held-leases.ts';
import type { Renewed } from '../../src/ports/engine.ts';
import fc from '../support/properties.ts';

const LEASE_MS = 15_000;

describe('leases of a process', () => {
  let nowMs: number;
  let timers: { readonly atMs: number; readonly run: () => void }[];
  let renewals: {
    readonly atMs: number;
    readonly logs: readonly number[];
    readonly answer: (result: Renewed | Error) => void;
  }[];
  let over: number[];
  let released: number[];
  let grant: 'at once' | 'held' | 'error';
  let grantAfterMs: number;
  let leases: HeldLeases;
  let measured: EngineTime[];
  beforeEach(() => {
    [nowMs, timers, renewals, over, released, grant, grantAfterMs] = [0, [], [], [], [], 'at once', 0];
    measured = [];
    leases = new HeldLeases({
      owner: 'node.1',
      monotonicMs: () => nowMs,
      timers: {
        setTimeout: (run, ms) => timers.push({ atMs: nowMs + ms, run }),
        clearTimeout: (id) => timers.splice((id as number) - 1, 1),
      },
      over: (number) => over.push(number),
      measured: (time) => measured.push(time),
      leases: {
        leaseMs: LEASE_MS,
        claim: (_number, _owner, done) => {
          nowMs += grantAfterMs;
          if (grant === 'error') done(new Error('gone'));
          else done(grant === 'held' ? { heldForMs: 7 } : { engineMs: 0 });
        },
        renewAll: (owner, logs, answer) => {
          expect(owner).toBe('node.1');
          renewals.push({ atMs: nowMs, logs, answer });
        },
        release: (number) => released.push(number),
        watch: () => () => {},
        dismiss: () => {},
      },
    });
  });
  const pass = (untilMs: number): void => {
    for (;;) {
      const next = timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      timers.splice(timers.indexOf(next), 1);
      nowMs = Math.max(nowMs, next.atMs);
      next.run();
    }
    nowMs = untilMs;
  };
  const claim = (number: number): unknown => {
    const results: unknown[] = [];
    leases.claim(number, (result) => results.push(result));
    return results[0];
  };

  it('all are renewed in one go every fifth of a lease', () => {
    claim(1);
    claim(2);
    pass(2_999);
    expect(renewals).toEqual([]);
    pass(6_000);
    expect(renewals.map(({ atMs }) => atMs)).toEqual([3_000, 6_000]);
  });

  it('one that was given back is not renewed, whether or not that got through', () => {
    claim(1);
    claim(2);
    leases.release(1);
    pass(3_000);
    expect([released, renewals.map(({ logs }) => logs)]).toEqual([[1], [[2]]]);
  });

  it('nothing answers: retried, and given up at four fifths, counted from before it was asked', () => {
    grantAfterMs = 2_000;
    claim(1);
    grantAfterMs = 0;
    pass(11_999);
    expect([renewals.length, leases.isHeld(1), over]).toEqual([3, true, []]);
    nowMs = 12_000;
    expect(leases.isHeld(1)).toBe(false);
    pass(14_000);
    expect(over).toEqual([1]);
    for (const { answer } of renewals) answer({ logs: [1], engineMs: 0 });
    expect([leases.isHeld(1), over]).toEqual([false, [1]]);
  });

  it('one that fails ends nothing, and one that succeeds counts from when it was asked', () => {
    claim(1);
    pass(3_000);
    renewals[0]?.answer(new Error('gone'));
    pass(6_000);
    nowMs = 8_000;
    renewals[1]?.answer({ logs: [1], engineMs: 0 });
    expect([leases.leftMs(1), over]).toEqual([10_000, []]);
    // Late: it says less than what is known.
    renewals[0]?.answer({ logs: [1], engineMs: 0 });
    expect(leases.leftMs(1)).toBe(10_000);
  });

  it('somebody else has it: lost at once; what was granted since is not', () => {
    claim(1);
    claim(2);
    pass(3_000);
    leases.release(2);
    nowMs = 3_500;
    claim(2);
    renewals[0]?.answer({ logs: [], engineMs: 0 });
    expect([over, leases.isHeld(1), leases.isHeld(2), released]).toEqual([[1], false, true, [2]]);
  });

  it('a process that stood still gives up what is over before it says anything, timers or not', () => {
    claim(1);
    nowMs = 60_000;
    expect(leases.isHeld(1)).toBe(false);
    leases.look();
    expect(over).toEqual([1]);
  });

  it('not granted, or too late to be of use', () => {
    grant = 'held';
    expect(claim(1)).toEqual({ heldForMs: 7 });
    grant = 'error';
    expect(claim(1)).toEqual(new Error('gone'));
    grant = 'at once';
    grantAfterMs = 12_000;
    expect(claim(1)).toEqual(new Error('lease of log 1: granted too late to be of use'));
  });

  it('the clock is known by the first answer that came soon: those before it are not told, and it is asked for again', () => {
    grantAfterMs = 8_000;
    expect([claim(1), measured]).toEqual([null, []]);
    const results: (Error | null)[] = [];
    leases.measure((error) => results.push(error));
    const answer = (result: Renewed | Error, afterMs: number): void => {
      nowMs += afterMs;
      renewals.at(-1)?.answer(result);
    };
    answer({ logs: [], engineMs: 1 }, 1_001);
    answer(new Error('gone'), 10);
    expect([renewals.map(({ logs }) => logs), results, measured]).toEqual([[[], [], []], [], []]);
    answer({ logs: [], engineMs: 500_000 }, 1_000);
    expect([results, renewals.length]).toEqual([[null], 3]);
    expect(measured).toEqual([{ askedMs: 9_011, answeredMs: 10_011, engineMs: 500_000 }]);
    leases.measure((error) => results.push(error));
    expect([results, renewals.length]).toEqual([[null, null], 3]);
    // A worse one since is for the clock to judge.
    grantAfterMs = 3_000;
    claim(2);
    expect(measured.length).toBe(2);
  });

  it('an engine that never answers soon: its clock is not known, and that is said after a few questions', () => {
    const results: (Error | null)[] = [];
    leases.measure((error) => results.push(error));
    for (let asked = 0; asked < renewals.length; asked++) {
      nowMs += 4_000;
      renewals[asked]?.answer({ logs: [], engineMs: nowMs });
    }
    expect([renewals.length, measured, results]).toEqual([
      5,
      [],
      [new Error('the engine takes longer than 1000 ms to answer: its clock cannot be told')],
    ]);
  });

  it('stopped, or with nothing held: asks no more', () => {
    claim(1);
    leases.release(1);
    pass(3_000);
    claim(2);
    leases.stop();
    pass(20_000);
    expect(renewals).toEqual([]);
  });
});

describe('clock of an engine (R5)', () => {
  it('never goes back, and is off by half a round trip at most, whatever our own clock shows', () => {
    const round = fc.record({ restMs: fc.nat(5_000), thereMs: fc.nat(200), backMs: fc.nat(200) });
    fc.assert(
      fc.property(
        fc.array(round, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: -240_000, max: 240_000 }),
        (rounds, aheadMs) => {
          let trueMs = 1_000_000;
          const clock = new EngineClock({ monotonicMs: () => trueMs + aheadMs, wallMs: () => 5 });
          let shownMs = 0;
          let errorMs = Number.POSITIVE_INFINITY;
          for (const { restMs, thereMs, backMs } of rounds) {
            trueMs += restMs;
            const askedMs = trueMs + aheadMs;
            const engineMs = trueMs + thereMs;
            trueMs = engineMs + backMs;
            clock.measured({ askedMs, answeredMs: trueMs + aheadMs, engineMs });
            errorMs = Math.min(errorMs, (thereMs + backMs) / 2) + (restMs + thereMs + backMs) / 1_000;
            const nowMs = clock.nowMs();
            expect(nowMs).toBeGreaterThanOrEqual(shownMs);
            expect(nowMs).toBeGreaterThanOrEqual(trueMs - errorMs - 1);
            shownMs = nowMs;
          }
          expect(clock.wallMs()).toBe(5);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('an engine whose clock is set: it is followed forward, and waited for when it went back', () => {
    let monotonicMs = 0;
    const clock = new EngineClock({ monotonicMs: () => monotonicMs, wallMs: () => 0 });
    expect(() => clock.nowMs()).toThrow('not measured yet');
    const measure = (engineMs: number): number => {
      clock.measured({ askedMs: monotonicMs, answeredMs: monotonicMs, engineMs });
      return clock.nowMs();
    };
    expect([measure(1_000), measure(90_000), measure(1_000)]).toEqual([1_000, 90_000, 90_000]);
    monotonicMs = 89_500;
    expect(clock.nowMs()).toBe(90_500);
  });
});
