import { type Clock, type TimeSource, WALL_MS_MAX } from '../ports/clock.ts';
import type { Clocks } from '../ports/process-facts.ts';

/** Two clocks that are read one after the other, in whole milliseconds, differ by so much for nothing. */
const ROUNDING_MS = 1;

/**
 * The service clock of one process (TM1). It goes on where the last one's was, plus the downtime: what the wall clock moved since
 * both were written down together, at least nothing. What happens to the wall clock from here on moves it no more.
 */
export class ServiceClock implements Clock {
  /** How long no process ran, as far as the wall clock tells. */
  readonly downMs: number;
  private readonly source: TimeSource;
  private readonly beganMs: number;
  private readonly sinceMs: number;
  private shownAheadMs: number;

  /** `last`: what the journal has; null where no process ran before. */
  constructor(source: TimeSource, last: Pick<Clocks, 'serviceMs' | 'wallMs'> | null) {
    this.source = source;
    this.sinceMs = source.monotonicMs();
    const wallMs = this.wallMs();
    this.downMs = last === null ? 0 : Math.max(0, wallMs - last.wallMs);
    this.beganMs = last === null ? wallMs : last.serviceMs + this.downMs;
    this.shownAheadMs = wallMs - this.beganMs;
  }

  nowMs(): number {
    return this.beganMs + Math.floor(this.source.monotonicMs() - this.sinceMs);
  }

  wallMs(): number {
    return within(Math.floor(this.source.wallMs()));
  }

  /**
   * What the wall clock shows at a time of this clock, as the two stand to each other now: what was written down while the wall
   * clock was wrong comes out right once it was set (`ts`, `dead_at`).
   */
  instantOf(atMs: number): number {
    return within(atMs + this.aheadMs());
  }

  /** What the wall clock shows more than this one: the same for as long as nobody sets it. */
  aheadMs(): number {
    if (Math.abs(this.wallMs() - this.nowMs() - this.shownAheadMs) <= ROUNDING_MS) return this.shownAheadMs;
    // The process may have been held up between the two: only what is read at one time counts.
    const beforeMs = this.nowMs();
    const wallMs = this.wallMs();
    const afterMs = this.nowMs();
    if (afterMs - beforeMs <= ROUNDING_MS) this.shownAheadMs = wallMs - beforeMs;
    return this.shownAheadMs;
  }
}

const within = (wallMs: number): number => Math.min(Math.max(wallMs, 0), WALL_MS_MAX);
