import { type Row, step } from '../../spec/table.ts';
import type { DeadReason, Outcome, State } from '../../spec/vocabulary.ts';
import type { Ack, Command, Expire, Extend, Nack, Purge, Recv, Release, Reprocess, Send } from './commands.ts';
import type { MessageFact } from './facts.ts';
import type { Limits } from './limits.ts';
import { firstAvailable, type Message, type Topic } from './message.ts';
import { formatMsgId } from './msg-id.ts';
import { mayTake } from './share.ts';
import type { ShardState } from './state.ts';
import type { Tenant } from './tenant.ts';
import { SHARD_SLOTS_MAX } from './window-index.ts';

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

/** AC1, AC2, ID1..ID5, BD1, BD5. tla/Mailbox.tla Send. */
function decideSend(state: ShardState, c: Send): Decision {
  const { limits } = state;
  const topic = state.topics.get(c.topic);
  const original = topic === undefined ? undefined : state.original(topic, c.idemKey);
  if (original !== undefined && c.atMs < original.idemUntilMs) {
    return refuse(original.payloadHash === c.payloadHash ? 'duplicate' : 'idem_mismatch', original);
  }
  if (state.windows.size >= limits.dedupCapacity) return refuse('saturated_dedup');
  const slot = state.nextSlot();
  if (state.depth >= limits.shardCapacity || slot >= SHARD_SLOTS_MAX) return refuse('saturated_shard');
  if (!mayEnter(state, c.topic, topic)) return refuse('saturated_tenant');
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

/** Whether its tenant may take an idempotency window and a place in line (BD5). */
function mayEnter(state: ShardState, name: string, topic: Topic | undefined): boolean {
  const { limits } = state;
  const tenant = topic?.tenant ?? state.tenantOf(name);
  const windows = tenant?.windows ?? 0;
  const depth = tenant?.depth ?? 0;
  return (
    mayTake(limits, limits.dedupCapacity, state.windows.size, windows, topic?.windows ?? 0) &&
    mayTake(limits, limits.shardCapacity, state.depth, depth, topic?.depth ?? 0)
  );
}

/** LE1, LE2, LE6, BD1, BD5. tla/Mailbox.tla Recv. */
function decideRecv(state: ShardState, c: Recv): Decision {
  const { limits } = state;
  const topic = state.topics.get(c.topic);
  const message = topic === undefined ? undefined : firstAvailable(topic);
  if (message === undefined) return refuse('empty');
  if ((message.payload as Uint8Array).byteLength > c.bytesMax) return refuse('empty');
  const inflight = state.leases.size + c.inflightElsewhere;
  if (inflight >= limits.globalInflight) return refuse('saturated_inflight');
  const { leased, tenant } = message.topic;
  const ofTenant = tenant.leased + c.tenantInflightElsewhere;
  if (!mayTake(limits, limits.globalInflight, inflight, ofTenant, leased)) return refuse('saturated_tenant');
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

/** DL2, BD1, BD5. tla/Mailbox.tla Reprocess. */
function decideReprocess(state: ShardState, c: Reprocess): Decision {
  const { limits } = state;
  const message = state.find(c.msgId);
  if (message === undefined) return refuse('not_found');
  if (step(message.state, 'reprocess', message, c, limits) === null) return refuse('skipped', message);
  if (state.depth >= limits.shardCapacity) return refuse('saturated_shard', message);
  const { depth, tenant } = message.topic;
  if (!mayTake(limits, limits.shardCapacity, state.depth, tenant.depth, depth))
    return refuse('saturated_tenant', message);
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

/** A dead letter over a bound pushes out another, in the same decision (DL3, BD1). */
function withRoom(state: ShardState, message: Message, row: Row, fact: MessageFact): readonly MessageFact[] {
  if (row.target !== 'dead_lettered') return [fact];
  const oldest = pushedOut(state, message.topic);
  return oldest === undefined ? [fact] : [purged(oldest, fact.atMs, 'count'), fact];
}

/**
 * The oldest of the topic at its own bound; at that of the shard the oldest of the tenant that holds the most, which is the newcomer's
 * own where none holds more: one within its share loses nothing while another is beyond (BD5). tla/Mailbox.tla PushedOut.
 */
function pushedOut({ limits, dead, holders }: ShardState, topic: Topic): Message | undefined {
  if (topic.dead.size >= limits.dlqMaxPerTopic) return topic.dead.first();
  if (dead.size < limits.dlqCapacity) return undefined;
  if (limits.tenantShare === 0) return dead.first();
  const own = topic.tenant.dead;
  const most = (holders.first() as Tenant<Message>).dead;
  return own.size < most.size ? most.first() : own.first();
}
