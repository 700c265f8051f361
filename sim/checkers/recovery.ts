import type { Limits } from '../../src/core/limits.ts';
import type { Message } from '../../src/core/state.ts';
import type { RuleName } from './breach.ts';
import type { SettledBy, View } from './view.ts';

interface Wrong {
  readonly rule: RuleName;
  readonly why: string;
}

/**
 * Whether a message came out of a restart as it must: as the durable facts say, with every time ahead at most its duration
 * away (RT4, TM1). Its view then follows what the process has.
 */
export function recoveredAs(live: View, found: Message | undefined, nowMs: number, limits: Limits): Wrong | null {
  live.settled = clamped(live.settled, nowMs + limits.tReplayMs);
  if (found === undefined) return forgotten(live, nowMs);
  if (!windowFits(live, found.idemUntilMs, nowMs, limits.tReplayMs)) {
    return { rule: 'WindowProp', why: 'its idempotency window ends at another time' };
  }
  live.idemUntilMs = found.idemUntilMs;
  if (live.isPending) {
    const longestMs = live.state === 'leased' ? live.visibilityMs : Math.max(0, live.timerDecidedMs - live.readyDecidedMs);
    const left = (timerMs: number): number => Math.min(Math.max(timerMs, nowMs), nowMs + longestMs);
    const timerMs = Math.max(found.timerAtMs, nowMs);
    if (found.timerAtMs > nowMs + longestMs) return { rule: 'TM1', why: 'it is held longer than its duration' };
    // A snapshot has times as the process before had them, facts as they were decided.
    if (timerMs !== left(live.timerDecidedMs) && timerMs !== left(live.timerAtMs)) {
      return { rule: 'RT4', why: 'its timer is not what was left of it' };
    }
    if (found.ttlAtMs > live.ttlDecidedMs) return { rule: 'TM1', why: 'its ttl grew' };
    follow(live, found);
  }
  if (live.state === 'dead_lettered') live.deadAtMs = found.deadAtMs;
  const other = difference(found, live);
  return other === null ? null : { rule: 'PrefixProp', why: `a restart gives it another ${other}` };
}

/** Closed when it is over, else open until it is, and no longer than t_replay from now (ID1, TM1). */
function windowFits(live: View, foundMs: number, nowMs: number, tReplayMs: number): boolean {
  return [live.idemUntilMs, live.idemDecidedMs].some((decidedMs) => {
    const untilMs = Math.min(decidedMs, nowMs + tReplayMs);
    return foundMs <= nowMs ? untilMs <= nowMs : foundMs === untilMs;
  });
}

function follow(live: View, found: Message): void {
  live.timerAtMs = found.timerAtMs;
  live.leaseEndsMs = found.leaseEndsMs;
  live.ttlAtMs = found.ttlAtMs;
  live.readyAtMs = found.readyAtMs;
}

/** Only what is over, and of which nothing is to be remembered, may be unknown. */
function forgotten(live: View, nowMs: number): Wrong | null {
  if (!live.isOver) return { rule: 'NoLossInv', why: 'a restart does not find it' };
  if (live.idemUntilMs > nowMs) return { rule: 'WindowProp', why: 'a restart forgot its key' };
  for (let entry = live.settled; entry !== null; entry = entry.older) {
    if (entry.untilMs > nowMs) return { rule: 'LE4', why: 'a restart forgot its receipt' };
  }
  return null;
}

function clamped(entry: SettledBy | null, latestMs: number): SettledBy | null {
  if (entry === null) return null;
  return { ...entry, untilMs: Math.min(entry.decidedMs, latestMs), older: clamped(entry.older, latestMs) };
}

/** The first thing in which the core's message is not as the facts say, or null. */
export function difference(found: Message, view: View): string | null {
  if (found.state !== view.state) return `state, ${found.state}`;
  if (found.attempt !== view.attempt) return `attempt, ${found.attempt}`;
  if (found.epoch !== view.epoch) return `epoch, ${found.epoch}`;
  if (found.receipt !== view.receipt) return 'receipt';
  if (found.redrives !== view.redrives) return `number of redrives, ${found.redrives}`;
  if (view.isPending && found.releases !== view.releases) return `number of releases, ${found.releases}`;
  if (view.isPending && found.timerAtMs !== view.timerAtMs) return `timer, ${found.timerAtMs - view.timerAtMs} ms off`;
  if (view.state !== 'dead_lettered') return null;
  if (found.deadReason !== view.deadReason) return `reason, ${found.deadReason}`;
  return found.lastError === view.lastError ? null : `last error, ${found.lastError}`;
}
