import { bytesOfHex, hexOf, textOf, utf8 } from './bytes.ts';
import { objectIn } from './error.ts';
import type { AckResult, FrameEnvelope, Lease, Sent } from './types.ts';

/**
 * What units of version 2 say behind their header, as a client writes and reads it (`docs/protocol.md`: Frames, version 2), without
 * `Buffer`. The server's own reading of what is asked is in `src/wire/binary.ts`.
 */
const MSG_ID_BYTES = 26;
const CORR_ID_BYTES = 36;
const HASH_BYTES = 32;
const SEND_HEAD_BYTES = 18;
const RECV_HEAD_BYTES = 18;
const ENVELOPE_HEAD_BYTES = 25 + MSG_ID_BYTES + CORR_ID_BYTES + 2 * HASH_BYTES;
const U8_MAX = 0xff;
const U16_MAX = 0xffff;
const U32_MAX = 0xffff_ffff;
const U48_MAX = 2 ** 48 - 1;
const HASH = /^b3:[0-9a-f]{64}$/;
const NOTHING = new Uint8Array();

type Fields = Readonly<Record<string, unknown>>;

/** The bytes of an ASCII text that a length of one byte can tell, or null. */
function ascii(value: unknown, bytesMax = U8_MAX): Uint8Array | null {
  if (typeof value !== 'string' || value.length > bytesMax) return null;
  const bytes = utf8(value);
  return bytes.length === value.length ? bytes : null;
}

/** A number as it stands there, 0 where it is not given; null where it is given as what cannot be told from that. */
function number(value: unknown, max: number, isZeroNone = false): number | null {
  if (value === undefined) return 0;
  const least = isZeroNone ? 0 : 1;
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= max ? (value as number) : null;
}

/** Whether it has no fields but these. */
const isOnly = (json: object, names: readonly string[]): boolean =>
  Object.keys(json).every((name) => names.includes(name));

function setU48(view: DataView, at: number, value: number): void {
  view.setUint16(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 2, value % 2 ** 32);
}

const u48At = (view: DataView, at: number): number => view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);

const SENDING = ['topic', 'idem_key', 'attrs', 'payload_hash', 'delay_ms', 'ttl_ms'];

/** The bytes of a send before its payload; null for what only JSON can say, and the server will refuse. */
export function sendHeadOf(json: object): readonly Uint8Array[] | null {
  const { topic, idem_key, attrs, payload_hash, delay_ms, ttl_ms } = json as Fields;
  const texts = [ascii(topic), ascii(idem_key)];
  const delayMs = number(delay_ms, U32_MAX, true);
  const ttlMs = number(ttl_ms, U48_MAX);
  const [topicBytes, keyBytes] = texts;
  if (topicBytes == null || keyBytes == null || delayMs === null || ttlMs === null || !isOnly(json, SENDING))
    return null;
  if (payload_hash !== undefined && (typeof payload_hash !== 'string' || !HASH.test(payload_hash))) return null;
  const hash = payload_hash === undefined ? NOTHING : bytesOfHex(payload_hash.slice(3));
  const attrsBytes = attrs === undefined ? NOTHING : utf8(JSON.stringify(attrs));
  const head = new DataView(new ArrayBuffer(SEND_HEAD_BYTES));
  head.setUint8(0, topicBytes.length);
  head.setUint8(1, keyBytes.length);
  head.setUint16(2, hash.length > 0 ? 1 : 0);
  head.setUint32(4, delayMs);
  head.setUint32(8, attrsBytes.length);
  setU48(head, 12, ttlMs);
  return [new Uint8Array(head.buffer), topicBytes, keyBytes, hash, attrsBytes];
}

const RECEIVING = ['topic', 'visibility_ms', 'max_messages', 'max_bytes', 'wait_ms', 'acks'];

/** The bytes of a recv; null for what only JSON can say. */
export function recvOf(json: object): readonly Uint8Array[] | null {
  const { topic, visibility_ms, max_messages, max_bytes, wait_ms, acks = [] } = json as Fields;
  const topicBytes = ascii(topic);
  const [most, bytesMax] = [number(max_messages, U16_MAX), number(max_bytes, U32_MAX)];
  const [visibilityMs, waitMs] = [number(visibility_ms, U32_MAX), number(wait_ms, U32_MAX, true)];
  if (topicBytes === null || most === null || bytesMax === null || visibilityMs === null || waitMs === null)
    return null;
  if (!Array.isArray(acks) || acks.length > U16_MAX || !isOnly(json, RECEIVING)) return null;
  const pieces = acks.map(ackItemOf);
  if (pieces.includes(null)) return null;
  const head = new DataView(new ArrayBuffer(RECV_HEAD_BYTES));
  head.setUint8(0, topicBytes.length);
  head.setUint16(2, most);
  head.setUint32(4, bytesMax);
  head.setUint32(8, visibilityMs);
  head.setUint32(12, waitMs);
  head.setUint16(16, acks.length);
  return [new Uint8Array(head.buffer), topicBytes, ...(pieces as Uint8Array[])];
}

function ackItemOf({ msg_id, receipt, ...more }: Lease): Uint8Array | null {
  const [id, proof] = [ascii(msg_id), ascii(receipt)];
  if (id === null || proof === null || id.length !== MSG_ID_BYTES || Object.keys(more).length > 0) return null;
  const item = new Uint8Array(MSG_ID_BYTES + 1 + proof.length);
  item.set(id);
  item[MSG_ID_BYTES] = proof.length;
  item.set(proof, MSG_ID_BYTES + 1);
  return item;
}

/** Reads one piece after the other. */
class Reader {
  private readonly bytes: Uint8Array;
  private at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** @throws Error when they are not there */
  take(bytes: number): Uint8Array {
    const from = this.at;
    this.at += bytes;
    if (this.at > this.bytes.length) throw new Error('a length goes beyond the frame');
    return this.bytes.subarray(from, this.at);
  }

  text(bytes: number): string {
    return textOf(this.take(bytes));
  }

  hash(): string {
    return `b3:${hexOf(this.take(HASH_BYTES))}`;
  }

  /** What is left. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.at);
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** @throws Error when it is no answer to a send */
export function sentIn(unit: Uint8Array): Sent {
  const reader = new Reader(unit, 0);
  const msg_id = reader.text(MSG_ID_BYTES);
  const duplicate = reader.take(1)[0] === 1;
  return { msg_id, duplicate, payload_hash: reader.hash(), hash_chain: reader.hash() };
}

/** @throws Error when it is no message that is given out */
export function envelopeIn(unit: Uint8Array): FrameEnvelope {
  if (unit.length < ENVELOPE_HEAD_BYTES) throw new Error(`an envelope has at least ${ENVELOPE_HEAD_BYTES} bytes`);
  const view = viewOf(unit);
  const reader = new Reader(unit, 25);
  const msg_id = reader.text(MSG_ID_BYTES);
  const corr_id = reader.text(CORR_ID_BYTES);
  const payload_hash = reader.hash();
  const hash_chain = reader.hash();
  const [topic, idem_key, receipt, sig, ts] = [20, 21, 22, 23, 24].map((at) => reader.text(view.getUint8(at)));
  const attrs = reader.text(view.getUint32(14));
  return {
    msg_id,
    topic: topic as string,
    ts: ts as string,
    idem_key: idem_key as string,
    payload_hash,
    attrs: attrsIn(attrs),
    corr_id,
    shard: view.getUint16(18),
    attempt: view.getUint32(6),
    hash_chain,
    sig: sig === '' ? null : (sig as string),
    receipt: receipt as string,
    deadline_in_ms: view.getUint32(10),
    epoch: u48At(view, 0),
    // Bytes of its own: a payload that is kept must not keep the whole answer in memory.
    payload: new Uint8Array(reader.rest()),
  };
}

function attrsIn(text: string): FrameEnvelope['attrs'] {
  const attrs = text === '' ? {} : objectIn(text);
  if (attrs === null) throw new Error('attrs are no JSON object');
  return attrs as FrameEnvelope['attrs'];
}

/** What became of the acks that rode along, in their order. @throws Error when it does not say so */
export function ackResultsIn(unit: Uint8Array, acks: readonly Lease[]): readonly AckResult[] {
  const reader = new Reader(unit, 0);
  if (viewOf(reader.take(2)).getUint16(0) !== acks.length)
    throw new Error(`not one result for each of ${acks.length} acks`);
  return acks.map(({ msg_id }) => {
    const came = viewOf(reader.take(6));
    const error = reader.text(came.getUint32(2));
    return (error === '' ? { msg_id, ok: true } : objectIn(error)) as AckResult;
  });
}
