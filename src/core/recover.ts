import { advance } from './advance.ts';
import type { ShardState } from './state.ts';

/**
 * A process takes over a replayed state at `nowMs` (`tla/Mailbox.tla Recover`). Attempts and epochs stay (RT4). What passed since
 * the last fact is downtime. Earlier versions asked the wall clock alone for it, and their journals may say that less than none
 * passed: then none did, and every time moves back with the clock, so that what was left of a deadline is left still (TM1).
 * Costs O(n): it runs once a process.
 */
export function recover(state: ShardState, nowMs: number): void {
  if (nowMs < state.nowMs) state.setBack(state.nowMs - nowMs);
  advance(state, nowMs);
}
