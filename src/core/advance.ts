import { closeOldestWindow, forgetOldestSettled } from './forget.ts';
import type { ShardState } from './state.ts';

/**
 * Time passes (`tla/Mailbox.tla Tick`): delays and backoffs that are over make their messages available, idempotency
 * windows close (ID1), settled receipts are forgotten (LE4). Leases do not end here: that is a command (RT3).
 * `nowMs` never goes back. However often it is called on the way, the state at `nowMs` is the same: a replay looks at
 * the times of facts only, and slots must come free in the same order.
 */
export function advance(state: ShardState, nowMs: number): void {
  if (nowMs < state.nowMs) throw new Error(`advance: ${nowMs} is before ${state.nowMs}`);
  state.nowMs = nowMs;
  for (let m = state.waiting.first(); m !== undefined && m.timerAtMs <= nowMs; m = state.waiting.first()) {
    state.waiting.remove(m);
    m.topic.returned.push(m);
  }
  for (;;) {
    const { windowUntilMs, settledUntilMs } = state;
    if (Math.min(windowUntilMs, settledUntilMs) > nowMs) return;
    if (windowUntilMs <= settledUntilMs) closeOldestWindow(state);
    else forgetOldestSettled(state);
  }
}
