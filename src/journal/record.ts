import { PURGE_REASONS, STATES, type State } from '../../spec/vocabulary.ts';
import type { Fact, Nacked, Sent } from '../core/facts.ts';
import type { Image, MessageImage } from '../core/image.ts';
import type { Limits } from '../core/limits.ts';
import type { Batch, ProcessFact } from '../ports.ts';
import { BytesError, type Reader, type Writer } from './bytes.ts';
import { FILE_HEADER_BYTES } from './layout.ts';
import { readMessage, writeMessage } from './record-message.ts';
import {
  APART,
  indexOf,
  oneOf,
  readAttrs,
  readLimits,
  readSlots,
  reasonOf,
  writeAttrs,
  writeLimits,
} from './record-parts.ts';

/**
 * Records: what frames carry. Each is its kind (u8), its shard (u16, PROCESS for none), the length of its body (u32), its body.
 * Kinds are append-only and their bodies never change: what is new gets a new kind, and yesterday's files open.
 */
export const KINDS = {
  sent: 1,
  /** A send whose payload is in a file of its own. */
  sent_apart: 2,
  received: 3,
  acked: 4,
  nacked: 5,
  extended: 6,
  released: 7,
  expired: 8,
  reprocessed: 9,
  purged: 10,
  recovered: 11,
  started: 32,
  limited: 33,
  revoked: 34,
  charged: 35,
  shard: 64,
  free_slots: 65,
  message: 66,
  /** A message whose payload is in a file of its own. */
  message_apart: 67,
  settled: 68,
  head: 96,
  end: 97,
  /** The head of a snapshot that ends within a segment. */
  head_within: 98,
} as const;
const NAME_OF = new Map(Object.entries(KINDS).map(([name, kind]) => [kind as number, name as keyof typeof KINDS]));
const PROCESS = 0xffff;
const PREFIX_BYTES = 7;

/** The first record of a snapshot: what it holds everything up to. */
export interface Head {
  readonly name: 'head';
  readonly sequence: number;
  readonly epoch: number;
  /** Hash of the frame with this sequence, 64 hex digits. */
  readonly hash: string;
  /** Where the log goes on after it: this segment, */
  readonly segment: number;
  /** from this place on. */
  readonly at: number;
  readonly shards: number;
  readonly limits: Limits;
}
/** The last record of a snapshot: it is whole. */
export interface End {
  readonly name: 'end';
  readonly records: number;
}
export type Item = Fact | ProcessFact | Image | Head | End;
/** One record; shard null for those of the process. */
export interface Entry {
  readonly shard: number | null;
  readonly item: Item;
}

export function writeBatch(w: Writer, batch: Batch, isApart: (fact: Sent) => boolean): void {
  if (batch.shard === null) for (const fact of batch.facts) writeRecord(w, null, fact, false);
  else {
    for (const fact of batch.facts) writeRecord(w, batch.shard, fact, fact.name === 'sent' && isApart(fact));
  }
}

export function writeRecord(w: Writer, shard: number | null, item: Item, apart = false): void {
  const start = w.length;
  w.u8(KINDS[kindOf(item, apart)]);
  w.u16(shard ?? PROCESS);
  w.u32(0);
  write(w, item, apart);
  w.u32At(start + 3, w.length - start - PREFIX_BYTES);
}

function kindOf(item: Item, apart: boolean): keyof typeof KINDS {
  if (item.name === 'head' && item.at !== FILE_HEADER_BYTES) return 'head_within';
  return apart ? `${item.name as 'sent' | 'message'}_apart` : item.name;
}

/** @throws BytesError for what is no record of this version */
export function readRecord(r: Reader): Entry {
  const kind = r.u8();
  const shard = r.u16();
  const end = r.u32() + r.at;
  const name = NAME_OF.get(kind);
  if (name === undefined) throw new BytesError(`record of kind ${kind}, which this version does not know`);
  const item = read(r, name);
  if (r.at !== end) throw new BytesError(`record ${name} is not as long as it says`);
  return { shard: shard === PROCESS ? null : shard, item };
}

function write(w: Writer, item: Item, apart: boolean): void {
  switch (item.name) {
    case 'sent':
      return writeSent(w, item, apart);
    case 'received':
      w.f64(item.atMs);
      w.text(item.msgId);
      w.text(item.receipt);
      w.f64(item.visibilityMs);
      w.f64(item.leaseEndsMs);
      return;
    case 'acked':
      w.f64(item.atMs);
      w.text(item.msgId);
      w.f64(item.settledUntilMs);
      return;
    case 'nacked':
      writeReturned(w, item);
      w.f64(item.settledUntilMs);
      return;
    case 'extended':
      w.f64(item.atMs);
      w.text(item.msgId);
      w.f64(item.visibilityMs);
      return;
    case 'released':
      writeReturned(w, item);
      w.u8(item.counted ? 1 : 0);
      return;
    case 'expired':
      return writeReturned(w, item);
    case 'reprocessed':
      w.f64(item.atMs);
      w.text(item.msgId);
      return;
    case 'purged':
      w.f64(item.atMs);
      w.text(item.msgId);
      w.hash(item.payloadHash);
      w.hash(item.hashChain);
      w.u8(PURGE_REASONS.indexOf(item.reason));
      return;
    case 'recovered':
      w.f64(item.atMs);
      return;
    case 'message':
      return writeMessage(w, item, apart);
    default:
      return writeRest(w, item);
  }
}

function writeRest(w: Writer, item: Exclude<Item, Fact | MessageImage>): void {
  switch (item.name) {
    case 'started':
      w.f64(item.atMs);
      w.f64(item.epoch);
      w.u16(item.shards);
      return writeLimits(w, item.limits);
    case 'limited':
      return writeLimits(w, item.limits);
    case 'revoked':
      w.u8(item.kind === 'nonce' ? 0 : 1);
      w.text(item.value);
      w.f64(item.atMs);
      return;
    case 'charged':
      w.text(item.nonce);
      w.text(item.line);
      w.f64(item.used);
      w.f64(item.endMs);
      w.f64(item.windowMs);
      return;
    case 'shard':
      w.f64(item.nowMs);
      w.f64(item.lastSeq);
      w.f64(item.lastNumber);
      w.u32(item.slots);
      return;
    case 'free_slots':
      w.u32(item.slots.length);
      for (const slot of item.slots) w.u32(slot);
      return;
    case 'settled':
      w.u32(item.slot);
      w.text(item.receipt);
      w.u8(item.verb === 'ack' ? 0 : 1);
      w.u8(STATES.indexOf(item.state));
      w.f64(item.untilMs);
      return;
    case 'head':
      w.f64(item.sequence);
      w.f64(item.epoch);
      w.text(item.hash);
      w.f64(item.segment);
      w.u16(item.shards);
      writeLimits(w, item.limits);
      if (item.at !== FILE_HEADER_BYTES) w.f64(item.at);
      return;
    case 'end':
      w.f64(item.records);
  }
}

function read(r: Reader, name: keyof typeof KINDS): Item {
  switch (name) {
    case 'sent':
      return readSent(r, false);
    case 'sent_apart':
      return readSent(r, true);
    case 'received':
      return {
        name,
        atMs: r.f64(),
        msgId: r.text(),
        receipt: r.text(),
        visibilityMs: r.f64(),
        leaseEndsMs: r.f64(),
      };
    case 'acked':
      return { name, atMs: r.f64(), msgId: r.text(), settledUntilMs: r.f64() };
    case 'nacked':
      return { name, ...readReturned(r), settledUntilMs: r.f64() };
    case 'extended':
      return { name, atMs: r.f64(), msgId: r.text(), visibilityMs: r.f64() };
    case 'released':
      return { name, ...readReturned(r), counted: r.u8() !== 0 };
    case 'expired':
      return { name, ...readReturned(r) };
    case 'reprocessed':
      return { name, atMs: r.f64(), msgId: r.text() };
    case 'purged':
      return {
        name,
        atMs: r.f64(),
        msgId: r.text(),
        payloadHash: r.hash(),
        hashChain: r.hash(),
        reason: oneOf(PURGE_REASONS, r.u8()),
      };
    case 'recovered':
      return { name, atMs: r.f64() };
    case 'message':
      return readMessage(r, false);
    case 'message_apart':
      return readMessage(r, true);
    default:
      return readRest(r, name);
  }
}

type RestName = Exclude<Item, Fact | MessageImage>['name'] | 'head_within';

function readRest(r: Reader, name: RestName): Item {
  switch (name) {
    case 'started':
      return { name, atMs: r.f64(), epoch: r.f64(), shards: r.u16(), limits: readLimits(r) };
    case 'limited':
      return { name, limits: readLimits(r) };
    case 'revoked':
      return { name, kind: r.u8() === 0 ? 'nonce' : 'key_id', value: r.text(), atMs: r.f64() };
    case 'charged':
      return { name, nonce: r.text(), line: r.text(), used: r.f64(), endMs: r.f64(), windowMs: r.f64() };
    case 'shard':
      return { name, nowMs: r.f64(), lastSeq: r.f64(), lastNumber: r.f64(), slots: r.u32() };
    case 'free_slots':
      return { name, slots: readSlots(r) };
    case 'settled':
      return {
        name,
        slot: r.u32(),
        receipt: r.text(),
        verb: r.u8() === 0 ? 'ack' : 'nack',
        state: oneOf(STATES, r.u8()),
        untilMs: r.f64(),
      };
    case 'head':
      return { ...readHead(r), at: FILE_HEADER_BYTES };
    case 'head_within':
      return { ...readHead(r), at: r.f64() };
    case 'end':
      return { name, records: r.f64() };
  }
}

const readHead = (r: Reader): Omit<Head, 'at'> => ({
  name: 'head',
  sequence: r.f64(),
  epoch: r.f64(),
  hash: r.text(),
  segment: r.f64(),
  shards: r.u16(),
  limits: readLimits(r),
});

function writeSent(w: Writer, fact: Sent, apart: boolean): void {
  w.f64(fact.atMs);
  w.text(fact.msgId);
  w.text(fact.topic);
  w.text(fact.idemKey);
  w.hash(fact.payloadHash);
  w.hash(fact.hashChain);
  writeAttrs(w, fact.attrs);
  w.text(fact.corrId);
  w.f64(fact.notBeforeMs);
  w.f64(fact.ttlAtMs);
  w.f64(fact.idemUntilMs);
  if (!apart) w.blob(fact.payload);
}

function readSent(r: Reader, apart: boolean): Sent {
  return {
    name: 'sent',
    atMs: r.f64(),
    msgId: r.text(),
    topic: r.text(),
    idemKey: r.text(),
    payloadHash: r.hash(),
    hashChain: r.hash(),
    attrs: readAttrs(r),
    corrId: r.text(),
    notBeforeMs: r.f64(),
    ttlAtMs: r.f64(),
    idemUntilMs: r.f64(),
    payload: apart ? APART : r.blob(),
  };
}

type Returned = Omit<Nacked, 'name' | 'settledUntilMs'>;

function writeReturned(w: Writer, fact: Returned): void {
  w.f64(fact.atMs);
  w.text(fact.msgId);
  w.u8(STATES.indexOf(fact.to));
  w.f64(fact.notBeforeMs);
  w.u8(indexOf(fact.reason));
  w.optionalText(fact.lastError);
}

function readReturned(r: Reader): Returned {
  return {
    atMs: r.f64(),
    msgId: r.text(),
    to: oneOf<State>(STATES, r.u8()) as Returned['to'],
    notBeforeMs: r.f64(),
    reason: reasonOf(r.u8()),
    lastError: r.optionalText(),
  };
}
