import type { Heap } from '../core/heap.ts';
import type { Line } from '../core/line.ts';
import type { Message, Settled, ShardState, Topic } from '../core/state.ts';

/** Says what does not agree. */
class Disagreement extends Error {}
const must = (holds: boolean, what: string): void => {
  if (!holds) throw new Disagreement(what);
};

/** What the messages say there must be. */
class Expected {
  queued = 0;
  leased = 0;
  redelivered = 0;
  dead = 0;
  remembered = 0;
  /** Available, and not yet. */
  available = 0;
  waiting = 0;
  ttls = 0;
  windows = 0;

  count(m: Message, nowMs: number): void {
    this.remembered++;
    if (m.idemUntilMs !== 0) this.windows++;
    if (m.state === 'leased') this.leased++;
    else if (m.state === 'dead_lettered') this.dead++;
    else if (m.state === 'queued' || m.state === 'redelivered') {
      this[m.state]++;
      if (m.timerAtMs > nowMs) this.waiting++;
      else this.available++;
      if (m.ttlAtMs !== Number.POSITIVE_INFINITY) this.ttls++;
    }
  }

  get ready(): number {
    return this.queued + this.redelivered;
  }
}

const isReady = ({ state }: Message): boolean => state === 'queued' || state === 'redelivered';

/**
 * What must be true of a shard whatever happened: every index, count and line says the same as the messages. The projection
 * leaves these out because they follow from the rest; here is the check that they do. Null when they do, else what does not.
 * Costs O(n) in the number of messages.
 */
export function audit(state: ShardState): string | null {
  try {
    const all = new Expected();
    for (const m of state.slots) {
      if (m === undefined) continue;
      all.count(m, state.nowMs);
      auditMessage(state, m);
    }
    auditCounts(state, all);
    auditLines(state, all);
    for (const topic of state.topics.values()) auditTopic(state, topic);
    return null;
  } catch (error) {
    if (error instanceof Disagreement) return error.message;
    throw error;
  }
}

function auditMessage(state: ShardState, m: Message): void {
  const over = m.state === 'acked' || m.state === 'purged';
  must(state.find(m.msgId) === m, 'a message is not found by its name');
  must(state.topics.get(m.topic.name) === m.topic, 'a message has a topic that is not there');
  must(m.state !== 'absent', 'an absent message has a place');
  must((m.receipt !== null) === (m.state === 'leased'), 'a receipt without a lease, or a lease without');
  must((m.payload === null) === over, 'a payload of a message that is over, or none of one that is not');
  must((m.deadReason !== null) === (m.state === 'dead_lettered' || m.state === 'purged'), 'a dead reason');
  must(!over || m.idemUntilMs !== 0 || m.oldestSettled !== null, 'a message that nothing can name is remembered');
  must(m.idemUntilMs === 0 || m.idemUntilMs > state.nowMs, 'a window is past its end');
  must(m.idemUntilMs === 0 || m.topic.idem.get(m.idemKey) === m, 'a key names another message than its window does');
  must(m.state !== 'leased' || state.leases.has(m), 'a lease is not among the leases');
  if (!isReady(m)) return;
  must(m.ttlAtMs === Number.POSITIVE_INFINITY || state.ttls.has(m), 'a ttl is not among the ttls');
  must(m.timerAtMs <= state.nowMs || state.waiting.has(m), 'a waiting message is not among those waiting');
}

function auditCounts(state: ShardState, all: Expected): void {
  must(state.queued === all.queued, 'the count of the queued');
  must(state.redelivered === all.redelivered, 'the count of the redelivered');
  must(state.depth === all.ready + all.leased, 'the depth');
  must(state.freeSlots.length === state.slots.length - all.remembered, 'the number of free slots');
  for (const slot of state.freeSlots) must(state.slots[slot] === undefined && slot < state.slots.length, 'a free slot');
  must(new Set(state.freeSlots).size === state.freeSlots.length, 'a slot is free twice');
}

function auditLines(state: ShardState, all: Expected): void {
  auditHeap(
    state.leases,
    all.leased,
    (m) => m.state === 'leased',
    (m) => m.timerAtMs,
    'leases',
  );
  auditHeap(
    state.waiting,
    all.waiting,
    (m) => isReady(m) && m.timerAtMs > state.nowMs,
    (m) => m.timerAtMs,
    'waiting',
  );
  auditHeap(state.ttls, all.ttls, isReady, (m) => m.ttlAtMs, 'ttls');
  auditLine(state.ready, all.ready, isReady, (m) => m.readyAtMs, 'ready');
  auditLine(
    state.dead,
    all.dead,
    (m) => m.state === 'dead_lettered',
    (m) => m.deadAtMs,
    'dead letters',
  );
  auditLine(
    state.idemLine,
    all.windows,
    (m) => m.idemUntilMs !== 0,
    (m) => m.idemUntilMs,
    'windows',
  );
  auditSettled(state);
}

/** Each settled receipt stands in the line once and in the chain of its message, in the same order. */
function auditSettled(state: ShardState): void {
  const next = new Map<Message, Settled | null>();
  let untilMs = 0;
  for (const entry of state.settled.after(0)) {
    const { message } = entry;
    must(entry.untilMs >= untilMs && entry.untilMs > state.nowMs, 'a settled receipt out of order');
    must(entry === (next.has(message) ? next.get(message) : message.oldestSettled), 'a settled receipt of no message');
    must((entry.next === null) === (message.newestSettled === entry), 'the newest settled receipt of a message');
    next.set(message, entry.next);
    untilMs = entry.untilMs;
  }
  for (const m of state.slots)
    if (m !== undefined) must((m.oldestSettled === null) === !next.has(m), 'settled receipts');
  for (const rest of next.values()) must(rest === null, 'a settled receipt that is in no line');
}

function auditTopic(state: ShardState, topic: Topic): void {
  const own = new Expected();
  for (const m of state.slots) if (m !== undefined && m.topic === topic) own.count(m, state.nowMs);
  const where = `topic ${topic.name}:`;
  must(own.remembered > 0, `${where} has no messages`);
  must(topic.remembered === own.remembered, `${where} remembered`);
  must(topic.queued === own.queued, `${where} queued`);
  must(topic.leased === own.leased, `${where} leased`);
  must(topic.redelivered === own.redelivered, `${where} redelivered`);
  must(topic.idem.size === own.windows, `${where} windows`);
  const available = (m: Message): boolean => isReady(m) && m.timerAtMs <= state.nowMs && m.topic === topic;
  auditLine(topic.fresh, own.available - topic.returned.size, available, (m) => m.seq, `${where} fresh`);
  auditHeap(topic.returned, own.available - topic.fresh.size, available, (m) => m.seq, `${where} returned`);
  const dead = (m: Message): boolean => m.state === 'dead_lettered' && m.topic === topic;
  auditLine(topic.dead, own.dead, dead, (m) => m.deadAtMs, `${where} dead letters`);
}

type Is = (m: Message) => boolean;
type Key = (m: Message) => number;

function auditLine(line: Line<Message>, size: number, is: Is, key: Key, what: string): void {
  if (size === 0 && line.size === 0 && line.first() === undefined) return;
  let last = Number.NEGATIVE_INFINITY;
  let count = 0;
  for (const m of line.after(0)) {
    must(is(m), `${what}: one that does not belong there`);
    must(key(m) >= last, `${what}: out of order`);
    last = key(m);
    count++;
  }
  must(count === size && line.size === size, `${what}: ${line.size} where there must be ${size}`);
}

function auditHeap(heap: Heap<Message>, size: number, is: Is, key: Key, what: string): void {
  const items = heap.values();
  must(items.length === size, `${what}: ${items.length} where there must be ${size}`);
  for (let place = 0; place < size; place++) {
    const m = items[place] as Message;
    must(is(m) && heap.has(m), `${what}: one that does not belong there`);
    must(place === 0 || key(items[(place - 1) >> 1] as Message) <= key(m), `${what}: out of order`);
  }
}
