import { PURGE_REASONS, STATES } from '../../spec/vocabulary.ts';
import type { Fact, Nacked, Sent } from '../core/facts.ts';
import type { Reader, Writer } from './bytes.ts';
import { anyOf, Choice, FLAG } from './field-types.ts';
import { FIELDS as F } from './fields.ts';
import { APART, REASON, readAttrs, readPayload, writeAttrs, writePayload } from './record-parts.ts';

/** Where a message goes that comes back. */
const TO = new Choice<Returned['to']>('to', STATES, ['queued', 'redelivered', 'dead_lettered']);
const PURGE_REASON = anyOf('reason', PURGE_REASONS);

/** A fact of a message or of its shard; `apart`: without its payload, which is in a store of its own. */
export function writeFact(w: Writer, item: Fact, apart: boolean): void {
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
  }
}

export function readFact(r: Reader, name: Fact['name'] | 'sent_apart'): Fact {
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
  }
}

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
