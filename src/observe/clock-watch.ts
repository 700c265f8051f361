import { WALL_SET_MS } from '../ports.ts';
import type { Log } from './log.ts';

/** Tells when someone set the wall clock: times of capabilities and keys follow it at once, deadlines do not (TM1, TM2). */
export class ClockWatch {
  private readonly log: Log;
  private aheadMs: number | null = null;

  constructor(log: Log) {
    this.log = log;
  }

  /** `aheadMs`: what the wall clock shows, less the service clock. */
  look(aheadMs: number): void {
    const byMs = aheadMs - (this.aheadMs ?? aheadMs);
    if (this.aheadMs !== null && Math.abs(byMs) <= WALL_SET_MS) return;
    this.aheadMs = aheadMs;
    if (byMs !== 0) this.log.warn('clock.set', { by_ms: byMs, reason: 'the wall clock was set; deadlines stay' });
  }
}
