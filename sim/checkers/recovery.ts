import { PrefixProp } from '../../spec/invariants.ts';
import type { Message } from '../../src/core/message.ts';
import type { RuleName } from './breach.ts';
import { askedUntilMs, type View } from './view.ts';

interface Wrong {
  readonly rule: RuleName;
  readonly why: string;
}

/**
 * What is wrong with a message as a replay of the journal has it, or null: it must be what its durable facts say, times
 * included (RT4). `nowMs` is the time of the last of them.
 */
export function misrecovered(live: View, found: Message | undefined, nowMs: number): Wrong | null {
  if (found === undefined) return forgotten(live, nowMs);
  const openMs = live.idemUntilMs > nowMs ? live.idemUntilMs : 0;
  if (found.idemUntilMs !== openMs) return { rule: 'WindowProp', why: 'its idempotency window ends at another time' };
  if (live.isPending && found.timerAtMs !== live.timerAtMs) return { rule: 'RT4', why: 'its timer is another' };
  if (live.isWaiting && found.ttlAtMs !== live.ttlAtMs) return { rule: 'RT4', why: 'its ttl is another' };
  const other = difference(found, live);
  return PrefixProp([found], [live]) && other === null
    ? null
    : { rule: 'PrefixProp', why: `a restart gives it another ${other}` };
}

/** Only what is over, and of which nothing is to be remembered, may be unknown. */
function forgotten(live: View, nowMs: number): Wrong | null {
  if (!live.isOver) return { rule: 'NoLossInv', why: 'a restart does not find it' };
  if (live.idemUntilMs > nowMs) return { rule: 'WindowProp', why: 'a restart forgot its key' };
  return askedUntilMs(live) > nowMs ? { rule: 'LE4', why: 'a restart forgot its receipt' } : null;
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
