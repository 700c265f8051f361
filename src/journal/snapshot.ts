import type { Storage, StorageReader } from '../ports/storage.ts';
import { BytesError, Reader, Writer } from './bytes.ts';
import { createWhole, type FileWork, writeAll } from './file-work.ts';
import { beginFrame, NO_HASH, readFrame, type Secret, sealFrame } from './frame.ts';
import {
  FILE_HEADER_BYTES,
  fileHeader,
  filesOf,
  HISTORY,
  RESERVE,
  readFileHeader,
  segmentFile,
  snapshotFile,
  temporary,
  windowOf,
} from './layout.ts';
import { readRecord, writeRecord } from './record.ts';
import type { Entry, Head } from './record-items.ts';
import { APART } from './record-parts.ts';
import { type RecoverOptions, readSnapshot, recover } from './recover.ts';
import { isRefusal, type Refusal } from './refusal.ts';
import type { Replica } from './replica.ts';
import type { LogEnd } from './scan.ts';
import { SnapshotCheck } from './snapshot-check.ts';

/** The log is not what was written: found while a snapshot was made of it. */
export class DamageError extends Error {
  constructor({ file, at, why }: Refusal) {
    super(`${file} at ${at}: ${why}`);
  }
}

/** A snapshot that is there. */
export interface Snapshot {
  readonly sequence: number;
  /** Where the log goes on after it. */
  readonly segment: number;
  readonly at: number;
  readonly bytes: number;
}

/** What a snapshot is to be of: everything up to a place in the log, between two frames that are durable. */
export interface Covered extends LogEnd {
  /** Of the last frame before it. */
  readonly sequence: number;
  /** Nothing after that place is earlier than this: windows and receipts that are over by then are left out. 0: not known. */
  readonly asOfMs: number;
}

const FRAME_BYTES = 256 << 10;
/** Synced so often on the way, so that the disk is never asked for much at once. */
const SYNC_BYTES = 512 << 10;
/** So much of the reserve is given up at once. */
const PAID_BYTES = 4 << 20;

/**
 * Makes a snapshot of everything up to a place in the log, between two frames that are durable. It comes from the log itself, by
 * the code that recovers: the serving process has nothing to do with it, and a log that could not be recovered is found. On a
 * full disk it takes the space of what it makes needless, then as much of the reserve as it needs (journal rule 5).
 */
export function* compact(
  storage: Storage,
  { segment, at, sequence, asOfMs }: Covered,
  options: RecoverOptions,
): FileWork<Snapshot> {
  const end: LogEnd = { segment, at };
  const found = recover(storage, { ...options, end, withoutPayloads: true });
  if (found.kind === 'empty') throw new Error('compaction: there is no journal');
  if (found.kind === 'refused') throw new DamageError(found);
  const { tail, replica } = found;
  if (tail.sequence !== sequence) {
    const why = `the log ends with frame ${tail.sequence}, not ${sequence}`;
    throw new DamageError({ file: segmentFile(tail.segment), at: tail.at, why });
  }
  replica.pass(() => asOfMs);
  const file = snapshotFile(sequence);
  const secret: Secret = { salt: found.salt, hash: options.hash };
  const bytes = yield* whole(file, writeSnapshot(found, end, secret, payer(storage, found.snapshot)));
  const damage = problemOf(storage, sequence, options.hash);
  if (damage !== null) throw new DamageError(damage);
  return { sequence, ...end, bytes };
}

/** Frees space that may go: what is kept for the feed, what is older than the snapshot that was just read, then the reserve. False: there is none left. */
function payer(storage: Storage, read: Head | null): () => FileWork<boolean> {
  let hasOld = read !== null;
  return function* () {
    const history = storage.files(HISTORY);
    for (const file of history) yield { op: 'remove', file: `${HISTORY}/${file}` };
    if (history.length > 0) return true;
    if (hasOld) {
      hasOld = false;
      yield* removeOld(storage, [read as Head]);
      return true;
    }
    if (!filesOf(storage).hasReserve) return false;
    const left = storage.size(RESERVE) - PAID_BYTES;
    if (left > 0) yield { op: 'truncate', file: RESERVE, size: left };
    else yield { op: 'remove', file: RESERVE };
    return true;
  };
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

function* whole(file: string, content: FileWork<number>): FileWork<number> {
  let bytes = 0;
  const counted = function* (): FileWork {
    bytes = yield* content;
  };
  yield* createWhole(file, temporary(file), counted());
  return bytes;
}

/** A snapshot of what was made elsewhere, which a log goes on after: its first frame has the number after it. Gives its bytes. */
export const firstSnapshot = (replica: Replica, segment: number, secret: Secret): FileWork<number> =>
  whole(
    snapshotFile(FIRST.sequence),
    writeSnapshot({ replica, tail: FIRST }, { segment, at: FILE_HEADER_BYTES }, secret, nothingToGive),
  );
function* nothingToGive(): FileWork<boolean> {
  yield* [];
  return false;
}
const FIRST = { sequence: 1, hash: NO_HASH };

function* writeSnapshot(
  {
    replica,
    tail,
  }: { readonly replica: Replica; readonly tail: { readonly sequence: number; readonly hash: Uint8Array } },
  { segment, at }: LogEnd,
  secret: Secret,
  pay: () => FileWork<boolean>,
): FileWork<number> {
  if (replica.limits === null) throw new Error('compaction: no process has started yet');
  const file = temporary(snapshotFile(tail.sequence));
  const head: Head = {
    name: 'head',
    sequence: tail.sequence,
    term: replica.term,
    hash: Buffer.from(tail.hash).toString('hex'),
    ...{ segment, at },
    shards: replica.shards.length,
    limits: replica.limits,
  };
  const write = (at: number, bytes: Uint8Array): FileWork => writeAll(file, at, bytes, false, pay);
  yield* write(0, fileHeader('snapshot', tail.sequence, secret.salt));
  return yield* writeFrames(file, write, withEnds(head, replica.entries()), secret, replica.term);
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
function* writeFrames(
  file: string,
  write: (at: number, bytes: Uint8Array) => FileWork,
  entries: Iterable<Entry>,
  secret: Secret,
  term: number,
): FileWork<number> {
  const w = new Writer(2 * FRAME_BYTES);
  let at = FILE_HEADER_BYTES;
  let syncedAt = at;
  let sequence = 0;
  let previous = NO_HASH;
  function* flush(): FileWork {
    previous = sealFrame(w, at, { sequence: ++sequence, term, previous }, secret);
    yield* write(at, w.buffer.subarray(0, w.length));
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
    const header = readFileHeader(range, 'snapshot', sequence);
    if (typeof header === 'string') return [];
    const found = readFrame(range, FILE_HEADER_BYTES, { salt: header.salt, hash });
    if (found.kind !== 'frame') return [];
    const head = headIn(found.frame.body);
    return head === null ? [] : [{ sequence, segment: head.segment, at: head.at, bytes: source.size(file) }];
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

/** What no recovery needs: all snapshots but these, and the segments that all of these cover; to be removed in this order. */
export function oldFiles(source: StorageReader, kept: readonly Pick<Snapshot, 'sequence' | 'segment'>[]): string[] {
  const { segments, snapshots } = filesOf(source);
  const covered = Math.min(...kept.map(({ segment }) => segment));
  const old = snapshots.filter((sequence) => !kept.some((snapshot) => snapshot.sequence === sequence));
  return [...old.map(snapshotFile), ...segments.filter((number) => number < covered).map(segmentFile)];
}

/** So that a crash leaves too much and never too little. */
function* removeOld(source: StorageReader, kept: Parameters<typeof oldFiles>[1]): FileWork {
  const files = oldFiles(source, kept);
  for (const file of files) yield { op: 'remove', file };
  if (files.length > 0) yield { op: 'sync_folder', folder: '' };
}
