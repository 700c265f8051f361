import type { State } from '../../spec/vocabulary.ts';
import type { Sent } from './facts.ts';
import type { Limits } from './limits.ts';
import type { Message } from './message.ts';
import { ShardState } from './state.ts';
import { endedBytesOf, errorBytesOf, liveBytesOf, SETTLED_BYTES, SETTLED_ROW_BYTES } from './weight.ts';
import { SHARD_SLOTS_MAX } from './window-index.ts';

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
/** Fields of `Message` that follow from the others, from where it stands, or from receipts, which come by themselves. */
type Derived = 'topic' | 'cell' | 'packedAttrs' | 'oldestSettled' | 'newestSettled';
type Data<T> = { [K in keyof T as T[K] extends (...given: never[]) => unknown ? never : K]: T[K] };
/**
 * The fields that make a message up: all of `Message` but those. The class is the table of them: whoever writes or reads one is held
 * by the compiler to name each.
 */
export type MessageFields = Omit<Data<Message>, Derived>;
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
  yield { name: 'shard', nowMs, lastSeq, lastNumber, slots: state.slotCount };
  for (let at = 0; at < freeSlots.length; at += FREE_SLOTS_PIECE) {
    yield { name: 'free_slots', slots: freeSlots.slice(at, at + FREE_SLOTS_PIECE) };
  }
  for (const slot of slotsBySeq(state)) {
    const message = state.in(slot) as Message;
    yield { name: 'message', message, topic: message.topic.name, at: placeOf(state, message) };
  }
  for (const [{ slot }, { receipt, verb, state: left, untilMs }] of state.settledReceipts()) {
    yield { name: 'settled', slot, receipt, verb, state: left, untilMs };
  }
}

/** Slots by the sequence number of their messages: those with an open window stand in that order already, and are most of them. */
function* slotsBySeq(state: ShardState): Generator<number> {
  const closed: { readonly slot: number; readonly seq: number }[] = [];
  for (let slot = 0; slot < state.slotCount; slot++) {
    const seq = state.seqIn(slot);
    if (seq > 0 && state.idemUntilMsIn(slot) === 0) closed.push({ slot, seq });
  }
  closed.sort((a, b) => a.seq - b.seq);
  let next = 0;
  for (const slot of state.windows.values()) {
    const seq = state.seqIn(slot);
    for (; next < closed.length && closed[next]!.seq < seq; next++) yield closed[next]!.slot;
    yield slot;
  }
  for (; next < closed.length; next++) yield closed[next]!.slot;
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
        if (image.slots > SHARD_SLOTS_MAX)
          throw new Error(`image: ${image.slots} slots, of at most ${SHARD_SLOTS_MAX}`);
        state.slotCount = image.slots;
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
    if (slot >= state.slotCount || state.seqIn(slot) > 0) throw new Error(`image: slot ${slot} is taken`);
    const message = state.enter(fields as unknown as Sent, slot, seq, topic);
    fill(message, fields);
    this.weigh(message);
    // Receipts come after all messages: mostly one to each that was acked.
    if (message.payload !== null) this.stand(message, at);
    else if (message.state === 'acked' && message.idemUntilMs !== 0) state.buryExpecting(message);
    else state.bury(message);
  }

  private weigh(message: Message): void {
    const { state } = this;
    const { payload } = message;
    if (payload === null) {
      state.endedBytes += endedBytesOf(message.idemKey, message.corrId);
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
    const { state } = this;
    const message = state.aliveIn(slot);
    if (message !== undefined) message.settle(receipt, verb, left, untilMs);
    else if (state.rowIn(slot) >= 0) state.settleRow(slot, receipt, verb, left, untilMs);
    else throw new Error(`image: nothing in slot ${slot}`);
    state.pushSettled(slot, untilMs);
    state.endedBytes += message === undefined ? SETTLED_ROW_BYTES : SETTLED_BYTES;
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
