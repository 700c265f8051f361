import { isUtf8 } from 'node:buffer';

/**
 * Numbers are little-endian; times are f64, for they may be Infinity. Texts are UTF-8 after their length in bytes: one
 * byte below 255, else 255 and a u32.
 */

const LONG = 255;
const HASH_PREFIX = 'b3:';
export const HASH_BYTES = 32;

/** Bytes do not say what they should: the message says what was found. */
export class BytesError extends Error {}

/** Appends to a buffer that grows. */
export class Writer {
  buffer: Buffer;
  length = 0;
  private view: DataView;

  constructor(capacity = 4096) {
    this.buffer = Buffer.allocUnsafeSlow(capacity);
    this.view = viewOf(this.buffer);
  }

  /** Makes room for this many bytes more. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.length + bytes, 2 * this.buffer.length));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
    this.view = viewOf(larger);
  }

  u8(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }
  u16(value: number): void {
    this.reserve(2);
    this.view.setUint16(this.length, value, true);
    this.length += 2;
  }
  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }
  f64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }
  /** Writes a u32 over what was written before. */
  u32At(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }

  text(text: string): void {
    this.reserve(5 + 3 * text.length);
    this.textLength(Buffer.byteLength(text));
    this.length += this.buffer.write(text, this.length);
  }

  private textLength(bytes: number): void {
    if (bytes < LONG) return this.u8(bytes);
    this.u8(LONG);
    this.u32(bytes);
  }

  /** A text of such characters only: false, and nothing is written, when it has others. `allowed`: 1 for each that is. */
  ascii(text: string, allowed: Uint8Array): boolean {
    const { length } = text;
    this.reserve(5 + length);
    const start = this.length;
    this.textLength(length);
    const { buffer } = this;
    // Short as they are, they are faster copied here than by a call into native code.
    for (let i = 0, at = this.length; i < length; i++) {
      const code = text.charCodeAt(i);
      if (allowed[code] !== 1) {
        this.length = start;
        return false;
      }
      buffer[at + i] = code;
    }
    this.length += length;
    return true;
  }

  /** `b3:` and 64 hex digits, as 32 bytes. */
  hash(hash: string): void {
    this.reserve(HASH_BYTES);
    const written = this.buffer.write(hash.slice(HASH_PREFIX.length), this.length, HASH_BYTES, 'hex');
    if (written !== HASH_BYTES || hash.length !== HASH_PREFIX.length + 2 * HASH_BYTES) {
      throw new BytesError('a hash is not 32 bytes');
    }
    this.length += HASH_BYTES;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.byteLength);
    this.buffer.set(bytes, this.length);
    this.length += bytes.byteLength;
  }

  zeros(count: number): void {
    this.reserve(count);
    this.buffer.fill(0, this.length, this.length + count);
    this.length += count;
  }
}

/** Reads from a part of a buffer. @throws BytesError when it ends early. */
export class Reader {
  at: number;
  readonly end: number;
  private readonly buffer: Buffer;
  private readonly view: DataView;

  constructor(bytes: Uint8Array, at = 0, end = bytes.byteLength) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = viewOf(this.buffer);
    this.at = at;
    this.end = end;
  }

  private take(bytes: number): number {
    const { at } = this;
    if (bytes > this.end - at) throw new BytesError('ends early');
    this.at = at + bytes;
    return at;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }
  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }
  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }
  f64(): number {
    return this.view.getFloat64(this.take(8), true);
  }
  /** How long the text is that comes. */
  private textLength(): number {
    const short = this.u8();
    return short < LONG ? short : this.u32();
  }
  /** Null for what is no UTF-8, or longer than this. */
  text(bytesMax: number): string | null {
    const bytes = this.textLength();
    if (bytes > bytesMax) return null;
    const at = this.take(bytes);
    const text = this.buffer.toString('utf8', at, at + bytes);
    // What cannot be decoded comes as this character, which may also have been meant.
    return text.includes('\ufffd') && !isUtf8(this.buffer.subarray(at, at + bytes)) ? null : text;
  }
  /** Null for what is longer, or has other characters. `allowed`: 1 for each that may be there. */
  ascii(bytesMax: number, allowed: Uint8Array): string | null {
    const bytes = this.textLength();
    if (bytes > bytesMax) return null;
    const at = this.take(bytes);
    const { buffer } = this;
    for (let i = at; i < at + bytes; i++) if (allowed[buffer[i] as number] !== 1) return null;
    return buffer.toString('latin1', at, at + bytes);
  }
  hash(): string {
    const at = this.take(HASH_BYTES);
    return HASH_PREFIX + this.buffer.toString('hex', at, at + HASH_BYTES);
  }
  /** What keeps it longer than the bytes it was read from should take a copy. */
  bytes(bytes: number): Uint8Array {
    const at = this.take(bytes);
    return new Uint8Array(this.buffer.buffer, this.buffer.byteOffset + at, bytes);
  }
  /** A view. */
  raw(bytes: number): Buffer {
    const at = this.take(bytes);
    return this.buffer.subarray(at, at + bytes);
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
