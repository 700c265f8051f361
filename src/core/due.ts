import type { Expire, Purge } from './commands.ts';
import type { Message } from './message.ts';
import type { ShardState } from './state.ts';

/**
 * The next command that time alone asks for, or null: an expiry (RT3), the end of a ttl or of a retention, the purge of
 * an old dead letter (DL3). Derived from the state at its own time; calling it again after `execute` yields the next.
 */
export function due(state: ShardState, jitter: number): Expire | Purge | null {
  const nowMs = state.nowMs;
  const leased = state.leases.first();
  if (leased !== undefined && leased.timerAtMs <= nowMs) return expire(leased, nowMs, jitter);
  const mortal = state.ttls.first();
  if (mortal !== undefined && mortal.ttlAtMs <= nowMs) return expire(mortal, nowMs, jitter);
  const ready = state.ready.first();
  if (ready !== undefined && ready.readyAtMs + state.limits.readyRetentionMs <= nowMs)
    return expire(ready, nowMs, jitter);
  const dead = state.dead.first();
  if (dead !== undefined && dead.deadAtMs + state.limits.dlqRetentionMs <= nowMs) {
    return { name: 'purge', atMs: nowMs, msgId: dead.msgId, reason: 'age' };
  }
  return null;
}

const expire = (message: Message, atMs: number, jitter: number): Expire => ({
  name: 'expire',
  atMs,
  msgId: message.msgId,
  epoch: message.epoch,
  jitter,
});

/** When `due` or an availability will next change by time alone; Infinity for never. */
export function nextDueMs(state: ShardState): number {
  const leased = state.leases.first()?.timerAtMs ?? Number.POSITIVE_INFINITY;
  const waiting = state.waiting.first()?.timerAtMs ?? Number.POSITIVE_INFINITY;
  const mortal = state.ttls.first()?.ttlAtMs ?? Number.POSITIVE_INFINITY;
  const ready = state.ready.first();
  const dead = state.dead.first();
  return Math.min(
    leased,
    waiting,
    mortal,
    ready === undefined ? Number.POSITIVE_INFINITY : ready.readyAtMs + state.limits.readyRetentionMs,
    dead === undefined ? Number.POSITIVE_INFINITY : dead.deadAtMs + state.limits.dlqRetentionMs,
  );
}
