import type { Clock } from '../../src/client/clock.ts';
import type { TimeSource } from '../../src/ports/clock.ts';

/** Time that goes only when a test says so, for a server and its clients alike: however late the machine is, nobody's lease is. */
export class MovedTime implements TimeSource, Pick<Clock, 'nowMs' | 'wait'> {
  private readonly startedMs = Date.now();
  private passedMs = 0;
  private readonly waiting = new Map<() => void, number>();

  readonly nowMs = (): number => this.passedMs;
  readonly monotonicMs = this.nowMs;
  readonly wallMs = (): number => this.startedMs + this.passedMs;

  readonly wait = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (ms <= 0 || signal?.aborted === true) return resolve();
      const done = (): void => {
        this.waiting.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.waiting.set(done, this.passedMs + ms);
      signal?.addEventListener('abort', done);
    });

  pass(ms: number): void {
    this.passedMs += ms;
    for (const [done, dueMs] of this.waiting) if (dueMs <= this.passedMs) done();
  }
}
