import { crc32 } from 'node:zlib';
import type { StorageReader } from '../ports.ts';
import { Writer } from './bytes.ts';
import { isZero, type Range } from './frame.ts';

/**
 * What a data directory holds: segments of the log, by number; snapshots, by the sequence number they reach; payloads
 * too large for a frame, by their hash; what was torn off; a reserve of space. All else is not the journal's.
 *
 * Segments and snapshots begin with a sector of their own: magic, version u16, kind u16, number u64, salt 16 bytes, CRC
 * of all this u32. Frames follow.
 */
export const FORMAT_VERSION = 1;
const MAGIC = Buffer.from('MBXJRNL\n');
export const FILE_HEADER_BYTES = 512;
const SALT_AT = 24;
export const SALT_BYTES = 16;
const CRC_AT = SALT_AT + SALT_BYTES;

export const FILE_KINDS = { segment: 1, snapshot: 2 } as const;
export type FileKind = keyof typeof FILE_KINDS;

export const PAYLOADS = 'payloads';
export const RESERVE = 'reserve';
/** Is there while a backup is made or restored: what is beside it may not be all. */
export const INCOMPLETE = 'incomplete';
const TEMPORARY = '.tmp';

const digits = (number: number): string => String(number).padStart(15, '0');
export const segmentFile = (number: number): string => `log-${digits(number)}`;
export const snapshotFile = (sequence: number): string => `snapshot-${digits(sequence)}`;
/** @param hash `b3:` and hex digits */
export const payloadFile = (hash: string): string => `${PAYLOADS}/${hash.slice(3)}`;
export const tornFile = (segment: number, at: number): string => `torn-${digits(segment)}-${at}`;
export const temporary = (file: string): string => `${file}${TEMPORARY}`;

/** The journal's files in a data directory, each kind ascending. */
export interface Files {
  readonly segments: readonly number[];
  readonly snapshots: readonly number[];
  /** Left over from what a crash cut off. */
  readonly temporaries: readonly string[];
  readonly hasReserve: boolean;
}

export function filesOf(source: StorageReader): Files {
  const names = source.files('');
  const numbers = (pattern: RegExp): number[] =>
    names
      .map((name) => Number(pattern.exec(name)?.[1] ?? Number.NaN))
      .filter((number) => Number.isSafeInteger(number))
      .sort((a, b) => a - b);
  return {
    segments: numbers(/^log-([0-9]{15})$/),
    snapshots: numbers(/^snapshot-([0-9]{15})$/),
    temporaries: names.filter((name) => /^(log|snapshot|torn|reserve)(-[0-9-]+)?\.tmp$/.test(name)),
    hasReserve: names.includes(RESERVE),
  };
}

/** The first sector of a file. */
export function fileHeader(kind: FileKind, number: number, salt: Uint8Array): Buffer {
  const w = new Writer(FILE_HEADER_BYTES);
  w.raw(MAGIC);
  w.u16(FORMAT_VERSION);
  w.u16(FILE_KINDS[kind]);
  w.u32(0);
  w.f64(number);
  w.raw(salt);
  w.u32(crc32(w.buffer.subarray(0, CRC_AT)));
  w.zeros(FILE_HEADER_BYTES - w.length);
  return w.buffer;
}

/** The salt in the first sector of such a file, or what is wrong with it. */
export function readFileHeader(range: Range, kind: FileKind, number: number): Uint8Array | string {
  const head = range(0, FILE_HEADER_BYTES);
  if (head.length < FILE_HEADER_BYTES || !head.subarray(0, MAGIC.length).equals(MAGIC)) return 'not a journal file';
  const version = head.readUInt16LE(8);
  if (version !== FORMAT_VERSION) return `of format ${version}; this version reads format ${FORMAT_VERSION}`;
  const intact = crc32(head.subarray(0, CRC_AT)) === head.readUInt32LE(CRC_AT) && isZero(head, CRC_AT + 4);
  if (!intact) return 'file header damaged';
  if (head.readUInt16LE(10) !== FILE_KINDS[kind] || head.readDoubleLE(16) !== number) return 'under a wrong name';
  return new Uint8Array(head.subarray(SALT_AT, SALT_AT + SALT_BYTES));
}

const WINDOW_BYTES = 1 << 20;

/** Reads a file front to back in large pieces. */
export function windowOf(source: StorageReader, file: string, windowBytes = WINDOW_BYTES): Range {
  let window: Buffer = Buffer.alloc(0);
  let start = 0;
  return (at, bytes) => {
    if (at < start || at + bytes > start + window.length) {
      const read = source.read(file, at, Math.max(bytes, windowBytes));
      window = Buffer.from(read.buffer, read.byteOffset, read.byteLength);
      start = at;
    }
    return window.subarray(at - start, at - start + bytes);
  };
}
