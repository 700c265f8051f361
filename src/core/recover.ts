import { advance } from './advance.ts';
import { apply } from './apply.ts';
import type { Fact } from './facts.ts';
import type { Limits } from './limits.ts';
import { type Message, ShardState } from './state.ts';

/** The state that a journal's facts describe. Starting from nothing, the same facts give the same state. */
export function replay(shard: number, limits: Limits, facts: Iterable<Fact>): ShardState {
  const state = new ShardState(shard, limits);
  for (const fact of facts) apply(state, fact);
  return state;
}

const clamp = (atMs: number, nowMs: number, durationMs: number): number =>
  Math.min(Math.max(atMs, nowMs), nowMs + Math.max(durationMs, 0));

/**
 * A process takes over a replayed state at `nowMs` (`tla/Mailbox.tla Recover`). Attempts and epochs stay (RT4); every
 * time ahead is clamped to [now, now + its duration], so that a clock set back cannot hold a message (TM1).
 * A clock set back is followed. Costs O(n): it runs once a process.
 */
export function recover(state: ShardState, nowMs: number): void {
  const { limits } = state;
  for (const m of state.leases.values()) {
    m.leaseEndsMs = clamp(m.leaseEndsMs, nowMs, limits.inflightFactor * m.visibilityMs);
    rearm(m, nowMs, m.visibilityMs);
  }
  for (const m of state.waiting.values()) rearm(m, nowMs, m.timerAtMs - m.readyAtMs);
  for (const m of state.idemLine.after(0)) m.idemUntilMs = clamp(m.idemUntilMs, nowMs, limits.tReplayMs);
  for (const s of state.settled.after(0)) s.untilMs = clamp(s.untilMs, nowMs, limits.tReplayMs);
  for (const m of state.ready.after(0)) {
    m.ttlAtMs = m.ttlAtMs - Math.max(m.readyAtMs - nowMs, 0);
    m.readyAtMs = Math.min(m.readyAtMs, nowMs);
    if (!state.waiting.has(m)) m.timerAtMs = Math.min(m.timerAtMs, nowMs);
  }
  for (const m of state.dead.after(0)) m.deadAtMs = Math.min(m.deadAtMs, nowMs);
  state.leases.reorder();
  state.waiting.reorder();
  state.ttls.reorder();
  state.nowMs = nowMs;
  advance(state, nowMs);
}

function rearm(message: Message, nowMs: number, durationMs: number): void {
  message.timerAtMs = clamp(message.timerAtMs, nowMs, durationMs);
}
