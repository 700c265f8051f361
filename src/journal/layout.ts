import { crc32 } from 'node:zlib';
import type { StorageReader } from '../ports/storage.ts';
import { Writer } from './bytes.ts';
import { isZero, type Range } from './frame.ts';

/**
 * What a data directory holds: segments of the log, by number; snapshots, by the sequence number they reach; payloads
 * too large for a frame, by their hash; what was torn off; a reserve of space. All else is not the journal's.
 *
 * Segments and snapshots begin with a sector of their own: magic, version u16, kind u16, the size a segment is made with
 * u32 (snapshots: 0), number f64, salt 16 bytes, CRC of all this u32. Frames follow. Version 1 did not say the size.
 */
export const FORMAT_VERSION = 2;
const MAGIC = Buffer.from('MBXJRNL\n');
export const FILE_HEADER_BYTES = 512;
const VERSION_AT = 8;
const KIND_AT = 10;
const BYTES_AT = 12;
const NUMBER_AT = 16;
const SALT_AT = 24;
export const SALT_BYTES = 16;
const CRC_AT = SALT_AT + SALT_BYTES;

export const FILE_KINDS = { segment: 1, snapshot: 2 } as const;
export type FileKind = keyof typeof FILE_KINDS;

export const PAYLOADS = 'payloads';
export const RESERVE = 'reserve';
/** Where segments and snapshots are kept that only the feed goes back to (B10); no start needs them. */
export const HISTORY = 'history';
/** Is there while a backup is made or restored: what is beside it may not be all. */
export const INCOMPLETE = 'incomplete';
const TEMPORARY = '.tmp';

const digits = (number: number): string => String(number).padStart(15, '0');
export const segmentFile = (number: number): string => `log-${digits(number)}`;
export const snapshotFile = (sequence: number): string => `snapshot-${digits(sequence)}`;
/** @param hash `b3:` and hex digits */
export const payloadFile = (hash: string): string => `${PAYLOADS}/${hash.slice(3)}`;
/** `again`: how often something was torn off there before. */
export const tornFile = (segment: number, at: number, again = 0): string =>
  `torn-${digits(segment)}-${at}${again === 0 ? '' : `-${again}`}`;
export const temporary = (file: string): string => `${file}${TEMPORARY}`;

/** The journal's files in a data directory, each kind ascending. */
export interface Files {
  readonly segments: readonly number[];
  readonly snapshots: readonly number[];
  /** Left over from what a crash cut off. */
  readonly temporaries: readonly string[];
  readonly torn: readonly string[];
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
    torn: names.filter((name) => /^torn-[0-9]{15}-[0-9-]+$/.test(name)),
    hasReserve: names.includes(RESERVE),
  };
}

/** The first sector of a file. `bytes`: the size that a segment is made with. */
export function fileHeader(kind: FileKind, number: number, salt: Uint8Array, bytes = 0): Buffer {
  const w = new Writer(FILE_HEADER_BYTES);
  w.raw(MAGIC);
  w.u16(FORMAT_VERSION);
  w.u16(FILE_KINDS[kind]);
  w.u32(bytes);
  w.f64(number);
  w.raw(salt);
  w.u32(crc32(w.buffer.subarray(0, CRC_AT)));
  w.zeros(FILE_HEADER_BYTES - w.length);
  return w.buffer;
}

export interface FileHeader {
  readonly version: number;
  readonly salt: Uint8Array;
  /** The size that a segment was made with, 0 where that is not said. */
  readonly bytes: number;
}

/** What the first sector of such a file says, or what is wrong with it. */
export function readFileHeader(range: Range, kind: FileKind, number: number): FileHeader | string {
  const head = range(0, FILE_HEADER_BYTES);
  if (head.length < FILE_HEADER_BYTES) return `${head.length} bytes long, shorter than its header: it was cut off`;
  if (!head.subarray(0, MAGIC.length).equals(MAGIC)) return 'not a journal file';
  const version = head.readUInt16LE(VERSION_AT);
  if (version === 0 || version > FORMAT_VERSION) {
    return `of format ${version}; this version reads formats 1 to ${FORMAT_VERSION}`;
  }
  const intact = crc32(head.subarray(0, CRC_AT)) === head.readUInt32LE(CRC_AT) && isZero(head, CRC_AT + 4);
  if (!intact) return 'file header damaged';
  if (head.readUInt16LE(KIND_AT) !== FILE_KINDS[kind] || head.readDoubleLE(NUMBER_AT) !== number) {
    return 'under a wrong name';
  }
  const salt = new Uint8Array(head.subarray(SALT_AT, SALT_AT + SALT_BYTES));
  return { version, salt, bytes: version === 1 ? 0 : head.readUInt32LE(BYTES_AT) };
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
