import { WALL_SET_MS } from '../ports/clock.ts';
import type { Clocks } from '../ports/process-facts.ts';

/** While nothing is appended, the clocks are written down so often: should the wall clock be set back before the next start, no more is lost. */
const IDLE_MS = 60_000;

/**
 * What both clocks show, for the journal (rule 10): with each append, and alone where the wall clock was set, so that what it was
 * set by is not taken for downtime (TM1).
 */
export class ClockStamps {
  private readonly instantOf: (atMs: number) => number;
  private last: Clocks | null = null;

  /** `instantOf`: what the wall clock shows at a time of the service clock, as both stand now. */
  constructor(instantOf: (atMs: number) => number) {
    this.instantOf = instantOf;
  }

  take(nowMs: number): Clocks {
    this.last = { name: 'clocks', serviceMs: nowMs, wallMs: this.instantOf(nowMs) };
    return this.last;
  }

  /** Whether the last one says too little of what is now. */
  isDue(nowMs: number): boolean {
    const { last } = this;
    if (last === null) return false;
    const setByMs = this.instantOf(nowMs) - nowMs - (last.wallMs - last.serviceMs);
    return Math.abs(setByMs) > WALL_SET_MS || nowMs >= last.serviceMs + IDLE_MS;
  }

  /** When one will be due by time alone; Infinity before the first. */
  get dueMs(): number {
    return this.last === null ? Number.POSITIVE_INFINITY : this.last.serviceMs + IDLE_MS;
  }
}
