import { RETRY_AFTER_MS_MAX } from '../../spec/vocabulary.ts';
import { advance } from './advance.ts';
import type { Command } from './commands.ts';
import { decide } from './decide.ts';
import type { MessageFact } from './facts.ts';
import type { Message } from './message.ts';
import { randomOf, timeOf } from './msg-id.ts';
import type { ShardState } from './state.ts';

/** Half of one part in a backoff: jitter that lands in the middle of the part it was drawn from. */
const MIDDLE = 0.5;

/**
 * Whether a journaled fact is one that the lifecycle decides here: the command it came from is worked out and decided again,
 * and must come to this very fact. Brings the shard to the fact's time, as `apply` would.
 * `shards` are all there are: the bound on leases is over all of them. @returns null when it is, else what is wrong
 */
export function redecide(shards: readonly ShardState[], shard: ShardState, fact: MessageFact): string | null {
  if (fact.atMs < shard.nowMs) return `${fact.name} at ${fact.atMs}, but it is ${shard.nowMs} already`;
  if (fact.atMs > shard.nowMs) advance(shard, fact.atMs);
  const message = shard.find(fact.msgId);
  if (fact.name !== 'sent' && message === undefined) return `${fact.name}: no message ${fact.msgId}`;
  if (fact.name === 'nacked' && !mayBeAskedFor(fact.notBeforeMs - fact.atMs))
    return `nacked of ${fact.msgId}: it comes back in ${fact.notBeforeMs - fact.atMs} ms, a nack may ask for 0 to ${RETRY_AFTER_MS_MAX}`;
  const command = commandOf(shards, shard, fact, message as Message);
  const { outcome, facts } = decide(shard, command);
  if (outcome !== 'ok') return `${fact.name} of ${fact.msgId}: ${command.name} is ${outcome} here`;
  // Room made for a dead letter is a fact before it.
  const decided = facts[facts.length - 1] as MessageFact;
  const differs = facts.length > 1 ? 'no room was made' : differing(decided, fact);
  return differs === null ? null : `${fact.name} of ${fact.msgId}: ${differs}`;
}

/** A nack says itself when its message comes back (RT1); no backoff is longer. */
const mayBeAskedFor = (ms: number): boolean => ms >= 0 && ms <= RETRY_AFTER_MS_MAX;

function commandOf(shards: readonly ShardState[], shard: ShardState, fact: MessageFact, message: Message): Command {
  const { atMs, msgId } = fact;
  const receipt = message?.receipt ?? '';
  switch (fact.name) {
    case 'sent': {
      const { topic, idemKey, payload, payloadHash, hashChain, attrs, corrId } = fact;
      const content = { topic, idemKey, payload, payloadHash, hashChain, attrs, corrId };
      const times = { delayMs: fact.notBeforeMs - atMs, ttlMs: fact.ttlAtMs - atMs };
      return { name: 'send', atMs, tsMs: timeOf(msgId), ...content, ...times, random: randomOf(msgId) };
    }
    case 'received': {
      const { visibilityMs } = fact;
      const topic = message.topic.name;
      const bytesMax = Number.POSITIVE_INFINITY;
      const elsewhere = leasedElsewhere(shards, shard, topic);
      return { name: 'recv', atMs, topic, receipt: fact.receipt, visibilityMs, bytesMax, ...elsewhere };
    }
    case 'acked':
      return { name: 'ack', atMs, msgId, receipt };
    case 'nacked': {
      const asked = fact.reason === 'rejected' || fact.reason === 'integrity';
      const back = { deadLetter: asked, damaged: fact.reason === 'integrity', reason: fact.lastError };
      return { name: 'nack', atMs, msgId, receipt, jitter: 0, retryAfterMs: fact.notBeforeMs - atMs, ...back };
    }
    case 'extended':
      return { name: 'extend', atMs, msgId, receipt, visibilityMs: fact.visibilityMs };
    case 'released':
      return { name: 'release', atMs, msgId, receipt, jitter: jitterOf(shard, message, fact.notBeforeMs - atMs) };
    case 'expired': {
      const jitter = jitterOf(shard, message, fact.notBeforeMs - atMs);
      return { name: 'expire', atMs, msgId, epoch: message.epoch, jitter };
    }
    case 'reprocessed':
      return { name: 'reprocess', atMs, msgId };
    case 'purged':
      return { name: 'purge', atMs, msgId, reason: fact.reason };
  }
}

/** A jitter that makes this backoff, or the longest one that there is. */
function jitterOf({ limits }: ShardState, { attempt }: Message, delayMs: number): number {
  const ceiling = Math.min(limits.backoffMaxMs, limits.backoffBaseMs * 2 ** attempt);
  return delayMs === 0 ? 0 : (Math.min(delayMs, ceiling) + MIDDLE) / (ceiling + 1);
}

/** The first field in which two facts differ, with both values; null when they are equal. */
function differing(decided: MessageFact, fact: MessageFact): string | null {
  const there = fact as unknown as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(decided)) {
    if (name === 'payload' || same(value, there[name])) continue;
    return `${name} is ${shown(there[name])}, the lifecycle decides ${shown(value)}`;
  }
  return null;
}

const same = (a: unknown, b: unknown): boolean =>
  a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b));
const shown = (value: unknown): string => JSON.stringify(value) ?? 'missing';

function leasedElsewhere(shards: readonly ShardState[], shard: ShardState, topic: string) {
  let inflightElsewhere = 0;
  let tenantInflightElsewhere = 0;
  for (const other of shards) {
    if (other === shard) continue;
    inflightElsewhere += other.leases.size;
    tenantInflightElsewhere += other.tenantOf(topic)?.leased ?? 0;
  }
  return { inflightElsewhere, tenantInflightElsewhere };
}
