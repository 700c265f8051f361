import { isUtf8 } from 'node:buffer';
import { u16At, u32At, u48At } from './numbers.ts';

/**
 * What units of version 2 ask for, behind their header and capability (`docs/protocol.md`: Frames, version 2): numbers at fixed places,
 * then texts whose lengths stand there, then the payload to the end of the frame. Numbers are big-endian; 0 stands for what is not given.
 *
 * It is read into what the same request is in JSON, so that one check is for both. Ranges and patterns are looked at there; here that
 * lengths fit together, and that nothing can be said in two ways.
 */
export const MSG_ID_BYTES = 26;
export const HASH_BYTES = 32;
const SEND_HEAD_BYTES = 18;
const RECV_HEAD_BYTES = 18;
const NACK_HEAD_BYTES = 32;
/** As many as one recv takes. */
const ACKS_MAX = 256;
/** Bits of a send: the hash of its payload is there. */
const HAS_HASH = 1;
/** Bits of a nack: what is there of it. */
const NACK_HAS = { reason: 1, retryAfter: 2, deadLetter: 4 } as const;
const NACK_KNOWN = 7;

/** What a unit asks for. */
export interface Said<Body> {
  /** As it is in JSON, but for attributes. */
  readonly body: Body;
  /** The attributes, which are JSON; empty without any. A view of the unit, like the payload. */
  readonly attrs: Buffer;
  readonly payload: Buffer;
}
/** What is wrong with it: the field and the limit. */
export type Fault = string;

export interface SendSaid {
  topic: string;
  idem_key: string;
  payload_hash?: string;
  delay_ms?: number;
  ttl_ms?: number;
}
export interface AckSaid {
  msg_id: string;
  receipt: string;
}
export interface RecvSaid {
  topic: string;
  max_messages?: number;
  max_bytes?: number;
  visibility_ms?: number;
  wait_ms?: number;
  acks?: AckSaid[];
}
export interface NackSaid extends AckSaid {
  reason?: string;
  retry_after_ms?: number;
  dead_letter?: boolean;
}

const NOTHING = Buffer.alloc(0);
const tooShort = (what: string, bytes: number): Fault => `${what}: at least ${bytes} bytes, in ver 2`;
const beyond = (field: string): Fault => `${field}: its length goes beyond the frame`;
const unused = (what: string): Fault => `${what}: a bit that it does not have, in ver 2`;
const alone = <Body>(body: Body): Said<Body> => ({ body, attrs: NOTHING, payload: NOTHING });

/** Of late: mostly the units of a body are of one topic, and as one text it is made, hashed and compared once. */
let lastTopic = '';

function topicAt(unit: Buffer, from: number, to: number): string {
  if (!isAt(lastTopic, unit, from, to)) lastTopic = unit.toString('latin1', from, to);
  return lastTopic;
}

function isAt(text: string, unit: Buffer, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== unit[from + i]) return false;
  return true;
}

/** `topic_len` u8, `key_len` u8, bits u16, `delay_ms` u32, `attrs_len` u32, `ttl_ms` u48; topic, key, hash, attributes, payload. */
export function readSend(unit: Buffer): Said<SendSaid> | Fault {
  if (unit.length < SEND_HEAD_BYTES) return tooShort('send', SEND_HEAD_BYTES);
  const bits = u16At(unit, 2);
  if ((bits & ~HAS_HASH) !== 0) return unused('send');
  const topicEnd = SEND_HEAD_BYTES + (unit[0] as number);
  if (topicEnd > unit.length) return beyond('topic');
  const keyEnd = topicEnd + (unit[1] as number);
  if (keyEnd > unit.length) return beyond('idem_key');
  const hashEnd = keyEnd + bits * HASH_BYTES;
  if (hashEnd > unit.length) return beyond('payload_hash');
  const attrsEnd = hashEnd + u32At(unit, 8);
  if (attrsEnd > unit.length) return beyond('attrs');
  const body: SendSaid = {
    topic: topicAt(unit, SEND_HEAD_BYTES, topicEnd),
    idem_key: unit.toString('latin1', topicEnd, keyEnd),
  };
  if (hashEnd > keyEnd) body.payload_hash = `b3:${unit.toString('hex', keyEnd, hashEnd)}`;
  const delayMs = u32At(unit, 4);
  if (delayMs > 0) body.delay_ms = delayMs;
  const ttlMs = u48At(unit, 12);
  if (ttlMs > 0) body.ttl_ms = ttlMs;
  return {
    body,
    attrs: attrsEnd > hashEnd ? unit.subarray(hashEnd, attrsEnd) : NOTHING,
    payload: unit.subarray(attrsEnd),
  };
}

/** `topic_len` u8, 0 u8, `max_messages` u16, `max_bytes` u32, `visibility_ms` u32, `wait_ms` u32, acks u16; topic, acks. */
export function readRecv(unit: Buffer): Said<RecvSaid> | Fault {
  if (unit.length < RECV_HEAD_BYTES) return tooShort('recv', RECV_HEAD_BYTES);
  if (unit[1] !== 0) return unused('recv');
  const topicEnd = RECV_HEAD_BYTES + (unit[0] as number);
  if (topicEnd > unit.length) return beyond('topic');
  const body: RecvSaid = { topic: topicAt(unit, RECV_HEAD_BYTES, topicEnd) };
  const messagesMax = u16At(unit, 2);
  if (messagesMax > 0) body.max_messages = messagesMax;
  const bytesMax = u32At(unit, 4);
  if (bytesMax > 0) body.max_bytes = bytesMax;
  const visibilityMs = u32At(unit, 8);
  if (visibilityMs > 0) body.visibility_ms = visibilityMs;
  const waitMs = u32At(unit, 12);
  if (waitMs > 0) body.wait_ms = waitMs;
  const acks = readAcks(unit, topicEnd, u16At(unit, 16));
  if (typeof acks === 'string') return acks;
  if (acks.length > 0) body.acks = acks;
  return alone(body);
}

/** Each `msg_id`, `receipt_len` u8, receipt; they fill the unit. */
function readAcks(unit: Buffer, from: number, count: number): AckSaid[] | Fault {
  if (count > ACKS_MAX) return `acks: at most ${ACKS_MAX}`;
  const acks: AckSaid[] = [];
  let at = from;
  for (let i = 0; i < count; i++) {
    const receiptAt = at + MSG_ID_BYTES + 1;
    if (receiptAt > unit.length) return beyond(`acks.${i}.msg_id`);
    const end = receiptAt + (unit[receiptAt - 1] as number);
    if (end > unit.length) return beyond(`acks.${i}.receipt`);
    acks.push({
      msg_id: unit.toString('latin1', at, at + MSG_ID_BYTES),
      receipt: unit.toString('latin1', receiptAt, end),
    });
    at = end;
  }
  return at === unit.length ? acks : 'acks: bytes after the last of them';
}

/** `msg_id`, receipt to the end. */
export function readAck(unit: Buffer): Said<AckSaid> | Fault {
  if (unit.length < MSG_ID_BYTES) return tooShort('ack', MSG_ID_BYTES);
  return alone({
    msg_id: unit.toString('latin1', 0, MSG_ID_BYTES),
    receipt: unit.toString('latin1', MSG_ID_BYTES),
  });
}

/** `msg_id`, `receipt_len` u8, bits u8, `retry_after_ms` u32; receipt, reason to the end. */
export function readNack(unit: Buffer): Said<NackSaid> | Fault {
  if (unit.length < NACK_HEAD_BYTES) return tooShort('nack', NACK_HEAD_BYTES);
  const bits = unit[27] as number;
  if ((bits & ~NACK_KNOWN) !== 0) return unused('nack');
  const receiptEnd = NACK_HEAD_BYTES + (unit[26] as number);
  if (receiptEnd > unit.length) return beyond('receipt');
  const body: NackSaid = {
    msg_id: unit.toString('latin1', 0, MSG_ID_BYTES),
    receipt: unit.toString('latin1', NACK_HEAD_BYTES, receiptEnd),
  };
  const retryAfterMs = u32At(unit, 28);
  if ((bits & NACK_HAS.retryAfter) !== 0) body.retry_after_ms = retryAfterMs;
  else if (retryAfterMs > 0) return 'retry_after_ms: there, and its bit is not';
  const reason = unit.subarray(receiptEnd);
  if ((bits & NACK_HAS.reason) !== 0) {
    if (!isUtf8(reason)) return 'reason: not valid UTF-8';
    body.reason = reason.toString();
  } else if (reason.length > 0) return 'reason: there, and its bit is not';
  if ((bits & NACK_HAS.deadLetter) !== 0) body.dead_letter = true;
  return alone(body);
}
