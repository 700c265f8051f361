import { type Row, step } from '../../spec/table.ts';
import type { DeadReason, Outcome, State } from '../../spec/vocabulary.ts';
import type { Ack, Command, Expire, Extend, Nack, Purge, Recv, Release, Reprocess, Send } from './commands.ts';
import type { MessageFact } from './facts.ts';
import type { Limits } from './limits.ts';
import { formatMsgId, SLOTS_MAX } from './msg-id.ts';
import { firstAvailable, type Message, type ShardState } from './state.ts';

/** What a command comes to. Facts are in order and all or none; an outcome other than `ok` has none. */
export interface Decision {
  readonly outcome: Outcome;
  readonly facts: readonly MessageFact[];
  /** The message it is about: the original for `duplicate`; undefined when there is none. */
  readonly message: Message | undefined;
  /** The state a settling verb left the message in, repeated answers included (LE4). */
  readonly settled: State | null;
}

const NO_FACTS: readonly MessageFact[] = [];
const refuse = (outcome: Outcome, message?: Message): Decision => ({
  outcome,
  facts: NO_FACTS,
  message,
  settled: null,
});
const act = (message: Message | undefined, facts: readonly MessageFact[], settled: State | null = null): Decision => ({
  outcome: 'ok',
  facts,
  message,
  settled,
});

/**
 * What `command` would do to `state`: pure, nothing is written. The state's time must be the command's
 * (`advance` first). Costs O(log n) in the number of messages at most.
 */
export function decide(state: ShardState, command: Command): Decision {
  if (command.atMs !== state.nowMs) throw new Error(`decide: command at ${command.atMs}, state at ${state.nowMs}`);
  switch (command.name) {
    case 'send':
      return decideSend(state, command);
    case 'recv':
      return decideRecv(state, command);
    case 'ack':
      return decideAck(state, command);
    case 'nack':
      return decideNack(state, command);
    case 'extend':
      return decideExtend(state, command);
    case 'release':
      return decideRelease(state, command);
    case 'expire':
      return decideExpire(state, command);
    case 'reprocess':
      return decideReprocess(state, command);
    case 'purge':
      return decidePurge(state, command);
  }
}

/** AC1, AC2, ID1..ID5, BD1. tla/Mailbox.tla Send. */
function decideSend(state: ShardState, c: Send): Decision {
  const { limits } = state;
  const original = state.topics.get(c.topic)?.idem.get(c.idemKey);
  if (original !== undefined && c.atMs < original.idemUntilMs) {
    return refuse(original.payloadHash === c.payloadHash ? 'duplicate' : 'idem_mismatch', original);
  }
  if (state.idemLine.size >= limits.dedupCapacity) return refuse('saturated_dedup');
  const slot = state.nextSlot();
  if (state.depth >= limits.shardCapacity || slot >= SLOTS_MAX) return refuse('saturated_shard');
  return act(undefined, [
    {
      name: 'sent',
      atMs: c.atMs,
      msgId: formatMsgId(c.tsMs, state.shard, c.random, slot),
      topic: c.topic,
      idemKey: c.idemKey,
      payload: c.payload,
      payloadHash: c.payloadHash,
      hashChain: c.hashChain,
      attrs: c.attrs,
      corrId: c.corrId,
      notBeforeMs: c.atMs + c.delayMs,
      ttlAtMs: c.atMs + c.ttlMs,
      idemUntilMs: c.atMs + limits.tReplayMs,
    },
  ]);
}

/** LE1, LE2, LE6, BD1. tla/Mailbox.tla Recv. */
function decideRecv(state: ShardState, c: Recv): Decision {
  const { limits } = state;
  const topic = state.topics.get(c.topic);
  const message = topic === undefined ? undefined : firstAvailable(topic);
  if (message === undefined) return refuse('empty');
  if ((message.payload as Uint8Array).byteLength > c.bytesMax) return refuse('empty');
  if (state.leases.size + c.inflightElsewhere >= limits.globalInflight) return refuse('saturated_inflight');
  if (step(message.state, 'recv', message, c, limits) === null) throw new Error('decide: an available message refuses');
  return act(message, [
    {
      name: 'received',
      atMs: c.atMs,
      msgId: message.msgId,
      receipt: c.receipt,
      visibilityMs: c.visibilityMs,
      leaseEndsMs: c.atMs + limits.inflightFactor * c.visibilityMs,
    },
  ]);
}

/** LE3, LE4. tla/Mailbox.tla Ack. */
function decideAck(state: ShardState, c: Ack): Decision {
  const message = state.find(c.msgId);
  if (message === undefined) return refuse('not_found');
  if (step(message.state, 'ack', message, c, state.limits) === null) return settledBefore(message, c);
  return act(
    message,
    [{ name: 'acked', atMs: c.atMs, msgId: message.msgId, settledUntilMs: c.atMs + state.limits.tReplayMs }],
    'acked',
  );
}

/** LE3, LE4, RT1, RT2, IN1. tla/Mailbox.tla Nack. */
function decideNack(state: ShardState, c: Nack): Decision {
  const { limits } = state;
  const message = state.find(c.msgId);
  if (message === undefined) return refuse('not_found');
  const row = step(message.state, 'nack', message, c, limits);
  if (row === null) return settledBefore(message, c);
  const delayMs = c.retryAfterMs ?? backoffMs(limits, message, c.jitter);
  const asked: DeadReason = c.damaged ? 'integrity' : 'rejected';
  return act(
    message,
    withRoom(state, message, row, {
      name: 'nacked',
      ...returned(message, row, c.atMs, delayMs, asked, c.reason),
      settledUntilMs: c.atMs + limits.tReplayMs,
    }),
    row.target,
  );
}

/** LE3, LE5. tla/Mailbox.tla Extend. */
function decideExtend(state: ShardState, c: Extend): Decision {
  const message = state.find(c.msgId);
  if (message === undefined) return refuse('not_found');
  const visibilityMs = c.visibilityMs ?? message.visibilityMs;
  const data = { atMs: c.atMs, receipt: c.receipt, visibilityMs };
  if (step(message.state, 'extend', message, data, state.limits) === null) return refuse('lease_lost', message);
  return act(message, [{ name: 'extended', atMs: c.atMs, msgId: message.msgId, visibilityMs }], 'leased');
}

/** LE7. tla/Mailbox.tla Release. */
function decideRelease(state: ShardState, c: Release): Decision {
  const message = state.find(c.msgId);
  if (message === undefined) return refuse('not_found');
  const row = step(message.state, 'release', message, c, state.limits);
  if (row === null) return refuse('lease_lost', message);
  const counted = row.update !== 'takeBack';
  const delayMs = counted ? backoffMs(state.limits, message, c.jitter) : 0;
  return act(
    message,
    withRoom(state, message, row, {
      name: 'released',
      ...returned(message, row, c.atMs, delayMs, 'max_attempts', counted ? 'released' : null),
      counted,
    }),
    row.target,
  );
}

/** RT1..RT3; ttl (AC2) and retention (I5) of a message that waits. tla/Mailbox.tla Expire. */
function decideExpire(state: ShardState, c: Expire): Decision {
  const message = state.find(c.msgId);
  if (message === undefined) return refuse('not_found');
  const row = step(message.state, 'expire', message, c, state.limits);
  if (row === null) return refuse('lease_lost', message);
  const delayMs = backoffMs(state.limits, message, c.jitter);
  return act(
    message,
    withRoom(state, message, row, {
      name: 'expired',
      ...returned(
        message,
        row,
        c.atMs,
        delayMs,
        'max_attempts',
        message.state === 'leased' ? 'expired' : message.lastError,
      ),
    }),
    row.target,
  );
}

/** DL2. tla/Mailbox.tla Reprocess. */
function decideReprocess(state: ShardState, c: Reprocess): Decision {
  const message = state.find(c.msgId);
  if (message === undefined) return refuse('not_found');
  if (step(message.state, 'reprocess', message, c, state.limits) === null) return refuse('skipped', message);
  if (state.depth >= state.limits.shardCapacity) return refuse('saturated_shard', message);
  return act(message, [{ name: 'reprocessed', atMs: c.atMs, msgId: message.msgId }], 'queued');
}

/** DL3. tla/Mailbox.tla Purge. */
function decidePurge(state: ShardState, c: Purge): Decision {
  const message = state.find(c.msgId);
  if (message === undefined) return refuse('not_found');
  if (step(message.state, 'purge', message, c, state.limits) === null) return refuse('skipped', message);
  return act(message, [purged(message, c.atMs, c.reason)], 'purged');
}

/** The verb that settled this lease, said again with its receipt, gets the first answer (LE4); anything else lost it. */
function settledBefore(message: Message, c: Ack | Nack): Decision {
  for (let entry = message.oldestSettled; entry !== null; entry = entry.next) {
    if (entry.receipt === c.receipt && entry.verb === c.name) return act(message, NO_FACTS, entry.state);
  }
  return refuse('lease_lost', message);
}

/** rand(0, min(backoff_max, backoff_base x 2^attempt)), whole ms (RT1, D6). */
function backoffMs(limits: Limits, message: Message, jitter: number): number {
  const ceiling = Math.min(limits.backoffMaxMs, limits.backoffBaseMs * 2 ** message.attempt);
  return Math.floor(jitter * (ceiling + 1));
}

function returned(
  message: Message,
  row: Row,
  atMs: number,
  delayMs: number,
  asked: DeadReason,
  lastError: string | null,
) {
  return {
    atMs,
    msgId: message.msgId,
    to: row.target as 'queued' | 'redelivered' | 'dead_lettered',
    notBeforeMs: atMs + delayMs,
    reason: row.reason === 'asked' ? asked : row.reason,
    lastError,
  };
}

const purged = (message: Message, atMs: number, reason: 'admin' | 'age' | 'count'): MessageFact => ({
  name: 'purged',
  atMs,
  msgId: message.msgId,
  payloadHash: message.payloadHash,
  hashChain: message.hashChain,
  reason,
});

/** A dead letter over a bound pushes out the oldest one, in the same decision (DL3, BD1). */
function withRoom(state: ShardState, message: Message, row: Row, fact: MessageFact): readonly MessageFact[] {
  if (row.target !== 'dead_lettered') return [fact];
  const { limits } = state;
  const topicFull = message.topic.dead.size >= limits.dlqMaxPerTopic;
  const oldest = topicFull
    ? message.topic.dead.first()
    : state.dead.size >= limits.dlqCapacity
      ? state.dead.first()
      : undefined;
  return oldest === undefined ? [fact] : [purged(oldest, fact.atMs, 'count'), fact];
}
