import { describe, expect, it } from 'vitest';
import { type TimeSource, WALL_MS_MAX } from '../../src/ports/clock.ts';
import type { Clocks } from '../../src/ports/process-facts.ts';
import { ServiceClock } from '../../src/service/service-clock.ts';
import fc from '../support/properties.ts';

const DAY_MS = 86_400_000;
const BOOT_MS = 1_800_000_000_000;

/** The clocks of a machine, which the test turns. */
class Machine implements TimeSource {
  passedMs = 0;
  setMs = BOOT_MS;
  /** So long the process is held up between a look at one clock and one at the other. */
  heldUpMs = 0;

  monotonicMs(): number {
    this.passedMs += this.heldUpMs;
    return this.passedMs;
  }
  wallMs(): number {
    return this.setMs + this.passedMs;
  }
  /** Somebody sets the wall clock, unless that would be before 1970 or beyond the last msg_id. @returns how often */
  set(byMs: number): number {
    const atMs = this.wallMs() + byMs;
    if (atMs < 0 || atMs > WALL_MS_MAX) return 0;
    this.setMs += byMs;
    return 1;
  }
}

const clocksOf = (clock: ServiceClock): Clocks => {
  const serviceMs = clock.nowMs();
  return { name: 'clocks', serviceMs, wallMs: clock.instantOf(serviceMs) };
};

const step = fc.oneof(
  fc.constantFrom(-DAY_MS, DAY_MS, -120_001, 120_001, -1, 1, BOOT_MS, -BOOT_MS),
  fc.integer({ min: -DAY_MS, max: DAY_MS }),
);
const span = fc.double({ min: 0, max: 100_000, noNaN: true });
const happening = fc.oneof(
  fc.record({ kind: fc.constant('pass' as const), ms: span }),
  fc.record({ kind: fc.constant('set' as const), ms: step }),
  fc.record({ kind: fc.constant('restart' as const), ms: span }),
);

describe('service clock', () => {
  it('over any steps of the wall clock while a process runs, and restarts: as much time as passed, never back (TM1, R5)', () => {
    const reached = { steps: 0, restarts: 0 };
    fc.assert(
      fc.property(fc.array(happening, { size: 'max', maxLength: 200 }), (happenings) => {
        const machine = new Machine();
        let clock = new ServiceClock(machine, null);
        let [restarts, lastMs] = [0, clock.nowMs()];
        expect(lastMs).toBe(BOOT_MS);
        for (const { kind, ms } of happenings) {
          if (kind === 'pass') machine.passedMs += ms;
          else if (kind === 'set') reached.steps += machine.set(ms);
          else {
            const last = clocksOf(clock);
            machine.passedMs += ms;
            clock = new ServiceClock(machine, last);
            restarts++;
          }
          // What is written down is in whole milliseconds.
          expect(Math.abs(clock.nowMs() - BOOT_MS - machine.passedMs)).toBeLessThan(2 * restarts + 1);
          expect(clock.nowMs()).toBeGreaterThanOrEqual(lastMs);
          lastMs = clock.nowMs();
        }
        reached.restarts = Math.max(reached.restarts, restarts);
      }),
      { numRuns: 300 },
    );
    expect([reached.steps > 1000, reached.restarts > 20]).toEqual([true, true]);
  });

  it('a step while no process runs cannot be told from downtime: ahead it counts, back it is at least nothing (TM1)', () => {
    fc.assert(
      fc.property(span, fc.integer({ min: -DAY_MS, max: DAY_MS }), (downMs, byMs) => {
        const machine = new Machine();
        const last = clocksOf(new ServiceClock(machine, null));
        machine.passedMs += downMs;
        machine.set(byMs);
        const clock = new ServiceClock(machine, last);
        expect(Math.abs(clock.downMs - Math.max(0, downMs + byMs))).toBeLessThan(2);
        expect(clock.nowMs()).toBe(last.serviceMs + clock.downMs);
      }),
    );
  });

  it('instants: one for one time while nobody sets the wall clock, and what it shows once somebody did (TM3)', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ passMs: span, byMs: step }), { minLength: 1, maxLength: 20 }), (turns) => {
        const machine = new Machine();
        const clock = new ServiceClock(machine, null);
        const atMs = clock.nowMs();
        for (const { passMs, byMs } of turns) {
          // Less could be rounding.
          if (Math.abs(byMs) > 10) machine.set(byMs);
          const shownMs = clock.instantOf(atMs);
          expect(Math.abs(shownMs - Math.max(0, machine.setMs))).toBeLessThanOrEqual(2);
          machine.passedMs += passMs;
          expect(clock.instantOf(atMs)).toBe(shownMs);
          expect(Math.abs(clock.instantOf(clock.nowMs()) - clock.wallMs())).toBeLessThanOrEqual(2);
        }
      }),
    );
  });

  it('a process held up between its looks at the two clocks takes that for no step', () => {
    const machine = new Machine();
    const clock = new ServiceClock(machine, null);
    machine.heldUpMs = 700;
    expect(clock.instantOf(BOOT_MS)).toBe(BOOT_MS);
    machine.heldUpMs = 0;
    expect(clock.instantOf(BOOT_MS)).toBe(BOOT_MS);
  });

  it('a wall clock before 1970, or beyond what a msg_id can hold: the nearest that can be told', () => {
    const machine = new Machine();
    const clock = new ServiceClock(machine, null);
    for (const [setMs, shownMs] of [
      [-5_000, 0],
      [2 ** 49, WALL_MS_MAX],
    ] as const) {
      machine.setMs = setMs;
      expect([clock.wallMs(), clock.instantOf(clock.nowMs()), clock.nowMs()]).toEqual([shownMs, shownMs, BOOT_MS]);
    }
  });
});
