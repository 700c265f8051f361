import type { ServerState } from '../../spec/readiness.machine.ts';
import { Breach } from './breach.ts';
import type { LifecycleChecker } from './lifecycle.ts';

/** At this share of a bound writers are sent away (BD3). */
const SHARE = 0.9;
/** So long a process may say something else than what is, by its clock. */
const LATE_MS = 1_000;
/** Looks in a row: in between two it may have been otherwise. */
const LOOKS = 3;

/** Whether writers are sent away when they should be, and only then (BD3, D7). */
export class ReadinessChecker {
  private readonly lifecycle: LifecycleChecker;
  private state: ServerState = 'starting';
  /** Since when it says something else than what is seen, and how often that was seen. */
  private wrongSinceMs = 0;
  private wrong = 0;

  constructor(lifecycle: LifecycleChecker) {
    this.lifecycle = lifecycle;
  }

  /** It says so, having looked. @throws Breach */
  says(state: ServerState, impaired: boolean): void {
    this.state = state;
    this.wrong = 0;
    if (state !== 'ready' && state !== 'degraded_writes') return;
    const isFull = impaired || this.isFilling();
    if (isFull !== (state === 'degraded_writes')) throw new Breach('BD3', `it says ${state}, ${this.seen(isFull)}`);
  }

  /** Nothing is under way; `impaired`: something is missing without which it is not ready. @throws Breach */
  idle(nowMs: number, impaired: boolean): void {
    const { state } = this;
    const isFull = impaired || this.isFilling();
    if ((state !== 'ready' && state !== 'degraded_writes') || isFull === (state === 'degraded_writes')) {
      this.wrong = 0;
      return;
    }
    if (this.wrong++ === 0) this.wrongSinceMs = nowMs;
    if (this.wrong < LOOKS || nowMs - this.wrongSinceMs < LATE_MS) return;
    throw new Breach('BD3', `it still says ${state}, ${this.seen(isFull)} for ${nowMs - this.wrongSinceMs} ms`);
  }

  /** The process is gone. */
  crashed(): void {
    this.state = 'starting';
    this.wrong = 0;
  }

  private seen(isFull: boolean): string {
    return isFull ? 'and something is nearly used up or missing' : 'and nothing is nearly used up or missing';
  }

  private isFilling(): boolean {
    return this.lifecycle.mostUsed() >= SHARE;
  }
}
