import type { MessageFact } from '../../src/core/facts.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { AckItem } from '../../src/service/messages.ts';
import type { Ask } from '../call.ts';
import type { RuleName } from './breach.ts';
import type { Tracked } from './line.ts';
import type { View } from './view.ts';

/** What a process is doing when a fact comes about; null for what time alone does. */
export interface Handling {
  ask: Ask | null;
  /** Leases being given back because nobody was there to take them. */
  releasing: readonly AckItem[];
  /** Messages whose payload the disk damaged, as the restart found. */
  damaged: ReadonlySet<string>;
}

export type Must = (rule: RuleName, holds: boolean, why: string) => void;

export interface Case<F extends MessageFact> {
  readonly message: Tracked;
  /** Before the fact. */
  readonly view: View;
  readonly fact: F;
  readonly handling: Handling;
  readonly limits: Limits;
  readonly deadInShard: number;
  /** No tenant of the shard has more dead letters than its own. */
  readonly isOfLargest: () => boolean;
  readonly must: Must;
}

type FactOf<Name extends MessageFact['name']> = MessageFact & { readonly name: Name };

/** Whether a fact may come about at all: each rule as `docs/lifecycle.md` puts it, not as the core decides it. */
export const JUDGES: { readonly [Name in Exclude<MessageFact['name'], 'sent'>]: (c: Case<FactOf<Name>>) => void } = {
  received({ message, view, fact, limits, must }) {
    must('SingleLeaseProp', view.state !== 'leased', 'leased while a lease is in force');
    must('LE1', view.isWaiting, 'leased while it does not wait');
    must('RT1', view.timerAtMs <= fact.atMs, 'leased before its time');
    must('AC2', fact.atMs < view.ttlAtMs, 'leased after its ttl');
    must('AttemptsBoundedInv', view.attempt < limits.maxAttempts, 'leased without an attempt left');
    must('LE1', message.topic.firstAvailable(fact.atMs) === message, 'leased before one that was sent earlier');
    must(
      'LE5',
      fact.leaseEndsMs - fact.atMs <= limits.inflightFactor * fact.visibilityMs,
      'may be extended for too long',
    );
  },
  acked({ message, view, fact, handling, limits, must }) {
    held(view, fact, must);
    must('SingleLeaseProp', presents(handling.ask, 'ack', message, view), 'acked without its current receipt');
    must('LE4', fact.settledUntilMs - fact.atMs >= limits.tReplayMs, 'its receipt is not remembered long enough');
  },
  nacked({ message, view, fact, handling, limits, must }) {
    held(view, fact, must);
    must('LE4', fact.settledUntilMs - fact.atMs >= limits.tReplayMs, 'its receipt is not remembered long enough');
    const { ask } = handling;
    if (ask?.verb !== 'nack') {
      const damaged = handling.damaged.has(message.msgId);
      return must('IN1', damaged && fact.reason === 'integrity', 'nacked, and nobody asked for it');
    }
    must('SingleLeaseProp', presents(ask, 'nack', message, view), 'nacked without its current receipt');
    if (ask.deadLetter) {
      return must('DL1', fact.to === 'dead_lettered' && fact.reason === 'rejected', 'rejected, and goes elsewhere');
    }
    returned(view, fact, limits, must);
    if (fact.to === 'dead_lettered') return must('DL1', fact.lastError === ask.reason, 'its last error is another');
    if (ask.retryAfterMs === null) return backoff(view, fact, limits, must);
    must('RT1', fact.notBeforeMs - fact.atMs === ask.retryAfterMs, 'comes back in another time than asked for');
  },
  extended({ message, view, fact, handling, must }) {
    held(view, fact, must);
    must('SingleLeaseProp', presents(handling.ask, 'extend', message, view), 'extended without its current receipt');
    must('LE5', fact.atMs + fact.visibilityMs <= view.leaseEndsMs, 'extended beyond the longest lease');
  },
  released({ message, view, fact, handling, limits, must }) {
    held(view, fact, must);
    const asked = handling.releasing.some(({ msgId, receipt }) => msgId === message.msgId && receipt === view.receipt);
    must('LE7', asked, 'released, though its bytes may have been read');
    must('LE7', fact.counted === view.releases >= limits.releasesMax, 'counted or not against the rule');
    if (!fact.counted) return;
    returned(view, fact, limits, must);
    backoff(view, fact, limits, must);
  },
  expired({ view, fact, limits, must }) {
    if (view.state === 'leased') {
      must('RT3', view.timerAtMs <= fact.atMs, 'expired before its deadline');
      returned(view, fact, limits, must);
      if (fact.to !== 'dead_lettered') return backoff(view, fact, limits, must);
      return must(
        'DL1',
        fact.reason === 'max_attempts' && fact.lastError === 'expired',
        'expired, and does not say so',
      );
    }
    must('RT3', view.isWaiting, 'expired while it neither waits nor is leased');
    const ttl = view.ttlAtMs <= fact.atMs;
    const retention = view.readyAtMs + limits.readyRetentionMs <= fact.atMs;
    must('RT3', ttl || retention, 'expired while its ttl and its retention last');
    must(
      'DL1',
      fact.to === 'dead_lettered' && fact.reason === (ttl ? 'ttl' : 'retention'),
      'out of time, and does not say so',
    );
  },
  reprocessed({ view, limits, must }) {
    must('DL2', view.state === 'dead_lettered', 'reprocessed, and is no dead letter');
    must('DL2', view.redrives < limits.maxRedrives, 'reprocessed without a redrive left');
  },
  purged({ message, view, fact, handling, limits, deadInShard, isOfLargest, must }) {
    must('EndsProp', view.state === 'dead_lettered', 'purged, and was no dead letter');
    if (fact.reason === 'admin')
      return must('DL3', handling.ask?.verb === 'purge', 'purged, and no admin asked for it');
    if (fact.reason === 'age') {
      return must('DL3', view.deadAtMs + limits.dlqRetentionMs <= fact.atMs, 'purged for age before its time');
    }
    const { dead } = message.topic;
    must(
      'DL3',
      dead.size >= limits.dlqMaxPerTopic || deadInShard >= limits.dlqCapacity,
      'purged for count with room left',
    );
    if (dead.size < limits.dlqMaxPerTopic) {
      const isFair = limits.tenantShare === 0 || isOfLargest();
      return must('IsolationProp', isFair, 'purged for count, and another tenant has more dead letters');
    }
    const [oldest] = dead;
    must('DL3', oldest === message, 'purged for count before one that is older');
  },
};

function held(view: View, fact: MessageFact, must: Must): void {
  must('LE3', view.state === 'leased', 'settled or extended while it is not leased');
  must('LE3', fact.atMs < view.timerAtMs, 'settled or extended after its deadline');
}

/** Whether the request at hand is this verb with the receipt in force. */
function presents(ask: Ask | null, verb: 'ack' | 'nack' | 'extend', message: Tracked, view: View): boolean {
  if (ask === null) return false;
  if (ask.verb === verb) return ask.msgId === message.msgId && ask.receipt === view.receipt;
  if (!('acks' in ask) || verb !== 'ack') return false;
  return ask.acks.some(({ msgId, receipt }) => msgId === message.msgId && receipt === view.receipt);
}

/** RT1: attempts left, back in line; none left, to the dead letters. */
function returned(view: View, fact: FactOf<'nacked' | 'expired' | 'released'>, limits: Limits, must: Must): void {
  const expected = view.attempt < limits.maxAttempts ? 'redelivered' : 'dead_lettered';
  must('AttemptsBoundedInv', fact.to === expected, 'returned against the number of its attempts');
  if (expected === 'dead_lettered') must('DL1', fact.reason === 'max_attempts', 'out of attempts, and does not say so');
}

/** RT1: rand(0, min(backoff_max, backoff_base x 2^attempt)). */
function backoff(view: View, fact: FactOf<'nacked' | 'expired' | 'released'>, limits: Limits, must: Must): void {
  if (fact.to === 'dead_lettered') return;
  const longestMs = Math.min(limits.backoffMaxMs, limits.backoffBaseMs * 2 ** view.attempt);
  const waitMs = fact.notBeforeMs - fact.atMs;
  must('RT1', waitMs >= 0 && waitMs <= longestMs, 'waits longer than its backoff may be');
}
