import type { State } from '../../spec/vocabulary.ts';
import type { Sent } from './facts.ts';
import type { Limits } from './limits.ts';
import { Message, type Settled, ShardState } from './state.ts';
import { endedBytesOf, errorBytesOf, liveBytesOf, SETTLED_BYTES } from './weight.ts';

/**
 * A shard as data, piece by piece: what a snapshot keeps. First the shard itself, then its free slots, its messages
 * by sequence number, and its settled receipts, oldest first. `Restoration` makes the same shard of it again.
 */
export type Image = ShardImage | FreeSlotsImage | MessageImage | SettledImage;

export interface ShardImage {
  readonly name: 'shard';
  readonly nowMs: number;
  readonly lastSeq: number;
  readonly lastNumber: number;
  readonly slots: number;
}
/** The next of the free slots, the first to be used again last. */
export interface FreeSlotsImage {
  readonly name: 'free_slots';
  readonly slots: readonly number[];
}
/** Where a message that is queued or redelivered stands. */
export const PLACES = ['none', 'fresh', 'returned', 'waiting'] as const;
export type Place = (typeof PLACES)[number];

export interface MessageImage {
  readonly name: 'message';
  readonly message: MessageFields;
  readonly topic: string;
  readonly at: Place;
}
/** The fields of `Message` that make it up; all others follow from them. */
export type MessageFields = Pick<
  Message,
  | 'msgId'
  | 'slot'
  | 'seq'
  | 'idemKey'
  | 'payload'
  | 'payloadHash'
  | 'hashChain'
  | 'attrs'
  | 'corrId'
  | 'state'
  | 'attempt'
  | 'epoch'
  | 'redrives'
  | 'releases'
  | 'receipt'
  | 'visibilityMs'
  | 'deadReason'
  | 'lastError'
  | 'ageNumber'
  | 'place'
  | 'ttlPlace'
  | 'timerAtMs'
  | 'leaseEndsMs'
  | 'ttlAtMs'
  | 'readyAtMs'
  | 'idemUntilMs'
  | 'deadAtMs'
>;
export interface SettledImage {
  readonly name: 'settled';
  readonly slot: number;
  readonly receipt: string;
  readonly verb: 'ack' | 'nack';
  readonly state: State;
  readonly untilMs: number;
}

const FREE_SLOTS_PIECE = 8192;

/** The shard, piece by piece; it must not change meanwhile. */
export function* imagesOf(state: ShardState): Generator<Image> {
  const { nowMs, lastSeq, lastNumber, freeSlots } = state;
  yield { name: 'shard', nowMs, lastSeq, lastNumber, slots: state.slots.length };
  for (let at = 0; at < freeSlots.length; at += FREE_SLOTS_PIECE) {
    yield { name: 'free_slots', slots: freeSlots.slice(at, at + FREE_SLOTS_PIECE) };
  }
  const messages = state.slots.filter((message) => message !== undefined).sort((a, b) => a.seq - b.seq);
  for (const message of messages) {
    yield { name: 'message', message, topic: message.topic.name, at: placeOf(state, message) };
  }
  for (const { message, receipt, verb, state: left, untilMs } of state.settled.after(0)) {
    yield { name: 'settled', slot: message.slot, receipt, verb, state: left, untilMs };
  }
}

/** What the constructor does not set. Places too, so that the heaps can be put together again as they were. */
function fill(message: Message, from: MessageFields): void {
  message.state = from.state;
  message.attempt = from.attempt;
  message.epoch = from.epoch;
  message.redrives = from.redrives;
  message.releases = from.releases;
  message.receipt = from.receipt;
  message.visibilityMs = from.visibilityMs;
  message.deadReason = from.deadReason;
  message.lastError = from.payload === null ? null : from.lastError;
  message.ageNumber = from.ageNumber;
  message.place = from.place;
  message.ttlPlace = from.ttlPlace;
  message.timerAtMs = from.timerAtMs;
  message.leaseEndsMs = from.leaseEndsMs;
  message.ttlAtMs = from.ttlAtMs;
  message.readyAtMs = from.readyAtMs;
  message.deadAtMs = from.deadAtMs;
}

function placeOf(state: ShardState, message: Message): Place {
  if (message.state !== 'queued' && message.state !== 'redelivered') return 'none';
  if (message.place < 0) return 'fresh';
  return state.waiting.has(message) ? 'waiting' : 'returned';
}

/** Makes a shard of its images, which must come in their order. What does not fit throws. */
export class Restoration {
  private readonly state: ShardState;
  private readonly ready: Message[] = [];
  private readonly dead: Message[] = [];
  private readonly leased: Message[] = [];
  private readonly waiting: Message[] = [];
  private readonly returned: Message[] = [];
  private readonly mortal: Message[] = [];
  private settledNumber = 0;

  constructor(shard: number, limits: Limits) {
    this.state = new ShardState(shard, limits);
  }

  take(image: Image): void {
    const { state } = this;
    switch (image.name) {
      case 'shard':
        state.nowMs = image.nowMs;
        state.lastSeq = image.lastSeq;
        state.lastNumber = image.lastNumber;
        for (let slot = 0; slot < image.slots; slot++) state.slots.push(undefined);
        return;
      case 'free_slots':
        for (const slot of image.slots) state.freeSlots.push(slot);
        return;
      case 'message':
        return this.message(image);
      case 'settled':
        return this.settled(image);
    }
  }

  private message({ message: fields, topic: name, at }: MessageImage): void {
    const { state } = this;
    const topic = state.topics.get(name) ?? state.addTopic(name);
    const { slot, seq } = fields;
    if (slot >= state.slots.length || state.slots[slot] !== undefined) throw new Error(`image: slot ${slot} is taken`);
    const message = new Message(fields as unknown as Sent, slot, seq, topic, state.columnOf(slot));
    fill(message, fields);
    state.slots[slot] = message;
    topic.remembered++;
    this.weigh(message);
    if (message.idemUntilMs > 0) {
      topic.idem.set(message.idemKey, message);
      state.idemLine.push(seq, message);
    }
    this.stand(message, at);
  }

  private weigh(message: Message): void {
    const { state } = this;
    const { payload } = message;
    if (payload === null) {
      state.endedBytes += endedBytesOf(message.idemKey);
      return;
    }
    state.payloadBytes += payload.byteLength;
    state.liveBytes += liveBytesOf(message.idemKey, message.packedAttrs) + errorBytesOf(message.lastError);
  }

  private stand(message: Message, at: Place): void {
    const { state } = this;
    const { topic } = message;
    if (message.state === 'leased') {
      topic.leased++;
      this.leased.push(message);
    } else if (message.state === 'dead_lettered') this.dead.push(message);
    else if (message.state === 'queued' || message.state === 'redelivered') {
      state[message.state]++;
      topic[message.state]++;
      this.ready.push(message);
      if (message.ttlPlace >= 0) this.mortal.push(message);
      if (at === 'fresh') topic.fresh.push(message.seq, message);
      else this[at === 'waiting' ? 'waiting' : 'returned'].push(message);
    }
  }

  private settled({ slot, receipt, verb, state: left, untilMs }: SettledImage): void {
    const message = this.state.slots[slot];
    if (message === undefined) throw new Error(`image: nothing in slot ${slot}`);
    const entry: Settled = { message, receipt, verb, state: left, untilMs, next: null };
    if (message.newestSettled === null) message.oldestSettled = entry;
    else message.newestSettled.next = entry;
    message.newestSettled = entry;
    this.state.settled.push(++this.settledNumber, entry);
    this.state.endedBytes += SETTLED_BYTES;
  }

  /** The shard, when all images have come. */
  done(): ShardState {
    const { state } = this;
    const byPlace = (a: Message, b: Message): number => a.place - b.place;
    const byAge = (a: Message, b: Message): number => a.ageNumber - b.ageNumber;
    for (const message of this.leased.sort(byPlace)) state.leases.push(message);
    for (const message of this.waiting.sort(byPlace)) state.waiting.push(message);
    for (const message of this.returned.sort(byPlace)) message.topic.returned.push(message);
    for (const message of this.mortal.sort((a, b) => a.ttlPlace - b.ttlPlace)) state.ttls.push(message);
    for (const message of this.ready.sort(byAge)) state.ready.push(message.ageNumber, message);
    for (const message of this.dead.sort(byAge)) {
      state.dead.push(message.ageNumber, message);
      message.topic.dead.push(message.ageNumber, message);
    }
    state.countTenants();
    return state;
  }
}
