import { advance } from './advance.ts';
import type { ShardState } from './state.ts';

/**
 * A process takes over a replayed state at `nowMs` (`tla/Mailbox.tla Recover`). Attempts and epochs stay (RT4). What passed since
 * the last fact is downtime. Earlier versions asked the wall clock alone for it, and their journals may say that less than none
 * passed: then none did, and every time moves back with the clock, so that what was left of a deadline is left still (TM1).
 * Costs O(n): it runs once a process.
 */
export function recover(state: ShardState, nowMs: number): void {
  if (nowMs < state.nowMs) setBack(state, state.nowMs - nowMs);
  advance(state, nowMs);
}

/** All times by as much: no order among them changes. */
function setBack(state: ShardState, byMs: number): void {
  for (const m of state.slots) {
    if (m === undefined) continue;
    m.timerAtMs -= byMs;
    m.leaseEndsMs -= byMs;
    m.ttlAtMs -= byMs;
    m.readyAtMs -= byMs;
    m.deadAtMs -= byMs;
    if (m.idemUntilMs !== 0) m.idemUntilMs -= byMs;
  }
  for (const entry of state.settled.after(0)) entry.untilMs -= byMs;
  state.nowMs -= byMs;
}
