import { forgetIfDone, forgetOldestSettled } from './apply.ts';
import type { ShardState } from './state.ts';

/**
 * Time passes (`tla/Mailbox.tla Tick`): delays and backoffs that are over make their messages available, idempotency
 * windows close (ID1), settled receipts are forgotten (LE4). Leases do not end here: that is a command (RT3).
 * `nowMs` never goes back.
 */
export function advance(state: ShardState, nowMs: number): void {
  if (nowMs < state.nowMs) throw new Error(`advance: ${nowMs} is before ${state.nowMs}`);
  state.nowMs = nowMs;
  for (let m = state.waiting.first(); m !== undefined && m.timerAtMs <= nowMs; m = state.waiting.first()) {
    state.waiting.remove(m);
    m.topic.returned.push(m);
  }
  for (let m = state.idemLine.first(); m !== undefined && m.idemUntilMs <= nowMs; m = state.idemLine.first()) {
    state.idemLine.shift();
    const { idem } = m.topic;
    if (idem.get(m.idemKey) === m) idem.delete(m.idemKey);
    m.idemUntilMs = 0;
    forgetIfDone(state, m);
  }
  for (let s = state.settled.first(); s !== undefined && s.untilMs <= nowMs; s = state.settled.first()) {
    forgetOldestSettled(state);
  }
}
