import type { Batch } from '../ports/journal.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import type { Storage } from '../ports/storage.ts';
import type { AppendLog } from './append-log.ts';
import { Compaction, type Compactor, type JournalEvents } from './compaction.ts';
import { runNow } from './file-work.ts';
import { NO_HASH, type Secret, topicKeyOf } from './frame.ts';
import { trim } from './kept-history.ts';
import { FILE_HEADER_BYTES, filesOf, RESERVE, segmentFile, snapshotFile } from './layout.ts';
import { PayloadFiles } from './payload-files.ts';
import { INLINE_BYTES_MAX, PayloadUses } from './payload-uses.ts';
import { type Recovered, type RecoverOptions, recover } from './recover.ts';
import { isRefusal, type Refusal } from './refusal.ts';
import { create, repair } from './repair.ts';
import type { Replica } from './replica.ts';
import type { LogEnd } from './scan.ts';
import { openSegment, type SegmentFile } from './segment-file.ts';
import { FRAME_BYTES, SegmentLog } from './segment-log.ts';
import { type Snapshot, snapshotsIn } from './snapshot.ts';
import { SnapshotSpace } from './snapshot-space.ts';
import { Space } from './space.ts';

/** The journal that was found is not opened: the message names file, place and reason. */
export class JournalRefused extends Error {
  readonly setting = 'data';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`journal: ${refusal.file} at ${refusal.at}: ${refusal.why}`);
    this.refusal = refusal;
  }
}

export interface JournalOptions {
  readonly storage: Storage;
  readonly recovering: RecoverOptions;
  /** What recovery found, where that is done already. */
  readonly found?: ReturnType<typeof recover>;
  readonly segmentBytes: number;
  /** Where payloads are kept that are too large for the log; without it in files of the same directory. */
  readonly payloads?: PayloadStore;
  /** Payloads beyond this many bytes are. */
  readonly inlineBytesMax?: number;
  /** A frame that holds so many bytes takes no other decision; it must fit into a segment all the same. */
  readonly frameBytes?: number;
  /** 16 random bytes. */
  readonly freshSalt: () => Uint8Array;
  readonly compactor: Compactor;
  /** So much of what no start needs any more is kept for the feed (B10), in a folder that is there; 0 without it. */
  readonly historyBytes?: number;
  readonly events: JournalEvents;
}

/** What was found whole, or has just been made. @throws JournalRefused */
function mustOpen(storage: Storage, number: number): SegmentFile {
  const segment = openSegment(storage, number);
  if (isRefusal(segment)) throw new JournalRefused(segment);
  return segment;
}

/** The embedded journal: the log, its space, its snapshots. */
export class EmbeddedJournal implements AppendLog {
  /** Of the process that opened it: its first fact must be `started` with this. */
  readonly term: number;
  /** Follows from the secret of the directory, which no reply shows. */
  readonly topicKey: Uint8Array;
  /** What was found; null in a new directory. */
  readonly recovered: Recovered | null;
  /** A write that was cut off is put aside; false where a full disk left no space for it. */
  readonly isTornKept: boolean;
  private readonly storage: Storage;
  private readonly log: SegmentLog;
  private readonly space: Space;
  private readonly compaction: Compaction;

  /** Recovers, mends and opens. Synchronous: nothing is served before. @throws JournalRefused */
  constructor(options: JournalOptions) {
    const { storage, recovering, segmentBytes, freshSalt, compactor, events } = options;
    const found = options.found ?? recover(storage, recovering);
    if (found.kind === 'refused') throw new JournalRefused(found);
    const recovered = found.kind === 'recovered' ? found : null;
    const salt = recovered?.salt ?? freshSalt();
    if (recovered === null) runNow(storage, create(storage, salt, segmentBytes));
    runNow(storage, trim(storage, options.historyBytes ?? 0, recovering.hash));
    this.isTornKept = recovered === null || runNow(storage, repair(storage, recovered));
    const apart = recovered?.apart ?? new Map<string, string>();
    const store = options.payloads ?? new PayloadFiles(storage);
    if (recovered !== null) removeOthers(store, new Set(apart.values()));
    this.recovered = recovered;
    this.term = (recovered?.replica.term ?? 0) + 1;
    this.storage = storage;
    const { tail } = recovered ?? { tail: { segment: 1, at: FILE_HEADER_BYTES, sequence: 0, hash: NO_HASH } };
    const secret: Secret = { salt, hash: recovering.hash };
    this.topicKey = topicKeyOf(secret);
    const files = filesOf(storage);
    const ready = files.segments.filter((number) => number >= tail.segment).map((number) => mustOpen(storage, number));
    const capacities = new Map(ready.map(({ number, capacity }) => [number, capacity]));
    const sealsFrom = 1 + Math.max(0, ...ready.filter(({ canBeSealed }) => !canBeSealed).map(({ number }) => number));
    const bytesOf = new Map(files.segments.map((segment) => [segment, storage.size(segmentFile(segment))]));
    const damaged = recovered?.damagedSnapshots.map(({ file }) => file) ?? [];
    const snapshots = snapshotsIn(storage, recovering.hash).filter(
      ({ sequence }) => !damaged.includes(snapshotFile(sequence)),
    );
    const newest = snapshots.at(-1);
    const live = recovered === null ? 0 : liveIn(recovered.replica);
    const snapshotSpace = new SnapshotSpace({
      segmentBytes,
      newest,
      logBytes: logBytes(bytesOf, tail, newest),
      sends: recovered?.replica.entered ?? 0,
      ends: recovered?.replica.left ?? 0,
      live,
    });
    this.space = new Space({
      storage,
      salt,
      segmentBytes,
      current: tail.segment,
      capacities,
      reserveBytes: files.hasReserve ? storage.size(RESERVE) : 0,
      owedBytes: recovered === null ? 0 : snapshotSpace.leastBytes(),
      snapshotSpace,
      events: {
        room: (lack) => events.room(lack),
        wanting: () => this.compaction.makeRoom(this.log.end),
        sealed: (segment, sequence) => this.compaction.sealed(segment, sequence),
        failed: (error) => this.log.fail(error),
      },
    });
    const { segment, at, sequence, hash } = tail;
    const payloads = { store, uses: new PayloadUses(store, apart) };
    const position = { segment, at, sequence, hash };
    const { inlineBytesMax = INLINE_BYTES_MAX, frameBytes = FRAME_BYTES } = options;
    const { term, space } = this;
    this.log = new SegmentLog({
      ...{ storage, secret, term, position, space, snapshotSpace, payloads, inlineBytesMax, frameBytes, sealsFrom },
    });
    this.compaction = new Compaction({
      storage,
      compactor,
      space: this.space,
      snapshotSpace,
      events,
      segmentBytes,
      history: { bytes: options.historyBytes ?? 0, hash: recovering.hash },
      snapshots,
      sealed: files.segments.filter((number) => number < tail.segment),
    });
    this.space.fill();
  }

  append(batches: readonly Batch[], done: (error: Error | null) => void): void {
    this.log.append(batches, done);
  }

  /** Tries again what could not be had: to be called about once a second, with the service's clock. */
  retry(nowMs: number): void {
    this.compaction.tick(nowMs, this.log.isIdle);
    this.space.fill();
  }

  /** Says in short what is durable by now, so that the next recovery is shorter. */
  snapshot(done: (error: Error | null) => void): void {
    this.compaction.make(() => this.log.end, done);
  }

  /** Where the log ends, durably. */
  get end(): { readonly segment: number; readonly at: number; readonly sequence: number } {
    return this.log.end;
  }

  /** Bytes of all its files. */
  bytesOnDisk(): number {
    return this.storage.files('').reduce((sum, file) => sum + this.storage.size(file), 0);
  }

  /** Begins nothing new; what is under way ends by itself. */
  close(): void {
    this.space.close();
    this.compaction.close();
  }
}

/** A disk that fails before anybody is served refuses the start; a store that takes its time, and then fails, has another chance at the next. */
function removeOthers(store: PayloadStore, needed: ReadonlySet<string>): void {
  const errors: (Error | null)[] = [];
  store.keepOnly(needed, (error) => errors.push(error));
  const [error = null] = errors;
  if (error !== null) throw error;
}

/** What the log since a snapshot takes, at most: the last segment as far as it is written, the others whole. */
function logBytes(bytesOf: ReadonlyMap<number, number>, end: LogEnd, since: Snapshot | undefined): number {
  let bytes = end.at - (since?.segment === end.segment ? since.at : 0);
  for (const [segment, size] of bytesOf) if (segment >= (since?.segment ?? 0) && segment < end.segment) bytes += size;
  return bytes;
}

const liveIn = ({ shards }: Replica): number => shards.reduce((sum, { living }) => sum + living.size, 0);
