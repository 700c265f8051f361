import type { State } from '../../spec/vocabulary.ts';
import type { Sent } from './facts.ts';
import type { Heap } from './heap.ts';
import { type HashKey, hashKeyOfProcess } from './keyed-hash.ts';
import type { Limits } from './limits.ts';
import { Line } from './line.ts';
import { Living } from './living.ts';
import { type Message, type Settled, TimerHeap, Topic, TtlHeap } from './message.ts';
import { slotOf } from './msg-id.ts';
import { Rows } from './rows.ts';
import type { Savepoint } from './savepoint.ts';
import { SlotQueue, SlotTable } from './slots.ts';
import { Holders, Tenant, tenantOf } from './tenant.ts';
import { TENANT_BYTES, topicBytesOf } from './weight.ts';
import { WindowIndex } from './window-index.ts';
import { hashOfKey } from './window-key.ts';

/** One shard. `apply` and `advance` are the only writers. */
export class ShardState {
  readonly shard: number;
  nowMs = 0;

  /** Messages that are alive. */
  readonly living = new Living();
  /** Where the message of a slot is: 0 nowhere; odd, twice its cell and one; even, twice its row's place and two. */
  private readonly places = new SlotTable();
  /** Slots that were ever used. */
  slotCount = 0;
  /** Slots free for the next send, last in first out. */
  readonly freeSlots: number[] = [];
  readonly topics = new Map<string, Topic>();
  private readonly topicsByNumber: (Topic | undefined)[] = [];
  private readonly freeTopicNumbers: number[] = [];
  /** Messages that are over, and remembered. */
  readonly rows: Rows;
  /** Whose the topics are (BD5). */
  readonly tenants = new Map<string, Tenant<Message>>();
  /** Those of them that have dead letters, the one with the most first (DL3). */
  readonly holders = new Holders<Message>();
  /** Open idempotency windows of all topics, in send order, by slot (ID1). */
  readonly windows = new SlotQueue();
  /** The same by topic and key. */
  private readonly windowIndex = new WindowIndex();
  readonly leases: Heap<Message> = new TimerHeap();
  readonly waiting: Heap<Message> = new TimerHeap();
  readonly ttls: Heap<Message> = new TtlHeap();
  /** Queued and redelivered by the time they became so. */
  readonly ready = new Line<Message>();
  readonly dead = new Line<Message>();
  /** Settled receipts, oldest first: each by the slot of its message, which has them in the same order. */
  readonly settled = new SlotQueue();
  /** When the oldest window ends, and until when the oldest settled receipt is remembered; Infinity where there is none. */
  windowUntilMs = Number.POSITIVE_INFINITY;
  settledUntilMs = Number.POSITIVE_INFINITY;

  queued = 0;
  redelivered = 0;
  /** Bytes of the payloads of what lives. */
  payloadBytes = 0;
  /** Bytes that what lives takes besides, and what is remembered: ended messages, settled receipts, topics, tenants (`weight.ts`, BD0). */
  liveBytes = 0;
  endedBytes = 0;
  /** Numbers given out: sequence numbers of messages, and places in the lines. */
  lastSeq = 0;
  lastNumber = 0;

  /** What an image holds part by part. */
  private readonly parts: readonly { save(to: Savepoint): void; restore(from: Savepoint): void }[];
  private readonly hashKey: HashKey;
  private heldTo: Limits;

  /** `hashKey`: a secret of the process, so that nobody can send keys that collide. */
  constructor(shard: number, limits: Limits, hashKey = hashKeyOfProcess()) {
    this.shard = shard;
    this.heldTo = limits;
    this.hashKey = hashKey;
    this.rows = new Rows(shard, this.topicsByNumber);
    this.parts = [
      ...[this.rows, this.windows, this.leases, this.waiting, this.ttls, this.ready, this.dead, this.settled],
      this.holders,
    ];
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

  // ---- messages, alive or over

  /** One that is over is made again of its row: nothing that is done to it is remembered. */
  find(msgId: string): Message | undefined {
    const slot = slotOf(msgId);
    if (slot < 0) return undefined;
    const message = this.aliveIn(slot);
    if (message !== undefined) return message.msgId === msgId ? message : undefined;
    const row = this.rowIn(slot);
    return row >= 0 && this.rows.isOf(row, msgId) ? this.rows.read(row, slot) : undefined;
  }

  /** The message of a slot while it is alive. */
  aliveIn(slot: number): Message | undefined {
    const place = this.places.get(slot);
    return (place & 1) === 0 ? undefined : this.living.messages[place >>> 1];
  }

  /** Where the row of a slot is, -1 where there is none. */
  rowIn(slot: number): number {
    const place = this.places.get(slot);
    return (place & 1) === 1 ? -1 : (place >>> 1) - 1;
  }

  /** The sequence number of the message in this slot, 0 for none. */
  seqIn(slot: number): number {
    const row = this.rowIn(slot);
    return row < 0 ? (this.aliveIn(slot)?.seq ?? 0) : this.rows.seqOf(row);
  }

  /** The message of a slot, made again where it is over. */
  in(slot: number): Message | undefined {
    const row = this.rowIn(slot);
    return row < 0 ? this.aliveIn(slot) : this.rows.read(row, slot);
  }

  /** Every message that is remembered, by slot. */
  *messages(): Generator<Message> {
    for (let slot = 0; slot < this.slotCount; slot++) {
      const message = this.in(slot);
      if (message !== undefined) yield message;
    }
  }

  /** The slot the next send will take. */
  nextSlot(): number {
    return this.freeSlots.length > 0 ? this.freeSlots[this.freeSlots.length - 1]! : this.slotCount;
  }

  /** A message comes to live in this slot, with an open window if it says so. */
  enter(fact: Sent, slot: number, seq: number, topic: Topic): Message {
    const message = this.living.enter(fact, slot, seq, topic);
    this.places.set(slot, 2 * message.cell + 1);
    topic.remembered++;
    if (message.idemUntilMs === 0) return message;
    if (this.windows.size === 0) this.windowUntilMs = message.idemUntilMs;
    this.windows.push(slot);
    this.windowIndex.add(slot, this.hashOf(topic, message.idemKey), this);
    topic.windows++;
    return message;
  }

  /** It is over, and remembered. */
  bury(message: Message): void {
    this.living.leave(message);
    this.places.set(message.slot, 2 * this.rows.put(message) + 2);
  }

  /** As `bury`, of one whose settled receipt is still to come. */
  buryExpecting(message: Message): void {
    this.living.leave(message);
    this.places.set(message.slot, 2 * this.rows.putExpecting(message) + 2);
  }

  /** It is over, and forgotten: its slot is free. */
  forget(message: Message): void {
    this.living.leave(message);
    this.free(message.slot, message.topic);
  }

  /** As `forget`, of one that is remembered as a row. */
  forgetRow(slot: number): void {
    const row = this.rowIn(slot);
    const topic = this.rows.topicOf(row);
    this.rows.remove(row);
    this.free(slot, topic);
  }

  /** Another receipt of one that is a row, the newest. */
  settleRow(slot: number, receipt: string, verb: Settled['verb'], state: State, untilMs: number): void {
    const place = this.rows.settle(this.rowIn(slot), slot, { receipt, verb, state, untilMs, next: null });
    this.places.set(slot, 2 * place + 2);
  }

  private free(slot: number, topic: Topic): void {
    this.places.set(slot, 0);
    this.freeSlots.push(slot);
    if (--topic.remembered === 0) this.dropTopic(topic);
  }

  // ---- what is remembered of them

  /** The message whose key this is while its window is open (ID1): the last one, where other limits let several. */
  original(topic: Topic, key: string): Message | undefined {
    const hash = this.hashOf(topic, key);
    for (let slot = this.windowIndex.first(hash); slot >= 0; slot = this.windowIndex.after(slot, hash)) {
      const row = this.rowIn(slot);
      if (row >= 0) {
        if (this.rows.isKey(row, topic.number, key)) return this.rows.read(row, slot);
        continue;
      }
      const message = this.aliveIn(slot) as Message;
      if (message.topic === topic && message.idemKey === key) return message;
    }
    return undefined;
  }

  private findOldestWindow(): void {
    const slot = this.windows.first();
    this.windowUntilMs = slot < 0 ? Number.POSITIVE_INFINITY : this.idemUntilMsIn(slot);
  }

  /** The oldest settled receipt is another one. */
  findOldestSettled(): void {
    const slot = this.settled.first();
    if (slot < 0) this.settledUntilMs = Number.POSITIVE_INFINITY;
    else {
      const row = this.rowIn(slot);
      this.settledUntilMs =
        row < 0 ? (this.aliveIn(slot)!.oldestSettled as Settled).untilMs : this.rows.settledUntilMsOf(row);
    }
  }

  /** When the window of the message in this slot ends, 0 when it is closed. */
  idemUntilMsIn(slot: number): number {
    const row = this.rowIn(slot);
    return row < 0 ? (this.aliveIn(slot)?.idemUntilMs ?? 0) : this.rows.idemUntilMsOf(row);
  }

  /** The oldest window is closed. Gives the slot of its message. */
  closeWindow(): number {
    const slot = this.windows.shift();
    this.windowIndex.remove(slot, this.hashIn(slot));
    const row = this.rowIn(slot);
    const message = this.aliveIn(slot);
    const topic = message?.topic ?? this.rows.topicOf(row);
    topic.windows--;
    topic.tenant.windows--;
    if (message === undefined) this.rows.closeWindow(row);
    else message.idemUntilMs = 0;
    this.findOldestWindow();
    return slot;
  }

  /** A receipt of the message in this slot is remembered until then, as its newest. */
  pushSettled(slot: number, untilMs: number): void {
    if (this.settled.size === 0) this.settledUntilMs = untilMs;
    this.settled.push(slot);
  }

  /** Settled receipts, oldest first, each with its message. */
  *settledReceipts(): Generator<readonly [message: Message, entry: Settled]> {
    // Those of which there is more to come.
    const next = new Map<number, readonly [Message, Settled]>();
    for (const slot of this.settled.values()) {
      const known = next.get(slot);
      const message = known?.[0] ?? (this.in(slot) as Message);
      const entry = known?.[1] ?? (message.oldestSettled as Settled);
      yield [message, entry];
      if (entry.next === null) next.delete(slot);
      else next.set(slot, [message, entry.next]);
    }
  }

  /** Windows that are found by their keys: as many as there are. */
  get indexedWindows(): number {
    return this.windowIndex.size;
  }

  private hashOf(topic: Topic, key: string): number {
    return hashOfKey(this.hashKey, topic.number, key);
  }

  /** What the window of the message in this slot hashes to. */
  hashIn(slot: number): number {
    const row = this.rowIn(slot);
    if (row >= 0) return this.rows.hashOf(row, this.hashKey);
    const { topic, idemKey } = this.aliveIn(slot) as Message;
    return this.hashOf(topic, idemKey);
  }

  /** All times by as much: no order among them changes. */
  setBack(byMs: number): void {
    for (const m of this.living.messages) m?.setBack(byMs);
    const rows: number[] = [];
    for (let slot = 0; slot < this.slotCount; slot++) if (this.rowIn(slot) >= 0) rows.push(this.rowIn(slot));
    this.rows.setBack(rows, byMs);
    this.nowMs -= byMs;
    this.windowUntilMs -= byMs;
    this.settledUntilMs -= byMs;
  }

  // ---- topics and tenants

  tenantOf(topic: string): Tenant<Message> | undefined {
    return this.tenants.get(tenantOf(topic, this.heldTo.tenantLabels));
  }

  addTopic(name: string): Topic {
    const number = this.freeTopicNumbers.pop() ?? this.topicsByNumber.length;
    const topic = new Topic(name, number, this.tenantFor(name));
    this.topicsByNumber[number] = topic;
    this.topics.set(name, topic);
    this.endedBytes += topicBytesOf(name);
    return topic;
  }

  private dropTopic({ name, number, tenant }: Topic): void {
    this.topics.delete(name);
    this.topicsByNumber[number] = undefined;
    this.freeTopicNumbers.push(number);
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
      tenant.windows += topic.windows;
    }
    for (const message of this.dead.after(0)) message.topic.tenant.dead.push(message.ageNumber, message);
    for (const tenant of this.tenants.values()) if (tenant.dead.size > 0) this.holders.push(tenant);
  }

  /** What was kept apart from the message is here, in place of what stood for it. */
  fillPayload(message: Message, payload: Uint8Array): void {
    this.payloadBytes += payload.byteLength - (message.payload as Uint8Array).byteLength;
    message.payload = payload;
  }

  // ---- savepoints

  save(to: Savepoint): void {
    const { freeSlots, topics, tenants, parts, topicsByNumber, freeTopicNumbers } = this;
    to.put(this.nowMs);
    to.put(this.queued);
    to.put(this.redelivered);
    to.put(this.lastSeq);
    to.put(this.lastNumber);
    to.put(this.payloadBytes);
    to.put(this.liveBytes);
    to.put(this.endedBytes);
    to.put(this.windowUntilMs);
    to.put(this.settledUntilMs);
    to.put(this.slotCount);
    to.put(freeSlots.length);
    to.put(topics.size);
    to.put(tenants.size);
    to.put(topicsByNumber.length);
    to.put(freeTopicNumbers.length);
    for (let i = 0; i < freeSlots.length; i++) to.put(freeSlots[i]!);
    for (let i = 0; i < freeTopicNumbers.length; i++) to.put(freeTopicNumbers[i]!);
    for (let i = 0; i < topicsByNumber.length; i++) to.keep(topicsByNumber[i]);
    this.places.save(to, this.slotCount);
    this.windowIndex.save(to, this.slotCount);
    this.living.save(to);
    for (const topic of topics.values()) to.keep(topic);
    for (const topic of topics.values()) topic.save(to);
    for (const tenant of tenants.values()) to.keep(tenant);
    for (const tenant of tenants.values()) tenant.save(to);
    for (let i = 0; i < parts.length; i++) parts[i]!.save(to);
  }

  restore(from: Savepoint): void {
    const { freeSlots, topics, tenants, topicsByNumber, freeTopicNumbers } = this;
    const { numbers, objects } = from;
    this.nowMs = numbers[from.number++]!;
    this.queued = numbers[from.number++]!;
    this.redelivered = numbers[from.number++]!;
    this.lastSeq = numbers[from.number++]!;
    this.lastNumber = numbers[from.number++]!;
    this.payloadBytes = numbers[from.number++]!;
    this.liveBytes = numbers[from.number++]!;
    this.endedBytes = numbers[from.number++]!;
    this.windowUntilMs = numbers[from.number++]!;
    this.settledUntilMs = numbers[from.number++]!;
    this.slotCount = numbers[from.number++]!;
    freeSlots.length = numbers[from.number++]!;
    const topicCount = numbers[from.number++]!;
    const tenantCount = numbers[from.number++]!;
    topicsByNumber.length = numbers[from.number++]!;
    freeTopicNumbers.length = numbers[from.number++]!;
    for (let i = 0; i < freeSlots.length; i++) freeSlots[i] = numbers[from.number++]!;
    for (let i = 0; i < freeTopicNumbers.length; i++) freeTopicNumbers[i] = numbers[from.number++]!;
    for (let i = 0; i < topicsByNumber.length; i++) topicsByNumber[i] = objects[from.object++] as Topic | undefined;
    this.places.restore(from, this.slotCount);
    this.windowIndex.restore(from, this.slotCount);
    this.living.restore(from);
    let first = from.object;
    restoreMap(topics, topicCount, from);
    for (let i = 0; i < topicCount; i++) (objects[first + i] as Topic).restore(from);
    first = from.object;
    restoreMap(tenants, tenantCount, from);
    for (let i = 0; i < tenantCount; i++) (objects[first + i] as Tenant<Message>).restore(from);
    for (let i = 0; i < this.parts.length; i++) this.parts[i]!.restore(from);
  }
}

/** Puts back the next `size` objects of the image under their names; most often they are all there. */
function restoreMap<T extends { readonly name: string }>(map: Map<string, T>, size: number, from: Savepoint): void {
  const { objects } = from;
  const first = from.object;
  from.object += size;
  let same = map.size === size;
  for (let i = first; same && i < from.object; i++) same = map.get((objects[i] as T).name) === objects[i];
  if (same) return;
  map.clear();
  for (let i = first; i < from.object; i++) map.set((objects[i] as T).name, objects[i] as T);
}
