import { PURGE_REASONS, STATES, type State } from '../../spec/vocabulary.ts';
import type { Acked, Fact, Nacked, Purged, Sent } from '../core/facts.ts';
import type { Image, MessageImage } from '../core/image.ts';
import type { Limits } from '../core/limits.ts';
import type { Batch } from '../ports/journal.ts';
import type { Charged, ProcessFact } from '../ports/process-facts.ts';
import { BytesError, type Reader, type Writer } from './bytes.ts';
import { anyOf, Choice, FLAG } from './field-types.ts';
import { FIELDS as F, SHARDS_MAX } from './fields.ts';
import { FILE_HEADER_BYTES } from './layout.ts';
import { readMessage, writeMessage } from './record-message.ts';
import {
  APART,
  REASON,
  readAttrs,
  readLimits,
  readPayload,
  readSlots,
  writeAttrs,
  writeLimits,
  writePayload,
  writeSlots,
} from './record-parts.ts';
import { readBegun, readWent, writeBegun, writeWent } from './record-redrive.ts';

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
  clocks: 36,
  /** One that says the chain it counts on. */
  charged_link: 37,
  barred: 38,
  told: 39,
  redrive_begun: 40,
  redrive_went: 41,
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
/** Kinds of the process, and those that begin and end a snapshot, belong to no shard; all others do. */
const OF_PROCESS: ReadonlySet<string> = new Set([
  ...[
    'started',
    'limited',
    'revoked',
    'charged',
    'clocks',
    'charged_link',
    'barred',
    'told',
    'redrive_begun',
    'redrive_went',
  ],
  ...['head', 'head_within', 'end'],
]);

/** Where a message goes that comes back, and where a lease that was settled left it. */
const TO = new Choice<Returned['to']>('to', STATES, ['queued', 'redelivered', 'dead_lettered']);
const LEFT = new Choice<State>('state', STATES, ['queued', 'redelivered', 'dead_lettered', 'acked']);
const PURGE_REASON = anyOf('reason', PURGE_REASONS);
const VERB = anyOf('verb', ['ack', 'nack'] as const);
const REVOKED_KIND = anyOf('kind', ['nonce', 'key_id'] as const);

/** The first record of a snapshot: what it holds everything up to. */
export interface Head {
  readonly name: 'head';
  readonly sequence: number;
  readonly term: number;
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
/** What happened to a shard. */
export const isFact = ({ name }: Item): boolean => KINDS[name] <= KINDS.recovered;
/** With this its message is no more. */
export const isEnd = (fact: Fact): fact is Acked | Purged => fact.name === 'acked' || fact.name === 'purged';
/** What happened to the process. */
export const isProcessFact = (item: Item): item is ProcessFact =>
  KINDS[item.name] >= KINDS.started && KINDS[item.name] <= KINDS.redrive_went;
/** A part of a shard in a snapshot. */
export const isImage = (item: Item): item is Image =>
  KINDS[item.name] >= KINDS.shard && KINDS[item.name] <= KINDS.settled;

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
  if (apart) return `${item.name as 'sent' | 'message'}_apart`;
  return item.name === 'charged' && item.chain !== undefined ? 'charged_link' : item.name;
}

/** @throws BytesError for what is no record of this version, naming the first field that no decision can have made */
export function readRecord(r: Reader): Entry {
  const kind = r.u8();
  const shard = r.u16();
  const bytes = r.u32();
  const name = NAME_OF.get(kind);
  if (name === undefined) throw new BytesError(`record of kind ${kind}, which this version does not know`);
  if (OF_PROCESS.has(name) ? shard !== PROCESS : shard >= SHARDS_MAX)
    throw new BytesError(`${name}: of shard ${shard}`);
  const end = r.at + bytes;
  if (end > r.end) throw new BytesError(`${name}: ends early`);
  let item: Item;
  try {
    item = read(r, name);
  } catch (error) {
    throw error instanceof BytesError ? new BytesError(`${name}: ${error.message}`) : error;
  }
  if (r.at !== end) throw new BytesError(`${name}: not as long as it says`);
  return { shard: shard === PROCESS ? null : shard, item };
}

function write(w: Writer, item: Item, apart: boolean): void {
  switch (item.name) {
    case 'sent':
      return writeSent(w, item, apart);
    case 'received':
      F.atMs.write(w, item.atMs);
      F.msgId.write(w, item.msgId);
      F.receipt.write(w, item.receipt);
      F.visibilityMs.write(w, item.visibilityMs);
      F.leaseEndsMs.write(w, item.leaseEndsMs);
      return;
    case 'acked':
      F.atMs.write(w, item.atMs);
      F.msgId.write(w, item.msgId);
      F.settledUntilMs.write(w, item.settledUntilMs);
      return;
    case 'nacked':
      writeReturned(w, item);
      F.settledUntilMs.write(w, item.settledUntilMs);
      return;
    case 'extended':
      F.atMs.write(w, item.atMs);
      F.msgId.write(w, item.msgId);
      F.visibilityMs.write(w, item.visibilityMs);
      return;
    case 'released':
      writeReturned(w, item);
      FLAG.write(w, item.counted);
      return;
    case 'expired':
      return writeReturned(w, item);
    case 'reprocessed':
      F.atMs.write(w, item.atMs);
      F.msgId.write(w, item.msgId);
      return;
    case 'purged':
      F.atMs.write(w, item.atMs);
      F.msgId.write(w, item.msgId);
      w.hash(item.payloadHash);
      w.hash(item.hashChain);
      PURGE_REASON.write(w, item.reason);
      return;
    case 'recovered':
      F.atMs.write(w, item.atMs);
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
      F.atMs.write(w, item.atMs);
      F.term.write(w, item.term);
      F.shards.write(w, item.shards);
      return writeLimits(w, item.limits);
    case 'limited':
      return writeLimits(w, item.limits);
    case 'revoked':
      REVOKED_KIND.write(w, item.kind);
      F.value.write(w, item.value);
      F.atMs.write(w, item.atMs);
      return;
    case 'charged':
      if (item.chain !== undefined) F.chain.write(w, item.chain);
      F.nonce.write(w, item.nonce);
      F.line.write(w, item.line);
      F.used.write(w, item.used);
      F.endMs.write(w, item.endMs);
      F.windowMs.write(w, item.windowMs);
      return;
    case 'clocks':
      F.serviceMs.write(w, item.serviceMs);
      F.wallMs.write(w, item.wallMs);
      return;
    case 'barred':
      F.chain.write(w, item.chain);
      F.nonce.write(w, item.nonce);
      F.endMs.write(w, item.endMs);
      F.windowMs.write(w, item.windowMs);
      return;
    case 'told':
      F.facts.write(w, item.facts);
      F.startedMs.write(w, item.startedMs);
      return;
    case 'redrive_begun':
      return writeBegun(w, item);
    case 'redrive_went':
      return writeWent(w, item);
    case 'shard':
      F.nowMs.write(w, item.nowMs);
      F.lastSeq.write(w, item.lastSeq);
      F.lastNumber.write(w, item.lastNumber);
      F.slots.write(w, item.slots);
      return;
    case 'free_slots':
      return writeSlots(w, item.slots);
    case 'settled':
      F.slot.write(w, item.slot);
      F.receipt.write(w, item.receipt);
      VERB.write(w, item.verb);
      LEFT.write(w, item.state);
      F.untilMs.write(w, item.untilMs);
      return;
    case 'head':
      F.sequence.write(w, item.sequence);
      F.headTerm.write(w, item.term);
      F.hash.write(w, item.hash);
      F.segment.write(w, item.segment);
      F.shards.write(w, item.shards);
      writeLimits(w, item.limits);
      if (item.at !== FILE_HEADER_BYTES) F.at.write(w, item.at);
      return;
    case 'end':
      F.records.write(w, item.records);
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
        atMs: F.atMs.read(r),
        msgId: F.msgId.read(r),
        receipt: F.receipt.read(r),
        visibilityMs: F.visibilityMs.read(r),
        leaseEndsMs: F.leaseEndsMs.read(r),
      };
    case 'acked':
      return { name, atMs: F.atMs.read(r), msgId: F.msgId.read(r), settledUntilMs: F.settledUntilMs.read(r) };
    case 'nacked':
      return { name, ...readReturned(r), settledUntilMs: F.settledUntilMs.read(r) };
    case 'extended':
      return { name, atMs: F.atMs.read(r), msgId: F.msgId.read(r), visibilityMs: F.visibilityMs.read(r) };
    case 'released':
      return { name, ...readReturned(r), counted: FLAG.read(r) };
    case 'expired':
      return { name, ...readReturned(r) };
    case 'reprocessed':
      return { name, atMs: F.atMs.read(r), msgId: F.msgId.read(r) };
    case 'purged':
      return {
        name,
        atMs: F.atMs.read(r),
        msgId: F.msgId.read(r),
        payloadHash: r.hash(),
        hashChain: r.hash(),
        reason: PURGE_REASON.read(r),
      };
    case 'recovered':
      return { name, atMs: F.atMs.read(r) };
    case 'message':
      return readMessage(r, false);
    case 'message_apart':
      return readMessage(r, true);
    case 'charged_link':
      return { chain: F.chain.read(r), ...readCharged(r) };
    default:
      return readRest(r, name);
  }
}

type RestName = Exclude<Item, Fact | MessageImage>['name'] | 'head_within';

function readRest(r: Reader, name: RestName): Item {
  switch (name) {
    case 'started':
      return {
        name,
        atMs: F.atMs.read(r),
        term: F.term.read(r),
        shards: F.shards.read(r),
        limits: readLimits(r),
      };
    case 'limited':
      return { name, limits: readLimits(r) };
    case 'revoked':
      return { name, kind: REVOKED_KIND.read(r), value: F.value.read(r), atMs: F.atMs.read(r) };
    case 'charged':
      return readCharged(r);
    case 'clocks':
      return { name, serviceMs: F.serviceMs.read(r), wallMs: F.wallMs.read(r) };
    case 'barred':
      return {
        name,
        chain: F.chain.read(r),
        nonce: F.nonce.read(r),
        endMs: F.endMs.read(r),
        windowMs: F.windowMs.read(r),
      };
    case 'told':
      return { name, facts: F.facts.read(r), startedMs: F.startedMs.read(r) };
    case 'redrive_begun':
      return readBegun(r);
    case 'redrive_went':
      return readWent(r);
    case 'shard':
      return {
        name,
        nowMs: F.nowMs.read(r),
        lastSeq: F.lastSeq.read(r),
        lastNumber: F.lastNumber.read(r),
        slots: F.slots.read(r),
      };
    case 'free_slots':
      return { name, slots: readSlots(r) };
    case 'settled':
      return {
        name,
        slot: F.slot.read(r),
        receipt: F.receipt.read(r),
        verb: VERB.read(r),
        state: LEFT.read(r),
        untilMs: F.untilMs.read(r),
      };
    case 'head':
      return { ...readHead(r), at: FILE_HEADER_BYTES };
    case 'head_within':
      return { ...readHead(r), at: F.at.read(r) };
    case 'end':
      return { name, records: F.records.read(r) };
  }
}

const readCharged = (r: Reader): Charged => ({
  name: 'charged',
  nonce: F.nonce.read(r),
  line: F.line.read(r),
  used: F.used.read(r),
  endMs: F.endMs.read(r),
  windowMs: F.windowMs.read(r),
});

const readHead = (r: Reader): Omit<Head, 'at'> => ({
  name: 'head',
  sequence: F.sequence.read(r),
  term: F.headTerm.read(r),
  hash: F.hash.read(r),
  segment: F.segment.read(r),
  shards: F.shards.read(r),
  limits: readLimits(r),
});

function writeSent(w: Writer, fact: Sent, apart: boolean): void {
  F.atMs.write(w, fact.atMs);
  F.msgId.write(w, fact.msgId);
  F.topic.write(w, fact.topic);
  F.idemKey.write(w, fact.idemKey);
  w.hash(fact.payloadHash);
  w.hash(fact.hashChain);
  writeAttrs(w, fact.attrs);
  F.corrId.write(w, fact.corrId);
  F.notBeforeMs.write(w, fact.notBeforeMs);
  F.ttlAtMs.write(w, fact.ttlAtMs);
  F.idemUntilMs.write(w, fact.idemUntilMs);
  if (!apart) writePayload(w, fact.payload);
}

function readSent(r: Reader, apart: boolean): Sent {
  return {
    name: 'sent',
    atMs: F.atMs.read(r),
    msgId: F.msgId.read(r),
    topic: F.topic.read(r),
    idemKey: F.idemKey.read(r),
    payloadHash: r.hash(),
    hashChain: r.hash(),
    attrs: readAttrs(r),
    corrId: F.corrId.read(r),
    notBeforeMs: F.notBeforeMs.read(r),
    ttlAtMs: F.ttlAtMs.read(r),
    idemUntilMs: F.idemUntilMs.read(r),
    payload: apart ? APART : readPayload(r),
  };
}

type Returned = Omit<Nacked, 'name' | 'settledUntilMs'>;

function writeReturned(w: Writer, fact: Returned): void {
  F.atMs.write(w, fact.atMs);
  F.msgId.write(w, fact.msgId);
  TO.write(w, fact.to);
  F.notBeforeMs.write(w, fact.notBeforeMs);
  REASON.write(w, fact.reason);
  F.lastError.writeOptional(w, fact.lastError);
}

function readReturned(r: Reader): Returned {
  return {
    atMs: F.atMs.read(r),
    msgId: F.msgId.read(r),
    to: TO.read(r),
    notBeforeMs: F.notBeforeMs.read(r),
    reason: REASON.read(r),
    lastError: F.lastError.readOptional(r),
  };
}
