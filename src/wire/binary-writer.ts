import { HASH_BYTES, MSG_ID_BYTES } from './binary.ts';
import { APP_PROTO, FLAG, HEADER_BYTES, putHead } from './frame.ts';
import { putU16, putU32, putU48 } from './numbers.ts';

const CORR_ID_BYTES = 36;
const HASH_PREFIX = 3;
const SENT_BYTES = MSG_ID_BYTES + 1 + 2 * HASH_BYTES;
/** Of an envelope: numbers and lengths. */
const LENGTHS_END = 25;
const ENVELOPE_HEAD_BYTES = LENGTHS_END + MSG_ID_BYTES + CORR_ID_BYTES + 2 * HASH_BYTES;
/** Of UTF-8, for one unit of UTF-16. */
const BYTES_OF_UNIT = 3;
const WHOLE = FLAG.RESP | FLAG.START | FLAG.END;
const OK = 200;

/** What the answer to a unit mirrors of it. */
export interface Mirrored {
  readonly app: number;
  readonly corrHi: number;
  readonly corrLo: number;
}

/** A message as it is given out. Texts are ASCII, but for the attributes. */
export interface GivenOut {
  readonly msgId: string;
  readonly topic: string;
  readonly shard: number;
  readonly ts: string;
  readonly idemKey: string;
  readonly payload: Uint8Array;
  readonly payloadHash: string;
  readonly hashChain: string;
  readonly sig: string | null;
  readonly attrsJson: string;
  readonly corrId: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly receipt: string;
}

/** What became of an ack: its status, and its error as JSON where it was refused. */
export interface AckCame {
  readonly code: number;
  readonly error: string;
}

/** Values of hex digits, by their code. */
const NIBBLES = new Uint8Array(128);
for (let i = 0; i < 16; i++) NIBBLES[i.toString(16).charCodeAt(0)] = i;

/** Writes the units of an answer of version 2 one after the other into one buffer (`docs/protocol.md`: Frames, version 2). */
export class BinaryWriter {
  private out: Buffer;
  private at = 0;

  /** `bytes`: how much room to begin with. */
  constructor(bytes: number) {
    this.out = Buffer.allocUnsafe(bytes);
  }

  /** What was written. */
  bytes(): Buffer {
    return this.out.subarray(0, this.at);
  }

  /** Room for so many bytes, for whoever knows how many come. */
  reserve(bytes: number): void {
    if (this.at + bytes <= this.out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.out.length, this.at + bytes));
    this.out.copy(larger, 0, 0, this.at);
    this.out = larger;
  }

  /** A unit with this text, which may be empty. */
  text(to: Mirrored, code: number, text: string): void {
    this.reserve(HEADER_BYTES + BYTES_OF_UNIT * text.length);
    const start = this.begin(to, code);
    this.at += this.out.write(text, this.at);
    this.end(start);
  }

  /** A message that was taken: `msg_id`, whether it was there before, hash of the payload, hash chain. */
  sent(to: Mirrored, msgId: string, isDuplicate: boolean, payloadHash: string, hashChain: string): void {
    this.reserve(HEADER_BYTES + SENT_BYTES);
    const start = this.begin(to, OK);
    this.fixed(msgId, MSG_ID_BYTES);
    this.out[this.at++] = isDuplicate ? 1 : 0;
    this.hash(payloadHash);
    this.hash(hashChain);
    this.end(start);
  }

  /**
   * A message that is given out: `epoch` u48, `attempt` u32, `deadline_in_ms` u32, `attrs_len` u32, `shard` u16, then u8 each the lengths
   * of topic, key, receipt, sig and ts; `msg_id`, `corr_id`, hash of the payload, hash chain; those texts, attributes as JSON, payload.
   */
  envelope(to: Mirrored, given: GivenOut, deadlineInMs: number): void {
    const { topic, idemKey, receipt, ts, payload } = given;
    const sig = given.sig ?? '';
    const attrs = given.attrsJson === '{}' ? '' : given.attrsJson;
    const texts = topic.length + idemKey.length + receipt.length + sig.length + ts.length;
    this.reserve(HEADER_BYTES + ENVELOPE_HEAD_BYTES + texts + BYTES_OF_UNIT * attrs.length + payload.length);
    const start = this.begin(to, OK);
    const { out, at } = this;
    putU48(out, at, given.epoch);
    putU32(out, at + 6, given.attempt);
    putU32(out, at + 10, deadlineInMs);
    putU16(out, at + 18, given.shard);
    out[at + 20] = topic.length;
    out[at + 21] = idemKey.length;
    out[at + 22] = receipt.length;
    out[at + 23] = sig.length;
    out[at + 24] = ts.length;
    this.at = at + LENGTHS_END;
    this.fixed(given.msgId, MSG_ID_BYTES);
    this.fixed(given.corrId, CORR_ID_BYTES);
    this.hash(given.payloadHash);
    this.hash(given.hashChain);
    for (const text of [topic, idemKey, receipt, sig, ts]) this.ascii(text);
    const attrsBytes = attrs === '' ? 0 : out.write(attrs, this.at);
    putU32(out, at + 14, attrsBytes);
    out.set(payload, this.at + attrsBytes);
    this.at += attrsBytes + payload.length;
    this.end(start);
  }

  /** What acks that rode along came to: how many, u16, then of each its status u16 and the length u32 of its error in JSON, and that. */
  ackResults(to: Mirrored, results: readonly AckCame[]): void {
    this.reserve(HEADER_BYTES + 2);
    const start = this.begin({ ...to, app: APP_PROTO.ack }, OK);
    putU16(this.out, this.at, results.length);
    this.at += 2;
    for (const { code, error } of results) {
      this.reserve(6 + BYTES_OF_UNIT * error.length);
      const bytes = error === '' ? 0 : this.out.write(error, this.at + 6);
      putU16(this.out, this.at, code);
      putU32(this.out, this.at + 2, bytes);
      this.at += 6 + bytes;
    }
    this.end(start);
  }

  // ---- within a unit

  private begin({ app, corrHi, corrLo }: Mirrored, code: number): number {
    const start = this.at;
    this.at = putHead(this.out, start, { version: 2, flags: WHOLE, code, app, corrHi, corrLo, capability: '' }, 0);
    return start;
  }

  private end(start: number): void {
    putU32(this.out, start, this.at - start);
  }

  private ascii(text: string): void {
    const { out } = this;
    let { at } = this;
    for (let i = 0; i < text.length; i++) out[at++] = text.charCodeAt(i);
    this.at = at;
  }

  private fixed(text: string, bytes: number): void {
    if (text.length !== bytes) throw new Error(`binary: a text of ${bytes} bytes is not`);
    this.ascii(text);
  }

  /** The bytes of `b3:` and hex digits. */
  private hash(text: string): void {
    if (text.length !== HASH_PREFIX + 2 * HASH_BYTES) throw new Error('binary: no hash');
    const { out } = this;
    let { at } = this;
    for (let i = HASH_PREFIX; i < text.length; i += 2) {
      const high = NIBBLES[text.charCodeAt(i)] as number;
      out[at++] = (high << 4) | (NIBBLES[text.charCodeAt(i + 1)] as number);
    }
    this.at = at;
  }
}
