import type { Heap } from '../core/heap.ts';
import type { Line } from '../core/line.ts';
import type { Message, Topic } from '../core/message.ts';
import type { ShardState } from '../core/state.ts';
import { type Tenant, tenantOf } from '../core/tenant.ts';
import {
  endedBytesOf,
  errorBytesOf,
  liveBytesOf,
  SETTLED_BYTES,
  SETTLED_ROW_BYTES,
  TENANT_BYTES,
  topicBytesOf,
} from '../core/weight.ts';

/** Says what does not agree. */
class Disagreement extends Error {}
/** `where` is put before `what` only then: nearly always all agrees, and a state is audited very often. */
const must = (holds: boolean, what: string, where = ''): void => {
  if (!holds) throw new Disagreement(where + what);
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
  payloadBytes = 0;
  liveBytes = 0;
  endedBytes = 0;

  count(m: Message, nowMs: number): void {
    this.remembered++;
    if (m.idemUntilMs !== 0) this.windows++;
    this.weigh(m);
    if (m.state === 'leased') this.leased++;
    else if (m.state === 'dead_lettered') this.dead++;
    else if (m.state === 'queued' || m.state === 'redelivered') {
      this[m.state]++;
      if (m.timerAtMs > nowMs) this.waiting++;
      else this.available++;
      if (m.ttlAtMs !== Number.POSITIVE_INFINITY) this.ttls++;
    }
  }

  private weigh(m: Message): void {
    for (let entry = m.oldestSettled; entry !== null; entry = entry.next)
      this.endedBytes += m.payload === null ? SETTLED_ROW_BYTES : SETTLED_BYTES;
    if (m.payload === null) {
      this.endedBytes += endedBytesOf(m.idemKey, m.corrId);
      return;
    }
    this.payloadBytes += m.payload.byteLength;
    this.liveBytes += liveBytesOf(m.idemKey, m.packedAttrs) + errorBytesOf(m.lastError);
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
    const messages = [...state.messages()];
    for (const m of messages) {
      all.count(m, state.nowMs);
      auditMessage(state, m);
    }
    auditCounts(state, all);
    auditBytes(state, all);
    auditLines(state, messages, all);
    for (const topic of state.topics.values()) auditTopic(state, messages, topic);
    auditTenants(state);
    return null;
  } catch (error) {
    if (error instanceof Disagreement) return error.message;
    throw error;
  }
}

function auditMessage(state: ShardState, m: Message): void {
  const over = m.state === 'acked' || m.state === 'purged';
  must(state.find(m.msgId)?.seq === m.seq, 'a message is not found by its name');
  must(over ? m.cell < 0 : state.aliveIn(m.slot) === m, 'a message that is over lives, or one that lives does not');
  must(state.topics.get(m.topic.name) === m.topic, 'a message has a topic that is not there');
  must(m.state !== 'absent', 'an absent message has a place');
  must((m.receipt !== null) === (m.state === 'leased'), 'a receipt without a lease, or a lease without');
  must(!over || (m.packedAttrs === '' && m.lastError === null), 'what is over keeps what nobody asks for');
  must((m.payload === null) === over, 'a payload of a message that is over, or none of one that is not');
  must((m.deadReason !== null) === (m.state === 'dead_lettered' || m.state === 'purged'), 'a dead reason');
  must(!over || m.idemUntilMs !== 0 || m.oldestSettled !== null, 'a message that nothing can name is remembered');
  must(m.idemUntilMs === 0 || m.idemUntilMs > state.nowMs, 'a window is past its end');
  must(
    m.idemUntilMs === 0 || state.original(m.topic, m.idemKey)?.seq === m.seq,
    'a key names another message than its window does',
  );
  must(m.state !== 'leased' || state.leases.has(m), 'a lease is not among the leases');
  if (!isReady(m)) return;
  must(m.ttlAtMs === Number.POSITIVE_INFINITY || state.ttls.has(m), 'a ttl is not among the ttls');
  must(m.timerAtMs <= state.nowMs || state.waiting.has(m), 'a waiting message is not among those waiting');
}

function auditCounts(state: ShardState, all: Expected): void {
  must(state.queued === all.queued, 'the count of the queued');
  must(state.redelivered === all.redelivered, 'the count of the redelivered');
  must(state.depth === all.ready + all.leased, 'the depth');
  must(state.freeSlots.length === state.slotCount - all.remembered, 'the number of free slots');
  must(state.living.size === all.ready + all.leased + all.dead, 'the number of those alive');
  const { freeSlots } = state;
  for (let i = 0; i < freeSlots.length; i++) {
    const slot = freeSlots[i] as number;
    must(state.in(slot) === undefined && slot < state.slotCount, 'a free slot');
    must(freeSlots.lastIndexOf(slot) === i, 'a slot is free twice');
  }
}

/** What is counted of the memory is what is there (BD0). */
function auditBytes(state: ShardState, all: Expected): void {
  must(state.payloadBytes === all.payloadBytes, 'the bytes of payloads');
  must(state.liveBytes === all.liveBytes, 'the bytes of what lives');
  let topicBytes = state.tenants.size * TENANT_BYTES;
  for (const name of state.topics.keys()) topicBytes += topicBytesOf(name);
  must(state.endedBytes === all.endedBytes + topicBytes, 'the bytes of what is remembered');
}

function auditLines(state: ShardState, messages: readonly Message[], all: Expected): void {
  auditHeap(state.leases, all.leased, LEASES, state, null);
  auditHeap(state.waiting, all.waiting, WAITING, state, null);
  auditHeap(state.ttls, all.ttls, TTLS, state, null);
  auditLine(state.ready, all.ready, READY, state, null);
  auditLine(state.dead, all.dead, DEAD, state, null);
  auditWindows(state, all.windows);
  auditSettled(state, messages);
}

/** Each settled receipt stands in the line once and in the chain of its message, in the same order. */
function auditSettled(state: ShardState, messages: readonly Message[]): void {
  let untilMs = 0;
  let count = 0;
  for (const [message, entry] of state.settledReceipts()) {
    must(message !== undefined && entry !== null, 'a settled receipt of no message');
    must(entry.untilMs >= untilMs && entry.untilMs > state.nowMs, 'a settled receipt out of order');
    untilMs = entry.untilMs;
    count++;
  }
  must(count === state.settled.size, 'the number of settled receipts');
  for (const m of messages) {
    let newest = null;
    for (let entry = m.oldestSettled; entry !== null; entry = entry.next, count--) newest = entry;
    must(m.newestSettled === newest, 'the newest settled receipt of a message');
  }
  must(count === 0, 'a settled receipt that is in no line');
  must(state.settledUntilMs === firstSettledUntilMs(state), 'the oldest settled receipt');
}

const firstSettledUntilMs = (state: ShardState): number => {
  for (const [, { untilMs }] of state.settledReceipts()) return untilMs;
  return Number.POSITIVE_INFINITY;
};

/** Each open window stands in the line once, in the order of sends. */
function auditWindows(state: ShardState, size: number): void {
  const oldest = state.windows.first();
  const endMs = oldest < 0 ? Number.POSITIVE_INFINITY : state.idemUntilMsIn(oldest);
  must(state.windowUntilMs === endMs, 'the oldest window');
  let untilMs = 0;
  let seq = 0;
  let count = 0;
  for (const slot of state.windows.values()) {
    must(state.idemUntilMsIn(slot) >= untilMs && state.seqIn(slot) > seq, 'windows: out of order');
    untilMs = state.idemUntilMsIn(slot);
    seq = state.seqIn(slot);
    count++;
  }
  must(count === size && state.windows.size === size, 'windows: not as many as there must be');
  must(state.indexedWindows === size, 'the keys of windows');
}

function auditTopic(state: ShardState, messages: readonly Message[], topic: Topic): void {
  const own = new Expected();
  for (const m of messages) if (m.topic === topic) own.count(m, state.nowMs);
  must(own.remembered > 0, ' has no messages', topic.name);
  must(topic.remembered === own.remembered, ' remembered', topic.name);
  must(topic.queued === own.queued, ' queued', topic.name);
  must(topic.leased === own.leased, ' leased', topic.name);
  must(topic.redelivered === own.redelivered, ' redelivered', topic.name);
  must(topic.windows === own.windows, ' windows', topic.name);
  auditLine(topic.fresh, own.available - topic.returned.size, FRESH, state, topic);
  auditHeap(topic.returned, own.available - topic.fresh.size, RETURNED, state, topic);
  auditLine(topic.dead, own.dead, DEAD, state, topic);
}

/** Each tenant has what its topics have, and the holders of dead letters stand in their order (BD5, DL3). */
function auditTenants({ topics, tenants, holders, limits }: ShardState): void {
  let count = 0;
  let holding = 0;
  for (const tenant of tenants.values()) {
    must(tenants.get(tenant.name) === tenant, ' under another name', tenant.name);
    count += tenant.topics;
    if (tenant.dead.size > 0) holding++;
    must(holders.has(tenant) === tenant.dead.size > 0, ' among the holders, or not', tenant.name);
    auditTenant(topics, tenant);
  }
  must(count === topics.size, 'a topic without a tenant');
  for (const { name, tenant } of topics.values()) {
    must(tenants.get(tenant.name) === tenant, ' has a tenant that is not there', name);
    must(tenantOf(name, limits.tenantLabels) === tenant.name, ' is of another tenant', name);
  }
  const items = holders.values();
  must(items.length === holding, 'the number of holders');
  for (let place = 1; place < items.length; place++) {
    const [above, below] = [items[(place - 1) >> 1] as Tenant<Message>, items[place] as Tenant<Message>];
    must(!holdsMore(below, above), 'holders: out of order');
  }
}

function auditTenant(topics: ShardState['topics'], tenant: Tenant<Message>): void {
  let [ready, leased, windows, own] = [0, 0, 0, 0];
  for (const topic of topics.values()) {
    if (topic.tenant !== tenant) continue;
    ready += topic.queued + topic.redelivered;
    leased += topic.leased;
    windows += topic.windows;
    own++;
  }
  must(tenant.topics === own && own > 0, ' topics', tenant.name);
  must(tenant.ready === ready && tenant.leased === leased, ' depth', tenant.name);
  must(tenant.windows === windows, ' windows', tenant.name);
  let dead = 0;
  let last = -1;
  for (const m of tenant.dead.values()) {
    if (m === undefined) continue;
    must(m.topic.tenant === tenant && m.state === 'dead_lettered' && m.ageNumber > last, ' dead letters', tenant.name);
    last = m.ageNumber;
    dead++;
  }
  for (const { tenant: of, dead: line } of topics.values()) if (of === tenant) dead -= line.size;
  must(dead === 0, ' dead letters', tenant.name);
}

const holdsMore = (one: Tenant<Message>, other: Tenant<Message>): boolean => {
  if (one.dead.size !== other.dead.size) return one.dead.size > other.dead.size;
  return (one.dead.first() as Message).ageNumber < (other.dead.first() as Message).ageNumber;
};

/** What an index is of: which messages, in the order of what. */
interface Index {
  readonly name: string;
  is(m: Message, nowMs: number): boolean;
  key(m: Message): number;
}
const isAvailable = (m: Message, nowMs: number): boolean => isReady(m) && m.timerAtMs <= nowMs;
const LEASES: Index = { name: 'leases', is: (m) => m.state === 'leased', key: (m) => m.timerAtMs };
const WAITING: Index = {
  name: 'waiting',
  is: (m, nowMs) => isReady(m) && m.timerAtMs > nowMs,
  key: (m) => m.timerAtMs,
};
const TTLS: Index = { name: 'ttls', is: isReady, key: (m) => m.ttlAtMs };
const READY: Index = { name: 'ready', is: isReady, key: (m) => m.readyAtMs };
const DEAD: Index = { name: 'dead letters', is: (m) => m.state === 'dead_lettered', key: (m) => m.deadAtMs };
const FRESH: Index = { name: 'fresh', is: isAvailable, key: (m) => m.seq };
const RETURNED: Index = { name: 'returned', is: isAvailable, key: (m) => m.seq };

/** An index of the shard, or of one topic. */
function auditLine(line: Line<Message>, size: number, index: Index, { nowMs }: ShardState, topic: Topic | null): void {
  let last = Number.NEGATIVE_INFINITY;
  let count = 0;
  for (const m of line.values()) {
    if (m === undefined) continue;
    must(index.is(m, nowMs) && (topic ?? m.topic) === m.topic, ': one that does not belong there', index.name);
    must(index.key(m) >= last, ': out of order', index.name);
    last = index.key(m);
    count++;
  }
  must(count === size && line.size === size, ': not as many as there must be', index.name);
}

function auditHeap(heap: Heap<Message>, size: number, index: Index, { nowMs }: ShardState, topic: Topic | null): void {
  const items = heap.values();
  must(items.length === size, ': not as many as there must be', index.name);
  for (let place = 0; place < size; place++) {
    const m = items[place] as Message;
    must(index.is(m, nowMs) && heap.has(m), ': one that does not belong there', index.name);
    must((topic ?? m.topic) === m.topic, ': one of another topic', index.name);
    const above = items[(place - 1) >> 1];
    must(above === undefined || index.key(above) <= index.key(m), ': out of order', index.name);
  }
}
