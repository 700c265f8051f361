import { STATES } from '../../spec/vocabulary.ts';
import { type MessageFields, type MessageImage, PLACES } from '../core/image.ts';
import type { Reader, Writer } from './bytes.ts';
import { APART, indexOf, oneOf, readAttrs, reasonOf, writeAttrs } from './record-parts.ts';

export function writeMessage(w: Writer, { message: m, topic, at }: MessageImage, apart: boolean): void {
  w.text(topic);
  w.u8(PLACES.indexOf(at));
  w.text(m.msgId);
  w.u32(m.slot);
  w.f64(m.seq);
  w.text(m.idemKey);
  w.hash(m.payloadHash);
  w.hash(m.hashChain);
  writeAttrs(w, m.attrs);
  w.text(m.corrId);
  w.u8(STATES.indexOf(m.state));
  w.u32(m.attempt);
  w.f64(m.epoch);
  w.u32(m.redrives);
  w.u32(m.releases);
  w.optionalText(m.receipt);
  w.f64(m.visibilityMs);
  w.u8(indexOf(m.deadReason));
  w.optionalText(m.lastError);
  w.f64(m.ageNumber);
  w.f64(m.place);
  w.f64(m.ttlPlace);
  w.f64(m.timerAtMs);
  w.f64(m.leaseEndsMs);
  w.f64(m.ttlAtMs);
  w.f64(m.readyAtMs);
  w.f64(m.idemUntilMs);
  w.f64(m.deadAtMs);
  if (apart) return;
  w.u8(m.payload === null ? 0 : 1);
  if (m.payload !== null) w.blob(m.payload);
}

/** One literal, whose fields are read in the order in which they are written. */
export function readMessage(r: Reader, apart: boolean): MessageImage {
  const topic = r.text();
  const at = oneOf(PLACES, r.u8());
  const message: MessageFields = {
    msgId: r.text(),
    slot: r.u32(),
    seq: r.f64(),
    idemKey: r.text(),
    payloadHash: r.hash(),
    hashChain: r.hash(),
    attrs: readAttrs(r),
    corrId: r.text(),
    state: oneOf(STATES, r.u8()),
    attempt: r.u32(),
    epoch: r.f64(),
    redrives: r.u32(),
    releases: r.u32(),
    receipt: r.optionalText(),
    visibilityMs: r.f64(),
    deadReason: reasonOf(r.u8()),
    lastError: r.optionalText(),
    ageNumber: r.f64(),
    place: r.f64(),
    ttlPlace: r.f64(),
    timerAtMs: r.f64(),
    leaseEndsMs: r.f64(),
    ttlAtMs: r.f64(),
    readyAtMs: r.f64(),
    idemUntilMs: r.f64(),
    deadAtMs: r.f64(),
    payload: apart ? APART : r.u8() === 0 ? null : r.blob(),
  };
  return { name: 'message', message, topic, at };
}
