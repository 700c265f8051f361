import type { DeadReason } from '../../spec/vocabulary.ts';
import { firstAvailable, type Message } from '../core/message.ts';
import { timeOf } from '../core/msg-id.ts';
import type { ShardState } from '../core/state.ts';
import { timestampOf } from '../integrity/timestamp.ts';
import type { DeadLetter, Delivery, FactView, MessageView, TopicStats } from './messages.ts';
import type { RecentFacts, Told } from './recent-facts.ts';

/** A message as its lease shows it now; later changes do not reach the copy. */
export function deliveryOf(message: Message, shard: number, sig: string | null): Delivery {
  return {
    msgId: message.msgId,
    topic: message.topic.name,
    shard,
    ts: timestampOf(timeOf(message.msgId)),
    idemKey: message.idemKey,
    payload: message.payload as Uint8Array,
    payloadHash: message.payloadHash,
    hashChain: message.hashChain,
    sig,
    attrsJson: message.packedAttrs === '' ? '{}' : message.packedAttrs,
    corrId: message.corrId,
    attempt: message.attempt,
    epoch: message.epoch,
    receipt: message.receipt as string,
    deadlineMs: message.timerAtMs,
  };
}

/** A dead letter, and by the wall clock when it died; the payload only when asked for, and never one that is damaged (IN1). */
export function deadLetterOf(message: Message, shard: number, deadMs: number, withPayload: boolean): DeadLetter {
  return {
    msgId: message.msgId,
    topic: message.topic.name,
    shard,
    ts: timestampOf(timeOf(message.msgId)),
    idemKey: message.idemKey,
    payloadHash: message.payloadHash,
    hashChain: message.hashChain,
    attrs: message.attrs,
    corrId: message.corrId,
    epoch: message.epoch,
    reason: message.deadReason as DeadReason,
    attempt: message.attempt,
    lastError: message.lastError,
    deadAt: timestampOf(deadMs),
    redrives: message.redrives,
    payload: withPayload && message.deadReason !== 'integrity' ? message.payload : null,
  };
}

/** A message as it is now, in whatever state; `nowMs`: what its times are counted from. */
export function viewOf(message: Message, shard: number, deadMs: number, nowMs: number, shown: boolean): MessageView {
  const isDead = message.state === 'dead_lettered';
  return {
    msgId: message.msgId,
    topic: message.topic.name,
    shard,
    state: message.state,
    ts: timestampOf(timeOf(message.msgId)),
    idemKey: message.idemKey,
    payloadHash: message.payloadHash,
    hashChain: message.hashChain,
    attrs: message.attrs,
    corrId: message.corrId,
    attempt: message.attempt,
    epoch: message.epoch,
    redrives: message.redrives,
    reason: isDead ? message.deadReason : null,
    lastError: message.lastError,
    deadAt: isDead ? timestampOf(deadMs) : null,
    untilInMs: untilInMs(message, nowMs),
    payloadBytes: message.payload?.byteLength ?? null,
    payload: shown ? message.payload : null,
  };
}

function untilInMs({ state, timerAtMs }: Message, nowMs: number): number | null {
  if (state === 'leased') return Math.max(0, timerAtMs - nowMs);
  return (state === 'queued' || state === 'redelivered') && timerAtMs > nowMs ? timerAtMs - nowMs : null;
}

/** Facts as they are told, by the wall clock as it stands now. */
export const factsOf = (told: readonly Told[], recent: RecentFacts, instantOf: (atMs: number) => number): FactView[] =>
  told.map((one) => ({
    told: one,
    cursor: recent.cursorOf(one.n),
    at: timestampOf(instantOf(one.atMs)),
    until: 'untilMs' in one && one.untilMs !== null ? timestampOf(instantOf(one.untilMs)) : null,
  }));

/** Counts of one topic; `oldestReadyMs` is the age of the message the next recv would get, 0 when there is none. */
export function statsOf(name: string, shard: ShardState, nowMs: number): TopicStats {
  const topic = shard.topics.get(name);
  const oldest = topic === undefined ? undefined : firstAvailable(topic);
  const { queued, leased, redelivered } = topic ?? { queued: 0, leased: 0, redelivered: 0 };
  return {
    topic: name,
    depth: queued + leased + redelivered,
    queued,
    leased,
    redelivered,
    deadLettered: topic?.dead.size ?? 0,
    oldestReadyMs: oldest === undefined ? 0 : nowMs - oldest.readyAtMs,
  };
}
