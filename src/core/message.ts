import type { Lifecycle } from '../../spec/lifecycle.ts';
import type { DeadReason, State } from '../../spec/vocabulary.ts';
import type { Attrs, Sent } from './facts.ts';
import { Heap } from './heap.ts';
import { Line } from './line.ts';
import type { Savepoint } from './savepoint.ts';
import type { Tenant } from './tenant.ts';
import { NO_ATTRS, packAttrs } from './weight.ts';

/** A settled lease, remembered so that repeating the verb gets the first answer again (LE4). */
export interface Settled {
  readonly receipt: string;
  readonly verb: 'ack' | 'nack';
  readonly state: State;
  untilMs: number;
  /** The next younger one of the same message. */
  next: Settled | null;
}

export const TIMES = 6;

/**
 * All a shard knows of one message that is alive: queued, leased, redelivered or dead-lettered. One that is acked or purged is a row
 * (`rows.ts`) for as long as it is remembered, and is made again of that for whoever asks.
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
  /** Its number among those alive, -1 when it was made again of a row. */
  readonly cell: number;
  private readonly times: Float64Array;
  /** Where its times begin in the column. */
  private readonly at: number;

  /** `times`: a column, and where in it the times of this one stand. */
  constructor(
    fact: Sent,
    slot: number,
    seq: number,
    topic: Topic,
    cell = -1,
    times: Float64Array = new Float64Array(TIMES),
    at = 0,
  ) {
    this.cell = cell;
    this.times = times;
    this.at = at;
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

  /** All its times by as much. */
  setBack(byMs: number): void {
    const isOpen = this.idemUntilMs !== 0;
    for (let i = 0; i < TIMES; i++) this.times[this.at + i]! -= byMs;
    if (!isOpen) this.idemUntilMs = 0;
    for (let entry = this.oldestSettled; entry !== null; entry = entry.next) entry.untilMs -= byMs;
  }

  /** Another receipt that is remembered, the newest. */
  settle(receipt: string, verb: Settled['verb'], state: State, untilMs: number): void {
    const entry: Settled = { receipt, verb, state, untilMs, next: null };
    if (this.newestSettled === null) this.oldestSettled = entry;
    else this.newestSettled.next = entry;
    this.newestSettled = entry;
  }

  /** Its oldest receipt is remembered no more. */
  unsettle(): void {
    const { next } = this.oldestSettled as Settled;
    this.oldestSettled = next;
    if (next === null) this.newestSettled = null;
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
    let settled = 0;
    for (let entry = this.oldestSettled; entry !== null; entry = entry.next, settled++) to.keep(entry);
    to.put(settled);
    for (let entry = this.oldestSettled; entry !== null; entry = entry.next) to.put(entry.untilMs);
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
    this.oldestSettled = null;
    this.newestSettled = null;
    for (let left = numbers[number++]!; left > 0; left--) {
      const entry = objects[object++] as Settled;
      entry.untilMs = numbers[number++]!;
      entry.next = null;
      if (this.newestSettled === null) this.oldestSettled = entry;
      else (this.newestSettled as Settled).next = entry;
      this.newestSettled = entry;
    }
    from.number = number;
    from.object = object;
  }
}

/** Messages by the time of their timer: deadlines of leases, or not-befores of those waiting. */
export class TimerHeap extends Heap<Message> {
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
export class TtlHeap extends Heap<Message> {
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
  /** What stands for it in rows, while it is there. */
  readonly number: number;
  /** Whose it is. Other limits may say otherwise. */
  tenant: Tenant<Message>;
  /** Sent and available, in send order. */
  readonly fresh = new Line<Message>();
  /** Available again, by their original place. */
  readonly returned: Heap<Message> = new SeqHeap();
  /** Dead letters, oldest first. */
  readonly dead = new Line<Message>();
  queued = 0;
  leased = 0;
  redelivered = 0;
  /** Messages remembered, in whatever state: the topic goes with the last. */
  remembered = 0;
  /** Open idempotency windows. */
  windows = 0;

  constructor(name: string, number: number, tenant: Tenant<Message>) {
    this.name = name;
    this.number = number;
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
    to.put(this.windows);
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
    this.windows = numbers[from.number++]!;
    this.fresh.restore(from);
    this.returned.restore(from);
    this.dead.restore(from);
  }
}

/** The available message of a topic with the lowest sequence number (LE1). */
export function firstAvailable(topic: Topic): Message | undefined {
  const fresh = topic.fresh.first();
  const returned = topic.returned.first();
  if (fresh === undefined || returned === undefined) return fresh ?? returned;
  return fresh.seq < returned.seq ? fresh : returned;
}
