import type { Clock } from '../src/ports.ts';
import type { Loop } from './loop.ts';

/** Wall time when a simulation begins; any value does. */
export const EPOCH_MS = 1_800_000_000_000;

/**
 * The clocks of one machine: an oscillator that may drift or stand still, and a wall clock that may be set besides.
 * A process anchors its own clock to the wall once, when it starts (TM1); steps of the wall reach it with its next start.
 */
export class NodeClock implements Clock {
  private readonly loop: Loop;
  /** What the oscillator showed at `sinceMs` of true time, and how fast it has run since. */
  private shownMs = 0;
  private sinceMs = 0;
  private rate = 1;
  private frozen = false;
  private wallOffsetMs: number;
  private anchorMs = EPOCH_MS;

  constructor(loop: Loop, skewMs: number) {
    this.loop = loop;
    this.wallOffsetMs = EPOCH_MS + skewMs;
  }

  private oscillator(): number {
    const passedMs = this.loop.nowMs - this.sinceMs;
    return this.frozen ? this.shownMs : this.shownMs + passedMs * this.rate;
  }

  wallMs(): number {
    return Math.floor(this.oscillator() + this.wallOffsetMs);
  }

  nowMs(): number {
    return Math.floor(this.oscillator() + this.anchorMs);
  }

  /** A process starts: its clock begins at the wall clock as it stands. */
  anchor(): void {
    this.anchorMs = this.wallOffsetMs;
  }

  /** Someone sets the wall clock. */
  step(byMs: number): void {
    this.wallOffsetMs += byMs;
  }

  private turn(change: () => void): void {
    this.shownMs = this.oscillator();
    this.sinceMs = this.loop.nowMs;
    change();
  }

  /** 1 is true time. */
  drift(rate: number): void {
    this.turn(() => {
      this.rate = rate;
    });
  }

  freeze(frozen: boolean): void {
    this.turn(() => {
      this.frozen = frozen;
    });
  }

  /** True time from now until this clock shows `dueMs`, at least 1 while it does not; Infinity while it stands still. */
  untilMs(dueMs: number): number {
    const leftMs = dueMs - this.nowMs();
    if (leftMs <= 0) return 0;
    return this.frozen ? Number.POSITIVE_INFINITY : Math.max(1, Math.ceil(leftMs / this.rate));
  }
}
