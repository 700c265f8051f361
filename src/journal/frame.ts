import { crc32 } from 'node:zlib';
import { HASH_BYTES, Reader, type Writer } from './bytes.ts';

/**
 * A frame is one group commit: header, body, zeros, mark. It begins at a multiple of 64 and its header is 64 bytes long,
 * so that no header straddles a sector: of a torn frame, a header is there or is not.
 *
 * body length u32 · sequence u64 · term u32 · zero pieces u32 · hash of the frame before, 32 bytes · CRC of the
 * body u32 · CRC of the header u32 · magic u32 | body | zeros up to the mark | CRC of the header u32 · mark u32
 *
 * Magic and mark come last and end in a byte that is not zero: of what was written in order, that byte says it is whole.
 */
const ALIGN = 64;
const SECTOR = 512;
export const HEADER_BYTES = 64;
/** Of a frame: the byte that is zero unless its header is whole. */
export const HEADER_END_AT = HEADER_BYTES - 1;
const MAGIC = 0x3146424d;
const MARK = 0x3145424d;
const MARK_BYTES = 8;
/** As long as the largest segment; longer ones are not believed. */
const BODY_BYTES_MAX = 256 << 20;
const PREVIOUS_AT = 20;
const BODY_CRC_AT = 52;
const HEADER_CRC_AT = 56;
const MAGIC_AT = 60;

/** What makes the frames of one data directory its own, and chains them. */
export interface Secret {
  /** Random, in every CRC: without it a payload could hold bytes that pass for frames. */
  readonly salt: Uint8Array;
  /** A 32-byte hash of bytes. */
  readonly hash: (bytes: Uint8Array) => Uint8Array;
}

/** What topics are spread over the shards with: it follows from the secret, which no reply shows (BD5). */
export const topicKeyOf = ({ salt, hash }: Secret): Uint8Array =>
  hash(Buffer.concat([salt, Buffer.from('where topics live')]));

export interface FrameHeader {
  /** One more than that of the frame before, from 1. */
  readonly sequence: number;
  /** Of the process that wrote it. */
  readonly term: number;
  /** Hash of the frame before, header and body. */
  readonly previous: Uint8Array;
  readonly bodyBytes: number;
  /** How many of its sectors hold nothing but zeros, when it is whole. */
  readonly zeroPieces: number;
}

export interface Frame extends FrameHeader {
  readonly body: Buffer;
  /** Of the whole frame: the next one begins so much further on. */
  readonly bytes: number;
  readonly hash: Uint8Array;
}

/** What stands at a place where a frame could: a whole one, zeros, or something else. */
export type Found =
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'none' }
  | { readonly kind: 'bad'; readonly why: string; readonly torn: boolean; readonly sequence: number | null };

/** The chain before the first frame. */
export const NO_HASH: Uint8Array = new Uint8Array(HASH_BYTES);

/** How much room a frame with a body of so many bytes takes. */
export const frameBytes = (bodyBytes: number): number =>
  Math.ceil((HEADER_BYTES + bodyBytes + MARK_BYTES) / ALIGN) * ALIGN;

/** Opens a frame in an empty writer: its body goes after. */
export function beginFrame(w: Writer): void {
  w.length = 0;
  w.zeros(HEADER_BYTES);
}

/** Completes the frame that `w` holds, which will be written at this place of its file. Gives its hash. */
export function sealFrame(
  w: Writer,
  at: number,
  { sequence, term, previous }: Pick<FrameHeader, 'sequence' | 'term' | 'previous'>,
  secret: Secret,
): Uint8Array {
  const bodyBytes = w.length - HEADER_BYTES;
  const bytes = frameBytes(bodyBytes);
  if (at % ALIGN !== 0 || bodyBytes > BODY_BYTES_MAX) throw new Error(`frame: ${bodyBytes} bytes at ${at}`);
  w.zeros(bytes - w.length - MARK_BYTES);
  w.u32(0);
  w.u32(MARK);
  const { buffer } = w;
  w.u32At(0, bodyBytes);
  w.u32At(4, sequence % 2 ** 32);
  w.u32At(8, Math.floor(sequence / 2 ** 32));
  w.u32At(12, term);
  w.u32At(MAGIC_AT, MAGIC);
  // Magic and mark stand: no sector counts as zeros for what is filled in only now.
  w.u32At(16, zeroPieces(buffer, bytes, at));
  buffer.set(previous, PREVIOUS_AT);
  const salted = crc32(secret.salt);
  w.u32At(BODY_CRC_AT, crc32(buffer.subarray(HEADER_BYTES, HEADER_BYTES + bodyBytes), salted));
  const headerCrc = crc32(buffer.subarray(0, HEADER_CRC_AT), salted);
  w.u32At(HEADER_CRC_AT, headerCrc);
  w.u32At(bytes - MARK_BYTES, headerCrc);
  return secret.hash(buffer.subarray(0, HEADER_BYTES + bodyBytes));
}

/** Sectors, or the parts of them that belong to the frame, without a single bit set. */
function zeroPieces(frame: Uint8Array, bytes: number, at: number): number {
  let found = 0;
  for (let start = 0; start < bytes; ) {
    const end = Math.min(bytes, start + SECTOR - ((at + start) % SECTOR));
    if (isZero(frame, start, end)) found++;
    start = end;
  }
  return found;
}

const ZEROS = Buffer.alloc(64 * 1024);

/** Long stretches are compared by native code. */
export function isZero(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  if (bytes[start] !== 0 && start < end) return false;
  let at = start;
  for (; end - at >= SECTOR; at += ZEROS.length) {
    const length = Math.min(ZEROS.length, end - at);
    if (Buffer.compare(bytes.subarray(at, at + length), ZEROS.subarray(0, length)) !== 0) return false;
  }
  for (; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** Bytes of a file: as many as asked for, fewer only at its end. */
export type Range = (at: number, bytes: number) => Buffer;

/** What stands at `at`. Says nothing about whether it belongs there: sequence and chain are for the caller to check. */
export function readFrame(range: Range, at: number, secret: Secret): Found {
  const head = range(at, HEADER_BYTES);
  if (head.length < HEADER_BYTES || isZero(head)) return { kind: 'none' };
  const salted = crc32(secret.salt);
  const header = readHeader(head, salted);
  if (header === null) {
    return { kind: 'bad', why: 'header damaged', torn: head[HEADER_END_AT] === 0, sequence: null };
  }
  const { bodyBytes, sequence } = header;
  const bytes = frameBytes(bodyBytes);
  const whole = range(at, bytes);
  // Room for all of it was there before it was begun.
  if (whole.length < bytes) return { kind: 'bad', why: `frame of ${bytes} bytes cut off`, torn: false, sequence };
  const body = whole.subarray(HEADER_BYTES, HEADER_BYTES + bodyBytes);
  const marked =
    whole.readUInt32LE(bytes - MARK_BYTES) === head.readUInt32LE(HEADER_CRC_AT) &&
    whole.readUInt32LE(bytes - 4) === MARK &&
    isZero(whole, HEADER_BYTES + bodyBytes, bytes - MARK_BYTES);
  if (marked && crc32(body, salted) === head.readUInt32LE(BODY_CRC_AT)) {
    const hash = secret.hash(whole.subarray(0, HEADER_BYTES + bodyBytes));
    return { kind: 'frame', frame: { ...header, body, bytes, hash } };
  }
  return { kind: 'bad', why: 'body damaged', torn: isTorn(whole, bytes, at, header.zeroPieces), sequence };
}

/**
 * A write that was cut off leaves zeros where there should be none: at the end of the mark, or in more sectors than the
 * header counts. Damage to a frame that was whole looks otherwise.
 */
const isTorn = (whole: Buffer, bytes: number, at: number, zeros: number): boolean =>
  whole[bytes - 1] === 0 || zeroPieces(whole, bytes, at) > zeros;

/** Null when these bytes are no header of ours. */
export function readHeader(head: Uint8Array, salted: number): FrameHeader | null {
  const r = new Reader(head);
  const bodyBytes = r.u32();
  const sequence = r.u32() + r.u32() * 2 ** 32;
  const term = r.u32();
  const zeroPieces = r.u32();
  const previous = new Uint8Array(r.raw(HASH_BYTES));
  r.u32();
  const crc = r.u32();
  if (r.u32() !== MAGIC || bodyBytes > BODY_BYTES_MAX || !Number.isSafeInteger(sequence)) return null;
  if (crc32(head.subarray(0, HEADER_CRC_AT), salted) !== crc) return null;
  return { bodyBytes, sequence, term, zeroPieces, previous };
}

/** Where the next header of ours with at least this sequence stands, from `at` on: -1 for nowhere. */
export function findHeader(bytes: Buffer, at: number, sequence: number, secret: Secret): number {
  const salted = crc32(secret.salt);
  if (isZero(bytes, at)) return -1;
  for (let i = Math.ceil(at / ALIGN) * ALIGN; i + HEADER_BYTES <= bytes.length; i += ALIGN) {
    if (bytes.readUInt32LE(i + MAGIC_AT) !== MAGIC) continue;
    const header = readHeader(bytes.subarray(i, i + HEADER_BYTES), salted);
    if (header !== null && header.sequence >= sequence) return i;
  }
  return -1;
}
