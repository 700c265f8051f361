import type { Disk } from '../../sim/disk.ts';
import { Reader, Writer } from '../../src/journal/bytes.ts';
import { beginFrame, NO_HASH, sealFrame } from '../../src/journal/frame.ts';
import { FILE_HEADER_BYTES, segmentFile, snapshotFile } from '../../src/journal/layout.ts';
import { readRecord } from '../../src/journal/record.ts';
import { type Entry, KINDS } from '../../src/journal/record-items.ts';
import { readSnapshot, recover } from '../../src/journal/recover.ts';
import { RECOVERING, SALT, sha256 } from './journal.ts';

/**
 * Frames are told from chance by a salt and a checksum, and from nobody who knows them: what is forged here is whole in every
 * way but in what it says.
 */
const SECRET = { salt: SALT, hash: sha256 };

/** One record of whatever its body says. */
export function rawRecord(kind: keyof typeof KINDS, shard: number | null, body: (w: Writer) => void): Uint8Array {
  const inside = new Writer();
  body(inside);
  const w = new Writer();
  w.u8(KINDS[kind]);
  w.u16(shard ?? 0xffff);
  w.u32(inside.length);
  w.raw(inside.buffer.subarray(0, inside.length));
  return new Uint8Array(w.buffer.subarray(0, w.length));
}

function putFrame(
  disk: Disk,
  file: string,
  at: number,
  link: { sequence: number; previous: Uint8Array },
  body: Uint8Array,
) {
  const w = new Writer();
  beginFrame(w);
  w.raw(body);
  sealFrame(w, at, { ...link, term: 1 }, SECRET);
  disk.now({ op: 'write', file, at, bytes: new Uint8Array(w.buffer.subarray(0, w.length)), durable: true });
}

/** One more frame at the end of a log. */
export function forgeFrame(disk: Disk, ...records: readonly Uint8Array[]): void {
  const found = recover(disk, RECOVERING);
  if (found.kind !== 'recovered') throw new Error(found.kind);
  const { segment, at, sequence, hash } = found.tail;
  putFrame(disk, segmentFile(segment), at, { sequence: sequence + 1, previous: hash }, Buffer.concat(records));
}

/** A snapshot as its records, bytes and all, and another in its place. */
export function forgeSnapshot(
  disk: Disk,
  sequence: number,
  change: (records: { readonly entry: Entry; bytes: Uint8Array }[]) => readonly { bytes: Uint8Array }[],
): void {
  const records: { entry: Entry; bytes: Uint8Array }[] = [];
  readSnapshot(disk, sequence, sha256, (body) => {
    for (const r = new Reader(body); r.at < r.end; ) {
      const from = r.at;
      const entry = readRecord(r);
      records.push({ entry, bytes: new Uint8Array(body.subarray(from, r.at)) });
    }
  });
  const file = snapshotFile(sequence);
  disk.shorten(file, FILE_HEADER_BYTES);
  const body = Buffer.concat(change(records).map(({ bytes }) => bytes));
  putFrame(disk, file, FILE_HEADER_BYTES, { sequence: 1, previous: NO_HASH }, body);
}
