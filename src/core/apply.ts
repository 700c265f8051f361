import type { LifecycleEvent } from '../../spec/lifecycle.ts';
import { rowTo } from '../../spec/table.ts';
import type { EventName, State } from '../../spec/vocabulary.ts';
import { advance } from './advance.ts';
import type { Acked, Fact, MessageFact, Nacked, Released, Sent } from './facts.ts';
import { forgetOldestSettled } from './forget.ts';
import type { Message } from './message.ts';
import { slotOf } from './msg-id.ts';
import { recover } from './recover.ts';
import type { ShardState } from './state.ts';
import { errorBytesOf, liveBytesOf, SETTLED_BYTES, SETTLED_ROW_BYTES } from './weight.ts';

/**
 * Makes a fact true. The only writer of messages besides `advance`; the live shard, replay, the simulator and the
 * explorer all run this. Facts come from `decide` or from a journal of such: one that does not fit is a bug and throws.
 * `known` may spare the look-up: the message that the decision was about.
 */
export function apply(state: ShardState, fact: Fact, known?: Message): void {
  if (fact.name === 'recovered') return recover(state, fact.atMs);
  if (fact.atMs > state.nowMs) advance(state, fact.atMs);
  switch (fact.name) {
    case 'sent':
      return enter(state, fact);
    case 'received': {
      const message = need(state, fact, known);
      move(state, message, 'recv', 'leased', fact);
      message.leaseEndsMs = fact.leaseEndsMs;
      message.topic.leased++;
      message.topic.tenant.leased++;
      state.leases.push(message);
      return;
    }
    case 'acked': {
      const message = need(state, fact, known);
      remember(state, message, fact, 'acked');
      move(state, message, 'ack', 'acked', fact);
      end(state, message);
      return;
    }
    case 'nacked': {
      const message = need(state, fact, known);
      remember(state, message, fact, fact.to);
      giveBack(state, message, 'nack', fact);
      return;
    }
    case 'extended': {
      const message = need(state, fact, known);
      rowTo(message.state, 'extend', 'leased').run(message, fact, state.limits);
      state.leases.update(message);
      return;
    }
    case 'released':
      return giveBack(state, need(state, fact, known), 'release', fact);
    case 'expired':
      return giveBack(state, need(state, fact, known), 'expire', fact);
    case 'reprocessed': {
      const message = need(state, fact, known);
      move(state, message, 'reprocess', 'queued', fact);
      message.deadReason = null;
      blame(state, message, null);
      becomeReady(state, message);
      return;
    }
    case 'purged': {
      const message = need(state, fact, known);
      move(state, message, 'purge', 'purged', fact);
      end(state, message);
      return;
    }
  }
}

function need(state: ShardState, { msgId }: MessageFact, known: Message | undefined): Message {
  if (known !== undefined && known.msgId === msgId) return known;
  const message = state.find(msgId);
  if (message === undefined) throw new Error(`apply: no message ${msgId}`);
  return message;
}

function enter(state: ShardState, fact: Sent): void {
  const slot = slotOf(fact.msgId);
  if (slot !== state.nextSlot()) throw new Error(`apply: slot ${slot} is not the next one`);
  const topic = state.topics.get(fact.topic) ?? state.addTopic(fact.topic);
  if (slot === state.slotCount) state.slotCount++;
  else state.freeSlots.pop();
  const message = state.enter(fact, slot, ++state.lastSeq, topic);
  state.liveBytes += liveBytesOf(message.idemKey, message.packedAttrs);
  state.payloadBytes += fact.payload.byteLength;
  topic.tenant.windows++;
  rowTo('absent', 'send', 'queued').run(message, fact, state.limits);
  message.state = 'queued';
  becomeReady(state, message, true);
}

/** Takes the message out of where its state keeps it, runs the transition's update and sets the state. */
function move(
  state: ShardState,
  message: Message,
  event: EventName,
  to: State,
  data: LifecycleEvent,
  counted = true,
): void {
  const row = rowTo(message.state, event, to, counted);
  leave(state, message);
  row.run(message, data, state.limits);
  message.state = to;
}

function leave(state: ShardState, message: Message): void {
  const topic = message.topic;
  switch (message.state) {
    case 'leased':
      state.leases.remove(message);
      topic.leased--;
      topic.tenant.leased--;
      return;
    case 'queued':
      state.queued--;
      topic.queued--;
      leaveReady(state, message);
      return;
    case 'redelivered':
      state.redelivered--;
      topic.redelivered--;
      leaveReady(state, message);
      return;
    case 'dead_lettered':
      state.dead.remove(message.ageNumber);
      topic.dead.remove(message.ageNumber);
      topic.tenant.dead.remove(message.ageNumber);
      state.holders.rank(topic.tenant);
      return;
    default:
      throw new Error(`apply: nothing leaves ${message.state}`);
  }
}

function leaveReady(state: ShardState, message: Message): void {
  const topic = message.topic;
  topic.tenant.ready--;
  state.ready.remove(message.ageNumber);
  if (message.ttlPlace >= 0) state.ttls.remove(message);
  if (message.place < 0) topic.fresh.remove(message.seq);
  else if (topic.returned.has(message)) topic.returned.remove(message);
  else state.waiting.remove(message);
}

function giveBack(
  state: ShardState,
  message: Message,
  event: EventName,
  fact: Nacked | Released | (Fact & { name: 'expired' }),
): void {
  const counted = fact.name !== 'released' || fact.counted;
  move(state, message, event, fact.to, fact, counted);
  if (counted) blame(state, message, fact.lastError);
  if (fact.to !== 'dead_lettered') return becomeReady(state, message);
  message.deadReason = fact.reason;
  message.deadAtMs = fact.atMs;
  message.ageNumber = ++state.lastNumber;
  state.dead.push(message.ageNumber, message);
  message.topic.dead.push(message.ageNumber, message);
  message.topic.tenant.dead.push(message.ageNumber, message);
  state.holders.rank(message.topic.tenant);
}

function blame(state: ShardState, message: Message, lastError: string | null): void {
  state.liveBytes += errorBytesOf(lastError) - errorBytesOf(message.lastError);
  message.lastError = lastError;
}

/** Queued or redelivered: available at once or waiting, with its ttl and retention running. */
function becomeReady(state: ShardState, message: Message, isNew = false): void {
  const topic = message.topic;
  if (message.state === 'queued') {
    state.queued++;
    topic.queued++;
  } else {
    state.redelivered++;
    topic.redelivered++;
  }
  topic.tenant.ready++;
  message.ageNumber = ++state.lastNumber;
  state.ready.push(message.ageNumber, message);
  if (message.ttlAtMs !== Number.POSITIVE_INFINITY) state.ttls.push(message);
  if (message.timerAtMs > state.nowMs) state.waiting.push(message);
  else if (isNew) topic.fresh.push(message.seq, message);
  else topic.returned.push(message);
}

/** Remembers who settled the lease, and how (LE4). */
function remember(state: ShardState, message: Message, fact: Acked | Nacked, to: State): void {
  if (message.receipt === null) throw new Error(`apply: ${message.msgId} settles no lease`);
  const verb = fact.name === 'acked' ? 'ack' : 'nack';
  message.settle(message.receipt, verb, to, fact.settledUntilMs);
  state.pushSettled(message.slot, fact.settledUntilMs);
  // Nobody asks for its number any more; but snapshots say which was given out last, those of earlier versions too.
  state.lastNumber++;
  state.endedBytes += SETTLED_BYTES;
  if (state.settled.size > state.limits.settledCapacity) forgetOldestSettled(state);
}

/** Acked or purged: payload and attributes go at once, the rest when nothing can be asked about it any more. */
function end(state: ShardState, message: Message): void {
  state.payloadBytes -= (message.payload as Uint8Array).byteLength;
  state.liveBytes -= liveBytesOf(message.idemKey, message.packedAttrs);
  blame(state, message, null);
  if (message.idemUntilMs === 0 && message.oldestSettled === null) return state.forget(message);
  state.bury(message);
  state.endedBytes += state.rows.bytesOf(state.rowIn(message.slot));
  for (let entry = message.oldestSettled; entry !== null; entry = entry.next) {
    state.endedBytes += SETTLED_ROW_BYTES - SETTLED_BYTES;
  }
}
