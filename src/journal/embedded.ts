import type { Batch, Journal, Storage } from '../ports.ts';
import { Compaction, type Compactor, type JournalEvents } from './compaction.ts';
import { NO_HASH, type Secret } from './frame.ts';
import { FILE_HEADER_BYTES, filesOf, segmentFile, snapshotFile } from './layout.ts';
import { create, mend } from './mend.ts';
import { INLINE_BYTES_MAX } from './payloads.ts';
import { type Recovered, type RecoverOptions, recover } from './recover.ts';
import { Room } from './room.ts';
import { FRAME_BYTES, SegmentLog } from './segment-log.ts';
import { snapshotsIn } from './snapshot.ts';
import { runNow } from './steps.ts';
import type { Refusal } from './walk.ts';

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
  /** Payloads beyond this many bytes are kept in files of their own. */
  readonly inlineBytesMax?: number;
  /** A frame that holds so many bytes takes no other decision; it must fit into a segment all the same. */
  readonly frameBytes?: number;
  /** 16 random bytes. */
  readonly freshSalt: () => Uint8Array;
  readonly compactor: Compactor;
  readonly events: JournalEvents;
}

/** The embedded journal: the log, its space, its snapshots. */
export class EmbeddedJournal implements Journal {
  /** Of the process that opened it: its first fact must be `started` with this. */
  readonly epoch: number;
  /** What was found; null in a new directory. */
  readonly recovered: Recovered | null;
  private readonly storage: Storage;
  private readonly log: SegmentLog;
  private readonly room: Room;
  private readonly compaction: Compaction;

  /** Recovers, mends and opens. Synchronous: nothing is served before. @throws JournalRefused */
  constructor(options: JournalOptions) {
    const { storage, recovering, segmentBytes, freshSalt, compactor, events } = options;
    const found = options.found ?? recover(storage, recovering);
    if (found.kind === 'refused') throw new JournalRefused(found);
    const recovered = found.kind === 'recovered' ? found : null;
    const salt = recovered?.salt ?? freshSalt();
    runNow(storage, recovered === null ? create(storage, salt, segmentBytes) : mend(storage, recovered, segmentBytes));
    this.recovered = recovered;
    this.epoch = (recovered?.replica.epoch ?? 0) + 1;
    this.storage = storage;
    const { tail } = recovered ?? { tail: { segment: 1, at: FILE_HEADER_BYTES, sequence: 0, hash: NO_HASH } };
    const secret: Secret = { salt, hash: recovering.hash };
    const files = filesOf(storage);
    const capacities = new Map(
      files.segments.filter((n) => n >= tail.segment).map((n) => [n, storage.size(segmentFile(n))]),
    );
    const { hasReserve } = files;
    this.room = new Room({
      storage,
      salt,
      segmentBytes,
      current: tail.segment,
      capacities,
      hasReserve,
      events: {
        room: (enough) => events.room(enough),
        sealed: (segment) => this.compaction.sealed(segment),
        failed: (error) => this.log.fail(error),
      },
    });
    const { segment, at, sequence, hash } = tail;
    const apart = recovered?.apart ?? new Map<string, string>();
    const position = { segment, at, sequence, hash };
    const { inlineBytesMax = INLINE_BYTES_MAX, frameBytes = FRAME_BYTES } = options;
    const { epoch, room } = this;
    this.log = new SegmentLog({ storage, secret, epoch, position, room, apart, inlineBytesMax, frameBytes });
    const damaged = recovered?.damagedSnapshots.map(({ file }) => file) ?? [];
    this.compaction = new Compaction({
      storage,
      compactor,
      room: this.room,
      events,
      segmentBytes,
      snapshots: snapshotsIn(storage, recovering.hash).filter(
        ({ sequence }) => !damaged.includes(snapshotFile(sequence)),
      ),
      sealed: files.segments.filter((number) => number < tail.segment),
    });
    this.room.fill();
  }

  append(batches: readonly Batch[], done: (error: Error | null) => void): void {
    this.log.append(batches, done);
  }

  /** Tries again what could not be had: to be called about once a second. */
  retry(): void {
    this.room.fill();
    if (this.room.isShort) this.compaction.start();
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
    this.room.close();
    this.compaction.close();
  }
}
