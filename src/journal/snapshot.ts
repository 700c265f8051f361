import type { Storage, StorageReader } from '../ports.ts';
import { BytesError, Reader, Writer } from './bytes.ts';
import { beginFrame, NO_HASH, readFrame, type Secret, sealFrame } from './frame.ts';
import {
  FILE_HEADER_BYTES,
  fileHeader,
  filesOf,
  readFileHeader,
  segmentFile,
  snapshotFile,
  temporary,
  windowOf,
} from './layout.ts';
import { type Entry, type Head, readRecord, writeRecord } from './record.ts';
import { APART } from './record-parts.ts';
import { type Recovered, type RecoverOptions, readSnapshot, recover } from './recover.ts';
import { SnapshotCheck } from './snapshot-check.ts';
import { createWhole, type Steps, writeAll } from './steps.ts';
import { isRefusal, type Refusal } from './walk.ts';

/** The log is not what was written: found while a snapshot was made of it. */
export class DamageError extends Error {
  constructor({ file, at, why }: Refusal) {
    super(`${file} at ${at}: ${why}`);
  }
}

/** A snapshot that is there. */
export interface Snapshot {
  readonly sequence: number;
  /** The segment after the last one it covers. */
  readonly segment: number;
  readonly bytes: number;
}

const FRAME_BYTES = 256 << 10;
/** Synced so often on the way, so that the disk is never asked for much at once. */
const SYNC_BYTES = 512 << 10;

/**
 * Makes a snapshot of everything up to the end of segment `upTo`, which must be full. It comes from the log itself, by
 * the code that recovers: the serving process has nothing to do with it, and a log that could not be recovered is found.
 */
export function* compact(storage: Storage, upTo: number, options: RecoverOptions): Steps<Snapshot> {
  const found = recover(storage, { ...options, upTo, withoutPayloads: true });
  if (found.kind === 'empty') throw new Error('compaction: there is no journal');
  if (found.kind === 'refused') throw new DamageError(found);
  const { sequence } = found.tail;
  const file = snapshotFile(sequence);
  const bytes = yield* whole(file, writeSnapshot(found, upTo + 1, options.hash));
  const damage = problemOf(storage, sequence, options.hash);
  if (damage !== null) throw new DamageError(damage);
  return { sequence, segment: upTo + 1, bytes };
}

/** What is wrong with a snapshot, null for nothing. */
function problemOf(storage: StorageReader, sequence: number, hash: Secret['hash']): Refusal | null {
  const file = snapshotFile(sequence);
  const check = new SnapshotCheck(sequence, storage.size(file));
  const read = readSnapshot(storage, sequence, hash, (body) => {
    for (const r = new Reader(body); r.at < r.end; ) check.take(readRecord(r));
  });
  if (isRefusal(read)) return read;
  try {
    check.done();
    return null;
  } catch (error) {
    return { file, at: 0, why: (error as Error).message };
  }
}

function* whole(file: string, content: Steps<number>): Steps<number> {
  let bytes = 0;
  const counted = function* (): Steps {
    bytes = yield* content;
  };
  yield* createWhole(file, temporary(file), counted());
  return bytes;
}

function* writeSnapshot(found: Recovered, segment: number, hash: Secret['hash']): Steps<number> {
  const { replica, tail, salt } = found;
  if (replica.limits === null) throw new Error('compaction: no process has started yet');
  const file = temporary(snapshotFile(tail.sequence));
  const head: Head = {
    name: 'head',
    sequence: tail.sequence,
    epoch: replica.epoch,
    hash: Buffer.from(tail.hash).toString('hex'),
    segment,
    shards: replica.shards.length,
    limits: replica.limits,
  };
  yield* writeAll(file, 0, fileHeader('snapshot', tail.sequence, salt));
  return yield* writeFrames(file, withEnds(head, replica.entries()), { salt, hash }, replica.epoch);
}

function* withEnds(head: Head, entries: Iterable<Entry>): Generator<Entry> {
  yield { shard: null, item: head };
  let records = 1;
  for (const entry of entries) {
    yield entry;
    records++;
  }
  yield { shard: null, item: { name: 'end', records } };
}

/** A chain of frames of its own: the last, with the end in it, holds the hash of all before. Gives the length of the file. */
function* writeFrames(file: string, entries: Iterable<Entry>, secret: Secret, epoch: number): Steps<number> {
  const w = new Writer(2 * FRAME_BYTES);
  let at = FILE_HEADER_BYTES;
  let syncedAt = at;
  let sequence = 0;
  let previous = NO_HASH;
  function* flush(): Steps {
    previous = sealFrame(w, at, { sequence: ++sequence, epoch, previous }, secret);
    yield* writeAll(file, at, w.buffer.subarray(0, w.length));
    at += w.length;
    beginFrame(w);
  }
  beginFrame(w);
  for (const { shard, item } of entries) {
    writeRecord(w, shard, item, item.name === 'message' && item.message.payload === APART);
    if (w.length < FRAME_BYTES) continue;
    yield* flush();
    if (at - syncedAt < SYNC_BYTES) continue;
    yield { op: 'sync', file };
    syncedAt = at;
  }
  yield* flush();
  return at;
}

/** The snapshots whose heads can be read, ascending. */
export function snapshotsIn(source: StorageReader, hash: Secret['hash']): Snapshot[] {
  return filesOf(source).snapshots.flatMap((sequence) => {
    const file = snapshotFile(sequence);
    const range = windowOf(source, file);
    const salt = readFileHeader(range, 'snapshot', sequence);
    if (typeof salt === 'string') return [];
    const found = readFrame(range, FILE_HEADER_BYTES, { salt, hash });
    if (found.kind !== 'frame') return [];
    const head = headIn(found.frame.body);
    return head === null ? [] : [{ sequence, segment: head.segment, bytes: source.size(file) }];
  });
}

function headIn(body: Uint8Array): Head | null {
  try {
    const { item } = readRecord(new Reader(body));
    return item.name === 'head' ? item : null;
  } catch (error) {
    if (error instanceof BytesError) return null;
    throw error;
  }
}

/**
 * Removes what no recovery needs: all snapshots but these, and the segments that all of these cover. In this order, so
 * that a crash leaves too much and never too little.
 */
export function* removeOld(source: StorageReader, kept: readonly Snapshot[]): Steps {
  const { segments, snapshots } = filesOf(source);
  const covered = Math.min(...kept.map(({ segment }) => segment));
  const old = snapshots.filter((sequence) => !kept.some((snapshot) => snapshot.sequence === sequence));
  const files = [...old.map(snapshotFile), ...segments.filter((number) => number < covered).map(segmentFile)];
  for (const file of files) yield { op: 'remove', file };
  if (files.length > 0) yield { op: 'sync_folder', folder: '' };
}
