import { DEAD_REASONS, STATES } from '../../spec/vocabulary.ts';
import type { Sent } from './facts.ts';
import { type HashKey, keyedHash } from './keyed-hash.ts';
import { Message, type Settled, type Topic } from './message.ts';
import { formatMsgId, parts, partsOf } from './msg-id.ts';
import { type Form, Packing, packedBytesOf, packedLength, packedMost } from './packing.ts';
import { RowLog, type RowSegment } from './row-log.ts';
import * as numbers from './row-numbers.ts';
import type { Savepoint } from './savepoint.ts';
import { rowBytesOf } from './weight.ts';
import { isPacked } from './window-key.ts';

/**
 * A row: two bytes of flags, its numbers (`row-numbers.ts`), then idem_key, corr_id, payload_hash and hash_chain packed, then the settled
 * receipts, oldest first: how it is packed, verb and state in a byte, until when, the receipt.
 */
const PURGED = 1;
const OPEN = 2;
/** Its numbers are not near those of the segment. */
const FAR = 4;
/** Three bits: 0 for none, else one more than its place among the reasons. */
const REASON = 3;
/** The highest two bits of the random part of the msg_id. */
const RANDOM = 6;
/** Two bits of how each of the four texts is packed. */
const TEXTS = 8;
const FORMS: readonly Form[] = ['uuid', 'uuid', 'hash', 'hash'];
/** In the first byte of a settled receipt, above how it is packed. */
const NACK = 4;
const STATE = 3;

/** Stands where a receipt will: as long as those that the service makes. */
const NO_RECEIPT = '0'.repeat(32);

const NEAR_UNTIL_BYTES = 4;
const FAR_UNTIL_BYTES = 8;
const SETTLED_MOST = 1 + FAR_UNTIL_BYTES;

/** The row that was looked at last. */
let segment: RowSegment;
let at = 0;
let flags = 0;
const found = numbers.none();
/** Where its texts are read. */
const text = new Packing();
const isFar = (): boolean => (flags & FAR) !== 0;
const howOf = (i: number): number => (flags >> (TEXTS + 2 * i)) & 3;

/** Messages that are over, as long as they are remembered: bytes outside of the heap. A row goes by its place. */
export class Rows {
  private readonly shard: number;
  private readonly topics: readonly (Topic | undefined)[];
  private readonly log = new RowLog();

  /** `topics`: by their numbers. */
  constructor(shard: number, topics: readonly (Topic | undefined)[]) {
    this.shard = shard;
    this.topics = topics;
  }

  /** Bytes taken of the memory. */
  get bytes(): number {
    return this.log.bytes;
  }

  /** Writes a message that is over, and gives the place of its row. */
  put(message: Message): number {
    const { msgId, oldestSettled } = message;
    if (!partsOf(msgId)) throw new Error(`rows: ${msgId} is no msg_id`);
    const place = this.log.begin(mostBytesOf(message));
    this.turnTo(place);
    if (segment.rows === 0) settleOn(segment, message);
    load(message);
    const near = parts.shard === this.shard && areNear(oldestSettled) ? numbers.putNear(segment, at, found) : 0;
    const isNear = near > 0;
    if (!isNear) numbers.putFar(segment, at, found);
    text.at = at + (isNear ? near : numbers.FAR_BYTES);
    let how = text.pack(message.idemKey, 'uuid');
    how |= text.pack(message.corrId, 'uuid') << 2;
    how |= text.pack(message.payloadHash, 'hash') << 4;
    how |= text.pack(message.hashChain, 'hash') << 6;
    for (let entry = oldestSettled; entry !== null; entry = entry.next) putSettled(entry, !isNear);
    segment.view.setUint16(at, flagsOf(message) | (isNear ? 0 : FAR) | (how << TEXTS));
    this.log.end(place, text.at);
    return place;
  }

  remove(place: number): void {
    this.log.remove(place);
  }

  /** The message of this row, made again. */
  read(place: number, slot: number): Message {
    this.find(place);
    const { settled, forgotten } = found;
    const sent = {
      msgId: formatMsgId(found.tsMs, found.shard, found.randomHigh * 2 ** 30 + found.randomLow, slot),
      idemUntilMs: (flags & OPEN) === 0 ? 0 : found.untilMs,
      idemKey: text.unpack(howOf(0), 'uuid'),
      corrId: text.unpack(howOf(1), 'uuid'),
      payloadHash: text.unpack(howOf(2), 'hash'),
      hashChain: text.unpack(howOf(3), 'hash'),
      payload: null,
    };
    const message = new Message(sent as unknown as Sent, slot, found.seq, this.topics[found.topic] as Topic);
    message.state = (flags & PURGED) === 0 ? 'acked' : 'purged';
    message.attempt = found.attempt;
    message.epoch = found.epoch;
    message.redrives = found.redrives;
    message.deadReason = DEAD_REASONS[((flags >> REASON) & 7) - 1] ?? null;
    for (let i = 0; i < settled; i++) {
      const head = text.bytes[text.at++]!;
      const untilMs = takeUntilMs();
      const receipt = text.unpack(head & 3, 'token');
      if (i >= forgotten)
        message.settle(receipt, (head & NACK) === 0 ? 'ack' : 'nack', STATES[head >> STATE]!, untilMs);
    }
    return message;
  }

  /** Whether it is the row of the message of this name, whose slot is right. */
  isOf(place: number, msgId: string): boolean {
    this.find(place);
    if (!partsOf(msgId) || parts.shard !== found.shard || parts.tsMs !== found.tsMs) return false;
    return parts.randomHigh === found.randomHigh && parts.randomLow === found.randomLow;
  }

  seqOf(place: number): number {
    this.turnTo(place);
    return numbers.seqIn(segment, at, isFar());
  }

  topicOf(place: number): Topic {
    this.turnTo(place);
    return this.topics[numbers.topicIn(segment, at, isFar())] as Topic;
  }

  // ---- its window

  /** When its idempotency window ends, 0 once it is closed. */
  idemUntilMsOf(place: number): number {
    this.turnTo(place);
    return (flags & OPEN) === 0 ? 0 : numbers.untilIn(segment, at, isFar());
  }

  closeWindow(place: number): void {
    this.turnTo(place);
    segment.view.setUint16(at, flags & ~OPEN);
  }

  /** What its key hashes to. */
  hashOf(place: number, secret: HashKey): number {
    this.turnTo(place);
    const from = at + headBytes();
    const bytes = packedLength(segment.bytes, from, howOf(0), 'uuid');
    return keyedHash(secret, numbers.topicIn(segment, at, isFar()), segment.view, from, from + bytes);
  }

  isKey(place: number, topic: number, key: string): boolean {
    this.turnTo(place);
    if (numbers.topicIn(segment, at, isFar()) !== topic) return false;
    return isPacked(key, howOf(0), segment.bytes, at + headBytes());
  }

  // ---- its settled receipts

  /** Until when the oldest of those that are remembered is. */
  settledUntilMsOf(place: number): number {
    this.turnTo(place);
    toSettled();
    for (let i = numbers.forgottenIn(segment, at, isFar()); i > 0; i--) skipSettled();
    text.at++;
    return takeUntilMs();
  }

  /** Forgets the oldest of those that are remembered. */
  forgetSettled(place: number): void {
    this.turnTo(place);
    numbers.forgetOne(segment, at, isFar());
  }

  /** As `put`, with room for the receipt of the ack that is still to come. */
  putExpecting(message: Message): number {
    message.settle(NO_RECEIPT, 'ack', 'acked', message.idemUntilMs);
    const place = this.put(message);
    this.forgetSettled(place);
    return place;
  }

  /** The receipt goes where room was left for it, if it fits. */
  private fits(place: number, entry: Settled): boolean {
    this.find(place);
    if (isFar() || found.settled !== 1 || found.forgotten !== 1) return false;
    toSettled();
    const isOfSize =
      packedBytesOf(entry.receipt, 'token') ===
      packedLength(text.bytes, text.at + 1 + NEAR_UNTIL_BYTES, text.bytes[text.at]! & 3, 'token');
    if (!isOfSize || !areNear(entry)) return false;
    putSettled(entry, false);
    numbers.rememberOne(segment, at);
    return true;
  }

  /** The row with another receipt, the newest; gives its place, which may be another. */
  settle(place: number, slot: number, entry: Settled): number {
    if (this.fits(place, entry)) return place;
    const message = this.read(place, slot);
    message.settle(entry.receipt, entry.verb, entry.state, entry.untilMs);
    this.remove(place);
    return this.put(message);
  }

  /** Neither a duplicate nor a repeated settle can name it. */
  isDone(place: number): boolean {
    this.turnTo(place);
    return (flags & OPEN) === 0 && numbers.areAllForgotten(segment, at, isFar());
  }

  /** What it weighs, without its receipts. */
  bytesOf(place: number): number {
    this.turnTo(place);
    const from = at + headBytes();
    const key = packedLength(segment.bytes, from, howOf(0), 'uuid');
    return rowBytesOf(key + packedLength(segment.bytes, from + key, howOf(1), 'uuid'));
  }

  // ---- all of them

  /** All times by as much, of the rows at these places and what they stand in. */
  setBack(places: Iterable<number>, byMs: number): void {
    for (const place of places) {
      this.find(place);
      toSettled();
      if (!isFar()) continue;
      numbers.setBackFar(segment, at, byMs);
      for (let i = 0; i < found.settled; i++) {
        segment.view.setFloat64(text.at + 1, segment.view.getFloat64(text.at + 1) - byMs);
        skipSettled();
      }
    }
    for (const each of this.log.all()) {
      each.untilMs -= byMs;
      each.aheadMs += byMs;
    }
  }

  save(to: Savepoint): void {
    this.log.save(to);
  }

  restore(from: Savepoint): void {
    this.log.restore(from);
  }

  // ---- looking at one

  private turnTo(place: number): void {
    const its = this.log.segmentOf(place);
    // Most often it is that of the row before.
    if (its !== segment) {
      segment = its;
      text.turnTo(its.bytes, its.view);
    }
    at = this.log.offsetOf(place);
    flags = its.view.getUint16(at);
  }

  /** Its numbers too, and where its texts begin. */
  private find(place: number): void {
    this.turnTo(place);
    if (isFar()) numbers.takeFar(segment, at, found);
    else {
      numbers.takeNear(segment, at, found);
      found.shard = this.shard;
      found.randomHigh |= ((flags >> RANDOM) & 3) << 2;
    }
    text.at = at + headBytes();
  }
}

/** To where the receipts of the row begin. */
function toSettled(): void {
  text.at = at + headBytes();
  for (let i = 0; i < FORMS.length; i++) text.at += packedLength(text.bytes, text.at, howOf(i), FORMS[i]!);
}

const headBytes = (): number => numbers.bytesIn(segment, at, isFar());

function mostBytesOf({ idemKey, corrId, payloadHash, hashChain, oldestSettled }: Message): number {
  let bytes =
    numbers.FAR_BYTES + packedMost(idemKey) + packedMost(corrId) + packedMost(payloadHash) + packedMost(hashChain);
  for (let entry = oldestSettled; entry !== null; entry = entry.next) bytes += SETTLED_MOST + packedMost(entry.receipt);
  // A row takes a multiple of 4.
  return bytes + 3;
}

/** The first row of a segment says what the numbers of others should be near to. */
function settleOn(empty: RowSegment, { seq, idemUntilMs, newestSettled }: Message): void {
  empty.seq = seq;
  empty.untilMs = Math.floor(idemUntilMs || newestSettled?.untilMs || 0);
  empty.aheadMs = parts.tsMs - empty.untilMs;
}

/** The numbers of a message, as those of a row. A window that is closed may have ended at any time: at one near the others. */
function load({ seq, topic, idemUntilMs, attempt, epoch, redrives, oldestSettled }: Message): void {
  found.topic = topic.number;
  found.seq = seq;
  found.tsMs = parts.tsMs;
  found.untilMs = idemUntilMs === 0 ? found.tsMs - segment.aheadMs : idemUntilMs;
  found.shard = parts.shard;
  found.randomHigh = parts.randomHigh;
  found.randomLow = parts.randomLow;
  found.epoch = epoch;
  found.attempt = attempt;
  found.redrives = redrives;
  found.settled = 0;
  found.forgotten = 0;
  for (let entry = oldestSettled; entry !== null; entry = entry.next) found.settled++;
}

function flagsOf({ state, idemUntilMs, deadReason }: Message): number {
  const reason = deadReason === null ? 0 : DEAD_REASONS.indexOf(deadReason) + 1;
  const random = found.randomHigh >> 2;
  return (state === 'purged' ? PURGED : 0) | (idemUntilMs === 0 ? 0 : OPEN) | (reason << REASON) | (random << RANDOM);
}

function areNear(oldest: Settled | null): boolean {
  for (let entry = oldest; entry !== null; entry = entry.next)
    if (!numbers.isInt(entry.untilMs - segment.untilMs)) return false;
  return true;
}

function putSettled({ receipt, verb, state, untilMs }: Settled, far: boolean): void {
  const from = text.at;
  if (far) segment.view.setFloat64(from + 1, untilMs);
  else segment.view.setInt32(from + 1, untilMs - segment.untilMs);
  text.at = from + 1 + (far ? FAR_UNTIL_BYTES : NEAR_UNTIL_BYTES);
  const how = text.pack(receipt, 'token');
  text.bytes[from] = how | (verb === 'nack' ? NACK : 0) | (STATES.indexOf(state) << STATE);
}

function takeUntilMs(): number {
  const { view, untilMs } = segment;
  const from = text.at;
  text.at += isFar() ? FAR_UNTIL_BYTES : NEAR_UNTIL_BYTES;
  return isFar() ? view.getFloat64(from) : view.getInt32(from) + untilMs;
}

function skipSettled(): void {
  const how = text.bytes[text.at++]! & 3;
  text.at += isFar() ? FAR_UNTIL_BYTES : NEAR_UNTIL_BYTES;
  text.at += packedLength(text.bytes, text.at, how, 'token');
}
