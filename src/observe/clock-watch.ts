import { WALL_SET_MS } from '../ports/clock.ts';
import type { Log } from './log.ts';

/** Tells when someone set the wall clock: times of capabilities and keys follow it at once, deadlines do not (TM1, TM2). */
export class ClockWatch {
  private readonly log: Log;
  private aheadMs: number;

  /** `aheadMs`: what the wall clock shows, less the service clock. */
  constructor(log: Log, aheadMs: number) {
    this.log = log;
    this.aheadMs = aheadMs;
  }

  look(aheadMs: number): void {
    const byMs = aheadMs - this.aheadMs;
    if (Math.abs(byMs) <= WALL_SET_MS) return;
    this.aheadMs = aheadMs;
    this.log.warn('clock.set', { by_ms: byMs, reason: 'the wall clock was set; deadlines stay' });
  }
}
