import { STATES, type State } from '../../spec/vocabulary.ts';
import { type MessageFields, type MessageImage, PLACES } from '../core/image.ts';
import type { Reader, Writer } from './bytes.ts';
import { anyOf, Choice, FLAG } from './field-types.ts';
import { FIELDS as F, MESSAGE_FIELDS as M } from './fields.ts';
import { APART, REASON, readAttrs, readPayload, writeAttrs, writePayload } from './record-parts.ts';

const AT = anyOf('at', PLACES);
const STATE = new Choice<State>('state', STATES, STATES.slice(STATES.indexOf('queued')));

/** Each field as it is written: the compiler asks for all of them. */
type Written = Record<Exclude<keyof MessageFields, 'payload'>, void>;

/** One literal, whose fields are written in this order. */
export function writeMessage(w: Writer, { message: m, topic, at }: MessageImage, apart: boolean): void {
  F.topic.write(w, topic);
  AT.write(w, at);
  ({
    msgId: F.msgId.write(w, m.msgId),
    slot: F.slot.write(w, m.slot),
    seq: M.seq.write(w, m.seq),
    idemKey: F.idemKey.write(w, m.idemKey),
    payloadHash: w.hash(m.payloadHash),
    hashChain: w.hash(m.hashChain),
    attrs: writeAttrs(w, m.attrs),
    corrId: F.corrId.write(w, m.corrId),
    state: STATE.write(w, m.state),
    attempt: M.attempt.write(w, m.attempt),
    epoch: M.epoch.write(w, m.epoch),
    redrives: M.redrives.write(w, m.redrives),
    releases: M.releases.write(w, m.releases),
    receipt: F.receipt.writeOptional(w, m.receipt),
    visibilityMs: M.visibilityMs.write(w, m.visibilityMs),
    deadReason: REASON.write(w, m.deadReason),
    lastError: F.lastError.writeOptional(w, m.lastError),
    ageNumber: M.ageNumber.write(w, m.ageNumber),
    place: M.place.write(w, m.place),
    ttlPlace: M.ttlPlace.write(w, m.ttlPlace),
    timerAtMs: M.timerAtMs.write(w, m.timerAtMs),
    leaseEndsMs: M.leaseEndsMs.write(w, m.leaseEndsMs),
    ttlAtMs: M.ttlAtMs.write(w, m.ttlAtMs),
    readyAtMs: M.readyAtMs.write(w, m.readyAtMs),
    idemUntilMs: F.idemUntilMs.write(w, m.idemUntilMs),
    deadAtMs: M.deadAtMs.write(w, m.deadAtMs),
  }) satisfies Written;
  if (apart) return;
  FLAG.write(w, m.payload !== null);
  if (m.payload !== null) writePayload(w, m.payload);
}

/** As one literal too, in the order in which they are written. */
export function readMessage(r: Reader, apart: boolean): MessageImage {
  const topic = F.topic.read(r);
  const at = AT.read(r);
  const message: MessageFields = {
    msgId: F.msgId.read(r),
    slot: F.slot.read(r),
    seq: M.seq.read(r),
    idemKey: F.idemKey.read(r),
    payloadHash: r.hash(),
    hashChain: r.hash(),
    attrs: readAttrs(r),
    corrId: F.corrId.read(r),
    state: STATE.read(r),
    attempt: M.attempt.read(r),
    epoch: M.epoch.read(r),
    redrives: M.redrives.read(r),
    releases: M.releases.read(r),
    receipt: F.receipt.readOptional(r),
    visibilityMs: M.visibilityMs.read(r),
    deadReason: REASON.read(r),
    lastError: F.lastError.readOptional(r),
    ageNumber: M.ageNumber.read(r),
    place: M.place.read(r),
    ttlPlace: M.ttlPlace.read(r),
    timerAtMs: M.timerAtMs.read(r),
    leaseEndsMs: M.leaseEndsMs.read(r),
    ttlAtMs: M.ttlAtMs.read(r),
    readyAtMs: M.readyAtMs.read(r),
    idemUntilMs: F.idemUntilMs.read(r),
    deadAtMs: M.deadAtMs.read(r),
    payload: apart ? APART : FLAG.read(r) ? readPayload(r) : null,
  };
  return { name: 'message', message, topic, at };
}
