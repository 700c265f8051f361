import type { Fact } from '../core/facts.ts';
import type { ShardState } from '../core/state.ts';
import type { PayloadFound, PayloadStore } from '../ports/payload-store.ts';
import type { StorageReader } from '../ports/storage.ts';
import { Reader } from './bytes.ts';
import { type Frame, NO_HASH, readFrame, type Secret } from './frame.ts';
import {
  FILE_HEADER_BYTES,
  type Files,
  filesOf,
  HISTORY,
  PAYLOADS,
  RESERVE,
  readFileHeader,
  segmentFile,
  snapshotFile,
  windowOf,
} from './layout.ts';
import { readPayload } from './payload-files.ts';
import { answered, atOnce, type Pieces } from './pieces.ts';
import { readRecord } from './record.ts';
import type { Head } from './record-items.ts';
import { APART } from './record-parts.ts';
import { isRefusal, missing, type Refusal } from './refusal.ts';
import { NotRegular } from './regular-file.ts';
import { Replica, type Taking } from './replica.ts';
import { disagreement, type LogEnd, type ScanOptions, START, scan, type Tail } from './scan.ts';
import { openSegment } from './segment-file.ts';

/** A journal as it was found: what it says, and where it ends. */
export interface Recovered {
  readonly kind: 'recovered';
  readonly replica: Replica;
  readonly tail: Tail;
  readonly salt: Uint8Array;
  /** The snapshot it began from, null for none. */
  readonly snapshot: Head | null;
  /** Snapshots that were passed over, for they are damaged. */
  readonly damagedSnapshots: readonly Refusal[];
  /** Live messages whose payload is in a file of its own, and the hash it goes by. */
  readonly apart: ReadonlyMap<string, string>;
  /** Live messages whose payload is not what was sent (IN1). */
  readonly damagedPayloads: readonly { readonly msgId: string; readonly why: string }[];
}
export interface Refused extends Refusal {
  readonly kind: 'refused';
}
/** There is no journal yet. */
export interface Empty {
  readonly kind: 'empty';
}

export interface RecoverOptions extends Taking {
  readonly hash: Secret['hash'];
  /** `b3:..` of a payload. */
  readonly payloadHashOf: (payload: Uint8Array) => string;
  readonly acceptTornTail?: boolean;
  /** Only as far as this place in the log. */
  readonly end?: LogEnd;
  /** Where the payloads are that are apart from the log; without it in files of the same directory. */
  readonly payloads?: Pick<PayloadStore, 'get'>;
  /** Leaves payloads that are apart from the log unread, and checks none. */
  readonly withoutPayloads?: boolean;
  /** Begins as far back as the log reaches, not at the newest snapshot. */
  readonly oldest?: boolean;
  /** Sees the state before the first frame, */
  readonly begun?: (replica: Replica) => void;
  /** every frame before it is replayed, */
  readonly visit?: ScanOptions['visit'];
  /** every fact of a shard before it is applied (what it throws refuses the journal), */
  readonly check?: (replica: Replica, shard: ShardState, fact: Fact) => void;
  /** and every frame after. */
  readonly visited?: (replica: Replica, frame: Frame) => void;
}

/** Bytes in, state or refusal out: the newest whole snapshot, then the log. Writes nothing. */
export const recover = (source: StorageReader, options: RecoverOptions): Recovered | Refused | Empty =>
  atOnce(recovering(source, options));

/** The same, a frame at a time. */
export function* recovering(source: StorageReader, options: RecoverOptions): Pieces<Recovered | Refused | Empty> {
  const found = yield* unlessIrregular(recoveringFiles(source, options));
  return isRefusal(found) ? { kind: 'refused', ...found } : found;
}

/** Something else than a file is a refusal like any other. */
function* unlessIrregular<T>(work: Pieces<T>): Pieces<T | Refusal> {
  try {
    return yield* work;
  } catch (error) {
    if (error instanceof NotRegular) return { file: error.file, at: 0, why: `${error.what}, not a regular file` };
    throw error;
  }
}

function* recoveringFiles(source: StorageReader, options: RecoverOptions): Pieces<Recovered | Refused | Empty> {
  const files = filesOf(source);
  const upTo = options.end?.segment ?? Number.POSITIVE_INFINITY;
  const segments = files.segments.filter((segment) => segment <= upTo);
  if (segments.length === 0 && files.snapshots.length === 0) return nothing(source, files);
  const damagedSnapshots: Refusal[] = [];
  const snapshots = options.oldest !== true ? files.snapshots.toReversed() : segments[0] === 1 ? [] : files.snapshots;
  for (const sequence of snapshots) {
    const loaded = yield* loadingSnapshot(source, sequence, options.hash, options);
    if (!isRefusal(loaded)) return yield* follow(source, segments, loaded, damagedSnapshots, options);
    damagedSnapshots.push(loaded);
  }
  // Without a snapshot the log must be there from its beginning.
  const [damaged] = damagedSnapshots;
  if (segments[0] !== 1) return { kind: 'refused', ...(damaged ?? missing(segmentFile(1))) };
  const first = openSegment(source, 1);
  if (isRefusal(first)) return { kind: 'refused', ...first };
  const loaded = { replica: new Replica(options), head: null, salt: first.salt };
  return yield* follow(source, segments, loaded, damagedSnapshots, options);
}

/** A new directory, unless something is there that is made after the log. */
function nothing(source: StorageReader, { hasReserve, torn }: Files): Empty | Refused {
  const [left] = [
    ...(hasReserve ? [RESERVE] : []),
    ...torn,
    ...[PAYLOADS, HISTORY].flatMap((folder) => source.files(folder).map((name) => `${folder}/${name}`)),
  ];
  if (left === undefined) return { kind: 'empty' };
  return { kind: 'refused', ...missing(segmentFile(1), `${left} is there, and is made after it`) };
}

interface Loaded {
  readonly replica: Replica;
  readonly head: Head | null;
  readonly salt: Uint8Array;
}

function* follow(
  source: StorageReader,
  all: readonly number[],
  { replica, head, salt }: Loaded,
  damagedSnapshots: readonly Refusal[],
  options: RecoverOptions,
): Pieces<Recovered | Refused> {
  const from = head?.segment ?? 1;
  const segments = all.filter((segment) => segment >= from);
  const gap = segments.findIndex((segment, i) => segment !== from + i);
  if (gap >= 0 || segments.length === 0) {
    const next = segments[gap];
    const because = next === undefined ? undefined : `${segmentFile(next)} is there`;
    return { kind: 'refused', ...missing(segmentFile(from + Math.max(0, gap)), because) };
  }
  const to = options.end?.segment;
  if (to !== undefined && to >= from && segments.at(-1) !== to) return { kind: 'refused', ...missing(segmentFile(to)) };
  const { check } = options;
  options.begun?.(replica);
  if (check !== undefined) replica.before = (shard, fact) => check(replica, shard, fact);
  const tail = yield* scan(source, {
    segments,
    at: head?.at ?? FILE_HEADER_BYTES,
    mayGoOn: options.end !== undefined,
    sequence: head?.sequence ?? START.sequence,
    hash: head === null ? START.hash : Buffer.from(head.hash, 'hex'),
    secret: { salt, hash: options.hash },
    acceptTornTail: options.acceptTornTail ?? false,
    end: options.end,
    visit: (frame, segment, at) => {
      options.visit?.(frame, segment, at);
      replica.takeBody(frame.body);
      options.visited?.(replica, frame);
    },
  });
  if (isRefusal(tail)) return { kind: 'refused', ...tail };
  if (head !== null && tail.last === null) {
    const disagrees = yield* disagreement(source, head, { salt, hash: options.hash });
    if (disagrees !== null) return { kind: 'refused', ...disagrees };
  }
  const apart = apartIn(replica);
  const damagedPayloads =
    options.withoutPayloads === true
      ? []
      : yield* checkPayloads(options.payloads ?? filesIn(source), replica, options.payloadHashOf);
  return { kind: 'recovered', replica, tail, salt, snapshot: head, damagedSnapshots, apart, damagedPayloads };
}

/** @returns what the snapshot says, or what is wrong with it */
export const loadSnapshot = (source: StorageReader, sequence: number, hash: Secret['hash']): Loaded | Refusal =>
  atOnce(loadingSnapshot(source, sequence, hash));

const loadingSnapshot = (source: StorageReader, sequence: number, hash: Secret['hash'], taking: Taking = {}) =>
  unlessIrregular(loadingReplica(source, sequence, hash, taking));

function* loadingReplica(
  source: StorageReader,
  sequence: number,
  hash: Secret['hash'],
  taking: Taking,
): Pieces<Loaded | Refusal> {
  const restoring = Replica.restoring(sequence, source.size(snapshotFile(sequence)), taking);
  const salt = yield* readingSnapshot(source, sequence, hash, (body) => {
    const r = new Reader(body);
    while (r.at < r.end) restoring.take(readRecord(r));
  });
  if (isRefusal(salt)) return salt;
  try {
    return { ...restoring.done(), salt };
  } catch (error) {
    return { file: snapshotFile(sequence), at: 0, why: (error as Error).message };
  }
}

/** Follows the chain of a snapshot's frames to the end of its file. @returns its salt, or what is wrong with it */
export const readSnapshot = (
  source: StorageReader,
  sequence: number,
  hash: Secret['hash'],
  visit: (body: Uint8Array) => void,
): Uint8Array | Refusal => atOnce(readingSnapshot(source, sequence, hash, visit));

function* readingSnapshot(
  source: StorageReader,
  sequence: number,
  hash: Secret['hash'],
  visit: (body: Uint8Array) => void,
): Pieces<Uint8Array | Refusal> {
  const file = snapshotFile(sequence);
  const range = windowOf(source, file);
  const header = readFileHeader(range, 'snapshot', sequence);
  if (typeof header === 'string') return { file, at: 0, why: header };
  const { salt } = header;
  let at = FILE_HEADER_BYTES;
  let previous = NO_HASH;
  for (let number = 1; ; number++) {
    const found = readFrame(range, at, { salt, hash });
    if (found.kind === 'none') return at === source.size(file) ? salt : { file, at, why: 'more than its frames' };
    if (found.kind === 'bad') return { file, at, why: found.why };
    const { frame } = found;
    if (frame.sequence !== number || Buffer.compare(frame.previous, previous) !== 0) {
      return { file, at, why: `frame ${frame.sequence} out of place` };
    }
    try {
      visit(frame.body);
    } catch (error) {
      return { file, at, why: (error as Error).message };
    }
    previous = frame.hash;
    at += frame.bytes;
    yield;
  }
}

/** Stands for a payload that is lost or damaged: nothing hashes to what its message says, so it is never delivered (IN1). */
const DAMAGED: Uint8Array = Buffer.from('damaged');

function apartIn(replica: Replica): Map<string, string> {
  const apart = new Map<string, string>();
  for (const { living } of replica.shards) {
    for (const message of living.all()) if (message.payload === APART) apart.set(message.msgId, message.payloadHash);
  }
  return apart;
}

const filesIn = (source: StorageReader): Pick<PayloadStore, 'get'> => ({
  get: (hash, done) => done(readPayload(source, hash)),
});

/** Null when there is none. @throws what kept it from being read: no reason to give a message up */
function bytesOf(found: PayloadFound): Uint8Array | null {
  if (found.found === 'unknown') throw found.error;
  if (found.found === 'damaged') return DAMAGED;
  return found.found === 'missing' ? null : found.bytes;
}

/**
 * Reads what is apart from the log, and verifies every payload that may yet be delivered (IN1). What came out of a frame gets
 * bytes of its own: one payload must not keep a megabyte of the log in memory.
 */
function* checkPayloads(
  store: Pick<PayloadStore, 'get'>,
  replica: Replica,
  payloadHashOf: (payload: Uint8Array) => string,
): Pieces<Recovered['damagedPayloads']> {
  const damaged: { msgId: string; why: string }[] = [];
  for (const shard of replica.shards) {
    for (const message of shard.living.all()) {
      yield;
      const { payloadHash } = message;
      const payload =
        message.payload === APART
          ? bytesOf(yield* answered<PayloadFound>((done) => store.get(payloadHash, done)))
          : message.payload;
      const intact = payload !== null && payloadHashOf(payload) === payloadHash;
      shard.fillPayload(message, intact ? new Uint8Array(payload) : DAMAGED);
      if (intact) continue;
      damaged.push({ msgId: message.msgId, why: payload === null ? 'missing' : 'does not match its hash' });
    }
  }
  return damaged;
}
