import type { Lifecycle } from '../../spec/lifecycle.ts';
import type { DeadReason, State } from '../../spec/vocabulary.ts';
import type { Attrs, Sent } from './facts.ts';
import { Heap } from './heap.ts';
import type { Limits } from './limits.ts';
import { Line } from './line.ts';
import { slotOf } from './msg-id.ts';
import type { Savepoint } from './savepoint.ts';
import { Holders, Tenant, tenantOf } from './tenant.ts';
import { NO_ATTRS, packAttrs, TENANT_BYTES, topicBytesOf } from './weight.ts';

/** A settled lease, remembered so that repeating the verb gets the first answer again (LE4). */
export interface Settled {
  readonly message: Message;
  readonly receipt: string;
  readonly verb: 'ack' | 'nack';
  readonly state: State;
  untilMs: number;
  /** The next younger one of the same message. */
  next: Settled | null;
}

/** Times of this many messages stand in one column: as fields each would be an object of its own, moved by every collection. */
const COLUMN_MESSAGES = 16;
const TIMES = 6;

/**
 * All a shard knows of one message. It is remembered while it is alive (queued, leased, redelivered, dead-lettered),
 * while its idempotency window is open (ID4) and while a settled receipt of it may be repeated (LE4).
 */
export class Message implements Lifecycle {
  readonly msgId: string;
  /** Where the shard keeps it: the end of its msg_id. */
  readonly slot: number;
  readonly seq: number;
  readonly topic: Topic;
  readonly idemKey: string;
  readonly payloadHash: string;
  readonly hashChain: string;
  /** JSON, '' for none: kept as one text. Nobody asks for it once the message is acked or purged. */
  packedAttrs: string;
  readonly corrId: string;
  /** Null once acked or purged. */
  payload: Uint8Array | null;
  state: State = 'absent';

  attempt = 0;
  epoch = 0;
  redrives = 0;
  releases = 0;
  receipt: string | null = null;
  visibilityMs = 0;
  deadReason: DeadReason | null = null;
  lastError: string | null = null;

  /** Number in the lines it stands in by age: those of the ready, or those of the dead letters. */
  ageNumber = 0;
  /** Place in the one heap of leases, waiting or returned that it is in. */
  place = -1;
  ttlPlace = -1;
  oldestSettled: Settled | null = null;
  newestSettled: Settled | null = null;
  private readonly times: Float64Array;
  /** Where its times begin in the column. */
  private readonly at: number;

  constructor(fact: Sent, slot: number, seq: number, topic: Topic, times: Float64Array) {
    this.times = times;
    this.at = (slot % COLUMN_MESSAGES) * TIMES;
    this.timerAtMs = 0;
    this.leaseEndsMs = 0;
    this.ttlAtMs = Number.POSITIVE_INFINITY;
    this.readyAtMs = 0;
    this.deadAtMs = 0;
    this.msgId = fact.msgId;
    this.slot = slot;
    this.seq = seq;
    this.topic = topic;
    this.idemKey = fact.idemKey;
    this.payload = fact.payload;
    this.payloadHash = fact.payloadHash;
    this.hashChain = fact.hashChain;
    this.packedAttrs = fact.payload === null ? '' : packAttrs(fact.attrs);
    this.corrId = fact.corrId;
    this.idemUntilMs = fact.idemUntilMs;
  }

  get attrs(): Attrs {
    return this.packedAttrs === '' ? NO_ATTRS : (JSON.parse(this.packedAttrs) as Attrs);
  }

  get timerAtMs(): number {
    return this.times[this.at]!;
  }
  set timerAtMs(ms: number) {
    this.times[this.at] = ms;
  }
  get leaseEndsMs(): number {
    return this.times[this.at + 1]!;
  }
  set leaseEndsMs(ms: number) {
    this.times[this.at + 1] = ms;
  }
  get ttlAtMs(): number {
    return this.times[this.at + 2]!;
  }
  set ttlAtMs(ms: number) {
    this.times[this.at + 2] = ms;
  }
  get readyAtMs(): number {
    return this.times[this.at + 3]!;
  }
  set readyAtMs(ms: number) {
    this.times[this.at + 3] = ms;
  }
  /** The end of its idempotency window; 0 once the table has let it go. */
  get idemUntilMs(): number {
    return this.times[this.at + 4]!;
  }
  set idemUntilMs(ms: number) {
    this.times[this.at + 4] = ms;
  }
  get deadAtMs(): number {
    return this.times[this.at + 5]!;
  }
  set deadAtMs(ms: number) {
    this.times[this.at + 5] = ms;
  }

  /** It is over: what nobody asks for any more goes. */
  shed(): void {
    this.payload = null;
    this.packedAttrs = '';
  }

  save(to: Savepoint): void {
    to.put(this.attempt);
    to.put(this.epoch);
    to.put(this.redrives);
    to.put(this.releases);
    to.put(this.visibilityMs);
    to.put(this.ageNumber);
    to.put(this.place);
    to.put(this.ttlPlace);
    for (let i = 0; i < TIMES; i++) to.put(this.times[this.at + i]!);
    to.keep(this.payload);
    to.keep(this.packedAttrs);
    to.keep(this.state);
    to.keep(this.receipt);
    to.keep(this.deadReason);
    to.keep(this.lastError);
    to.keep(this.oldestSettled);
    to.keep(this.newestSettled);
  }

  restore(from: Savepoint): void {
    const { numbers, objects } = from;
    let number = from.number;
    let object = from.object;
    this.attempt = numbers[number++]!;
    this.epoch = numbers[number++]!;
    this.redrives = numbers[number++]!;
    this.releases = numbers[number++]!;
    this.visibilityMs = numbers[number++]!;
    this.ageNumber = numbers[number++]!;
    this.place = numbers[number++]!;
    this.ttlPlace = numbers[number++]!;
    for (let i = 0; i < TIMES; i++) this.times[this.at + i] = numbers[number++]!;
    this.payload = objects[object++] as Uint8Array | null;
    this.packedAttrs = objects[object++] as string;
    this.state = objects[object++] as State;
    this.receipt = objects[object++] as string | null;
    this.deadReason = objects[object++] as DeadReason | null;
    this.lastError = objects[object++] as string | null;
    this.oldestSettled = objects[object++] as Settled | null;
    this.newestSettled = objects[object++] as Settled | null;
    from.number = number;
    from.object = object;
  }
}

/** Messages by the time of their timer: deadlines of leases, or not-befores of those waiting. */
class TimerHeap extends Heap<Message> {
  protected override key(m: Message): number {
    return m.timerAtMs;
  }
  protected override place(m: Message): number {
    return m.place;
  }
  protected override setPlace(m: Message, place: number): void {
    m.place = place;
  }
}
/** Available messages that do not stand at the end of the queue: returned, delayed, reprocessed. */
class SeqHeap extends TimerHeap {
  protected override key(m: Message): number {
    return m.seq;
  }
}
/** Queued and redelivered messages with a ttl. */
class TtlHeap extends Heap<Message> {
  protected override key(m: Message): number {
    return m.ttlAtMs;
  }
  protected override place(m: Message): number {
    return m.ttlPlace;
  }
  protected override setPlace(m: Message, place: number): void {
    m.ttlPlace = place;
  }
}

export class Topic {
  readonly name: string;
  /** Whose it is. Other limits may say otherwise. */
  tenant: Tenant<Message>;
  /** Sent and available, in send order. */
  readonly fresh = new Line<Message>();
  /** Available again, by their original place. */
  readonly returned: Heap<Message> = new SeqHeap();
  /** Dead letters, oldest first. */
  readonly dead = new Line<Message>();
  /** Live idempotency entries by key (ID1). */
  readonly idem = new Map<string, Message>();
  queued = 0;
  leased = 0;
  redelivered = 0;
  /** Messages remembered, in whatever state: the topic goes with the last. */
  remembered = 0;

  constructor(name: string, tenant: Tenant<Message>) {
    this.name = name;
    this.tenant = tenant;
  }

  get depth(): number {
    return this.queued + this.leased + this.redelivered;
  }

  save(to: Savepoint): void {
    to.put(this.queued);
    to.put(this.leased);
    to.put(this.redelivered);
    to.put(this.remembered);
    to.put(this.idem.size);
    for (const message of this.idem.values()) to.keep(message);
    this.fresh.save(to);
    this.returned.save(to);
    this.dead.save(to);
  }

  restore(from: Savepoint): void {
    const { numbers } = from;
    this.queued = numbers[from.number++]!;
    this.leased = numbers[from.number++]!;
    this.redelivered = numbers[from.number++]!;
    this.remembered = numbers[from.number++]!;
    const windows = numbers[from.number++]!;
    restoreMap(this.idem, windows, from, keyOfMessage);
    this.fresh.restore(from);
    this.returned.restore(from);
    this.dead.restore(from);
  }
}

/** One shard. `apply` and `advance` are the only writers. */
export class ShardState {
  readonly shard: number;
  nowMs = 0;

  /** Remembered messages by slot. */
  readonly slots: (Message | undefined)[] = [];
  /** The times of the messages, by slot. */
  private readonly columns: Float64Array[] = [];
  /** Slots free for the next send, last in first out. */
  readonly freeSlots: number[] = [];
  readonly topics = new Map<string, Topic>();
  /** Whose the topics are (BD5). */
  readonly tenants = new Map<string, Tenant<Message>>();
  /** Those of them that have dead letters, the one with the most first (DL3). */
  readonly holders = new Holders<Message>();
  /** Live idempotency entries of all topics, in send order. */
  readonly idemLine = new Line<Message>();
  readonly leases: Heap<Message> = new TimerHeap();
  readonly waiting: Heap<Message> = new TimerHeap();
  readonly ttls: Heap<Message> = new TtlHeap();
  /** Queued and redelivered by the time they became so. */
  readonly ready = new Line<Message>();
  readonly dead = new Line<Message>();
  readonly settled = new Line<Settled>();

  queued = 0;
  redelivered = 0;
  /** Bytes of the payloads of what lives. */
  payloadBytes = 0;
  /** Bytes of the heap that what lives takes, and what is remembered: ended messages, settled receipts, topics, tenants (`weight.ts`, BD0). */
  liveBytes = 0;
  endedBytes = 0;
  /** Numbers given out: sequence numbers of messages, and places in the lines. */
  lastSeq = 0;
  lastNumber = 0;

  /** What an image holds part by part. */
  private readonly parts = [
    ...[this.idemLine, this.leases, this.waiting, this.ttls, this.ready, this.dead, this.settled],
    this.holders,
  ];
  private heldTo: Limits;

  constructor(shard: number, limits: Limits) {
    this.shard = shard;
    this.heldTo = limits;
  }

  get limits(): Limits {
    return this.heldTo;
  }
  /** Costs O(n) where topics become those of other tenants. */
  set limits(limits: Limits) {
    const regroups = limits.tenantLabels !== this.heldTo.tenantLabels;
    this.heldTo = limits;
    if (regroups) this.countTenants();
  }

  /** queued + leased + redelivered: what `shard_capacity` bounds. */
  get depth(): number {
    return this.queued + this.redelivered + this.leases.size;
  }

  find(msgId: string): Message | undefined {
    const slot = slotOf(msgId);
    if (slot < 0) return undefined;
    const message = this.slots[slot];
    return message !== undefined && message.msgId === msgId ? message : undefined;
  }

  tenantOf(topic: string): Tenant<Message> | undefined {
    return this.tenants.get(tenantOf(topic, this.heldTo.tenantLabels));
  }

  addTopic(name: string): Topic {
    const topic = new Topic(name, this.tenantFor(name));
    this.topics.set(name, topic);
    this.endedBytes += topicBytesOf(name);
    return topic;
  }

  dropTopic({ name, tenant }: Topic): void {
    this.topics.delete(name);
    this.endedBytes -= topicBytesOf(name);
    if (--tenant.topics > 0) return;
    this.tenants.delete(tenant.name);
    this.endedBytes -= TENANT_BYTES;
  }

  /** The tenant of a topic that joins it. */
  private tenantFor(topic: string): Tenant<Message> {
    let tenant = this.tenantOf(topic);
    if (tenant === undefined) {
      tenant = new Tenant(tenantOf(topic, this.heldTo.tenantLabels));
      this.tenants.set(tenant.name, tenant);
      this.endedBytes += TENANT_BYTES;
    }
    tenant.topics++;
    return tenant;
  }

  /** All that is counted by tenant, anew of the topics and the dead letters. */
  countTenants(): void {
    this.endedBytes -= this.tenants.size * TENANT_BYTES;
    this.tenants.clear();
    while (this.holders.size > 0) this.holders.remove(this.holders.first()!);
    for (const topic of this.topics.values()) {
      const tenant = this.tenantFor(topic.name);
      topic.tenant = tenant;
      tenant.ready += topic.queued + topic.redelivered;
      tenant.leased += topic.leased;
      tenant.windows += topic.idem.size;
    }
    for (const message of this.dead.after(0)) message.topic.tenant.dead.push(message.ageNumber, message);
    for (const tenant of this.tenants.values()) if (tenant.dead.size > 0) this.holders.push(tenant);
  }

  /** Where the times of the message in this slot belong. */
  columnOf(slot: number): Float64Array {
    const column = Math.floor(slot / COLUMN_MESSAGES);
    let times = this.columns[column];
    if (times === undefined) {
      times = new Float64Array(COLUMN_MESSAGES * TIMES);
      this.columns[column] = times;
    }
    return times;
  }

  save(to: Savepoint): void {
    const { slots, freeSlots, topics, tenants, parts } = this;
    to.put(this.nowMs);
    to.put(this.queued);
    to.put(this.redelivered);
    to.put(this.lastSeq);
    to.put(this.lastNumber);
    to.put(this.payloadBytes);
    to.put(this.liveBytes);
    to.put(this.endedBytes);
    to.put(slots.length);
    to.put(freeSlots.length);
    to.put(topics.size);
    to.put(tenants.size);
    for (let i = 0; i < slots.length; i++) to.keep(slots[i]);
    for (let i = 0; i < freeSlots.length; i++) to.put(freeSlots[i]!);
    for (let i = 0; i < slots.length; i++) slots[i]?.save(to);
    for (const topic of topics.values()) to.keep(topic);
    for (const topic of topics.values()) topic.save(to);
    for (const tenant of tenants.values()) to.keep(tenant);
    for (const tenant of tenants.values()) tenant.save(to);
    for (let i = 0; i < parts.length; i++) parts[i]!.save(to);
    for (const entry of this.settled.values()) {
      if (entry === undefined) continue;
      to.put(entry.untilMs);
      to.keep(entry.next);
    }
  }

  restore(from: Savepoint): void {
    const { slots, freeSlots, topics, tenants } = this;
    const { numbers, objects } = from;
    this.nowMs = numbers[from.number++]!;
    this.queued = numbers[from.number++]!;
    this.redelivered = numbers[from.number++]!;
    this.lastSeq = numbers[from.number++]!;
    this.lastNumber = numbers[from.number++]!;
    this.payloadBytes = numbers[from.number++]!;
    this.liveBytes = numbers[from.number++]!;
    this.endedBytes = numbers[from.number++]!;
    const slotCount = numbers[from.number++]!;
    const freeCount = numbers[from.number++]!;
    const topicCount = numbers[from.number++]!;
    const tenantCount = numbers[from.number++]!;
    while (slots.length > slotCount) slots.pop();
    for (let i = 0; i < slotCount; i++) slots[i] = objects[from.object++] as Message | undefined;
    while (freeSlots.length > freeCount) freeSlots.pop();
    for (let i = 0; i < freeCount; i++) freeSlots[i] = numbers[from.number++]!;
    for (let i = 0; i < slotCount; i++) slots[i]?.restore(from);
    let first = from.object;
    restoreMap(topics, topicCount, from, nameOf);
    for (let i = 0; i < topicCount; i++) (objects[first + i] as Topic).restore(from);
    first = from.object;
    restoreMap(tenants, tenantCount, from, nameOf);
    for (let i = 0; i < tenantCount; i++) (objects[first + i] as Tenant<Message>).restore(from);
    for (let i = 0; i < this.parts.length; i++) this.parts[i]!.restore(from);
    for (const entry of this.settled.values()) {
      if (entry === undefined) continue;
      entry.untilMs = numbers[from.number++]!;
      entry.next = objects[from.object++] as Settled | null;
    }
  }

  /** What was kept apart from the message is here, in place of what stood for it. */
  fillPayload(message: Message, payload: Uint8Array): void {
    this.payloadBytes += payload.byteLength - (message.payload as Uint8Array).byteLength;
    message.payload = payload;
  }

  /** The slot the next send will take. */
  nextSlot(): number {
    return this.freeSlots.length > 0 ? this.freeSlots[this.freeSlots.length - 1]! : this.slots.length;
  }
}

const keyOfMessage = (message: Message): string => message.idemKey;
const nameOf = ({ name }: { readonly name: string }): string => name;

/** Puts back the next `size` objects of the image under their keys; most often they are all there. */
function restoreMap<T>(map: Map<string, T>, size: number, from: Savepoint, keyOf: (item: T) => string): void {
  const { objects } = from;
  const first = from.object;
  from.object += size;
  let same = map.size === size;
  for (let i = first; same && i < from.object; i++) same = map.get(keyOf(objects[i] as T)) === objects[i];
  if (same) return;
  map.clear();
  for (let i = first; i < from.object; i++) map.set(keyOf(objects[i] as T), objects[i] as T);
}

/** The available message of a topic with the lowest sequence number (LE1). */
export function firstAvailable(topic: Topic): Message | undefined {
  const fresh = topic.fresh.first();
  const returned = topic.returned.first();
  if (fresh === undefined || returned === undefined) return fresh ?? returned;
  return fresh.seq < returned.seq ? fresh : returned;
}
