import type { Clock } from '../ports/clock.ts';

/** The clocks are looked at at least this often: somebody may set one. */
const SLEEP_MS_MAX = 250;

/** Wakes a process when it asks for that, and now and then. */
export class Waker {
  private readonly clock: Clock;
  private readonly wake: () => void;
  private timer: NodeJS.Timeout;
  private isOver = false;

  constructor(clock: Clock, wake: () => void) {
    this.clock = clock;
    this.wake = wake;
    this.timer = this.sleep(SLEEP_MS_MAX);
  }

  /** At this time of the service clock, which comes before that which was asked for. */
  at(atMs: number): void {
    if (this.isOver) return;
    const leftMs = Math.ceil(atMs - this.clock.nowMs());
    if (leftMs >= SLEEP_MS_MAX) return;
    clearTimeout(this.timer);
    this.timer = this.sleep(Math.max(0, leftMs));
  }

  private sleep(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.timer = this.sleep(SLEEP_MS_MAX);
      this.wake();
    }, ms);
  }

  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }
}
