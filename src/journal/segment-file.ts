import { crc32 } from 'node:zlib';
import type { StorageReader } from '../ports/storage.ts';
import { HASH_BYTES, Writer } from './bytes.ts';
import { type FileWork, writeAll, writeZeros } from './file-work.ts';
import { isZero, type Range, type Secret } from './frame.ts';
import { FILE_HEADER_BYTES, fileHeader, readFileHeader, segmentFile, windowOf } from './layout.ts';
import { isRefusal, type Refusal } from './refusal.ts';

/**
 * Segments are made whole and never shrink (journal rule 3). Each says in its header how long it was made, so that one that
 * was cut off is known by its size alone. Its last sector is kept for a seal, which is written when it is full and the next
 * one is there, before a frame goes into that: so that the end of the log can be missed, with all that was made beyond it.
 *
 * Seal: magic, sequence of the last frame f64, its hash 32 bytes, salted CRC of all this u32, zeros.
 */
const SECTOR = 512;
const SEAL_MAGIC = Buffer.from('MBXSEAL\n');
const HASH_AT = 16;
const CRC_AT = HASH_AT + HASH_BYTES;
/** Header and seal. */
const SEGMENT_BYTES_MIN = 2 * SECTOR;
/** As large as the setting allows. One that says more, or is more, was never made. */
const SEGMENT_BYTES_MAX = 256 << 20;

/** Where the frames of a segment end that is made so long. */
export const capacityOf = (bytes: number): number => Math.floor(bytes / SECTOR) * SECTOR - SECTOR;

/** The last frame of a full segment. */
export interface Seal {
  readonly sequence: number;
  readonly hash: Uint8Array;
}

/** A segment whose header is whole and whose size is the one it was made with. */
export interface SegmentFile {
  readonly file: string;
  readonly number: number;
  readonly salt: Uint8Array;
  /** Reads frames; beyond them is nothing. Gives what is there now when asked to look `again`. */
  readonly frames: Range & { again(): void };
  readonly capacity: number;
  /** Those of format 1 are not. */
  readonly canBeSealed: boolean;
  /** Null while it is not full. */
  seal(secret: Secret): Seal | null;
}

/** @returns the segment, or what is wrong with it */
export function openSegment(source: StorageReader, number: number): SegmentFile | Refusal {
  const file = segmentFile(number);
  const size = source.size(file);
  if (size > SEGMENT_BYTES_MAX) {
    return {
      file,
      at: SEGMENT_BYTES_MAX,
      why: `${size} bytes long, more than the ${SEGMENT_BYTES_MAX} of any segment`,
    };
  }
  let window = windowOf(source, file);
  const header = readFileHeader(window, 'segment', number);
  if (typeof header === 'string') return { file, at: 0, why: header };
  const { bytes, salt } = header;
  const canBeSealed = header.version > 1;
  if (canBeSealed && (bytes < SEGMENT_BYTES_MIN || bytes > SEGMENT_BYTES_MAX)) {
    return { file, at: 0, why: `made with ${bytes} bytes, not ${SEGMENT_BYTES_MIN}..${SEGMENT_BYTES_MAX}` };
  }
  if (canBeSealed && size !== bytes) {
    const what = size < bytes ? 'it was cut off' : 'something was added';
    return { file, at: Math.min(size, bytes), why: `${size} bytes long, and made with ${bytes}: ${what}` };
  }
  const capacity = canBeSealed ? capacityOf(bytes) : size;
  const frames = Object.assign(
    (at: number, length: number): Buffer => window(at, Math.max(0, Math.min(length, capacity - at))),
    {
      again: (): void => {
        window = windowOf(source, file);
      },
    },
  );
  const seal = (secret: Secret): Seal | null =>
    canBeSealed ? readSeal(Buffer.from(source.read(file, capacity, SECTOR)), secret) : null;
  return { file, number, salt, frames, capacity, canBeSealed, seal };
}

function readSeal(sector: Buffer, { salt }: Secret): Seal | null {
  if (!sector.subarray(0, SEAL_MAGIC.length).equals(SEAL_MAGIC)) return null;
  if (crc32(sector.subarray(0, CRC_AT), crc32(salt)) !== sector.readUInt32LE(CRC_AT)) return null;
  return { sequence: sector.readDoubleLE(SEAL_MAGIC.length), hash: new Uint8Array(sector.subarray(HASH_AT, CRC_AT)) };
}

/** Says that a segment is full: no frame follows this one in it, and the next one is there. */
export function sealSteps(number: number, capacity: number, { sequence, hash }: Seal, { salt }: Secret): FileWork {
  const w = new Writer(SECTOR);
  w.raw(SEAL_MAGIC);
  w.f64(sequence);
  w.raw(hash);
  w.u32(crc32(w.buffer.subarray(0, CRC_AT), crc32(salt)));
  w.zeros(SECTOR - w.length);
  return writeAll(segmentFile(number), capacity, w.buffer, true);
}

/** A segment that holds these bytes of another, and has no room for more. */
export function* copySteps(number: number, salt: Uint8Array, content: Uint8Array): FileWork {
  const file = segmentFile(number);
  const bytes = Math.ceil(content.byteLength / SECTOR) * SECTOR + SECTOR;
  yield* writeAll(file, 0, fileHeader('segment', number, salt, bytes));
  yield* writeAll(file, FILE_HEADER_BYTES, content.subarray(FILE_HEADER_BYTES));
  yield* writeZeros(file, content.byteLength, bytes);
  yield { op: 'sync', file };
}

const PIECE_BYTES = 1 << 20;

/** The bytes of a segment from a place on, a piece at a time; no further than one was ever made. */
export function* piecesOf(
  source: StorageReader,
  file: string,
  from: number,
  to = Math.min(source.size(file), SEGMENT_BYTES_MAX),
): Generator<{ readonly at: number; readonly piece: Buffer }> {
  for (let at = from; at < to; at += PIECE_BYTES) {
    const bytes = source.read(file, at, Math.min(PIECE_BYTES, to - at));
    yield { at, piece: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  }
}

/** Where the first byte that is not zero stands, from a place on: -1 for nowhere. */
export function firstWritten(source: StorageReader, file: string, from: number): number {
  for (const { at, piece } of piecesOf(source, file, from)) {
    if (!isZero(piece)) return at + piece.findIndex((byte) => byte !== 0);
  }
  return -1;
}

/** How much was written from a place on: without the zeros at the end. */
export function writtenFrom(source: StorageReader, { file, capacity }: SegmentFile, from: number): number {
  let written = 0;
  for (const { at, piece } of piecesOf(source, file, from, capacity)) {
    if (isZero(piece)) continue;
    let end = piece.length;
    while (end > 0 && piece[end - 1] === 0) end--;
    if (end > 0) written = at + end - from;
  }
  return written;
}

/** A segment made beforehand that holds nothing yet, else what is wrong with it. */
export function spareProblem(source: StorageReader, number: number, { salt }: Secret): Refusal | null {
  const spare = openSegment(source, number);
  if (isRefusal(spare)) return spare;
  const { file } = spare;
  if (Buffer.compare(spare.salt, salt) !== 0) return { file, at: 0, why: 'of another journal' };
  const at = firstWritten(source, file, FILE_HEADER_BYTES);
  return at < 0 ? null : { file, at, why: 'holds something, and the log ends before it' };
}
