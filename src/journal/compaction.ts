import type { Lack } from '../ports/journal.ts';
import type { Storage } from '../ports/storage.ts';
import { runLater } from './file-work.ts';
import type { Secret } from './frame.ts';
import { historyBytes, retire } from './kept-history.ts';
import { FILE_HEADER_BYTES, filesOf, segmentFile, snapshotFile } from './layout.ts';
import { type Covered, oldFiles, type Snapshot } from './snapshot.ts';
import type { SnapshotSpace } from './snapshot-space.ts';
import type { Space } from './space.ts';

/** What the journal tells of itself: for logs, metrics and readiness. */
export interface JournalEvents {
  /** What is wanting for what comes next: without it sends must be refused (journal rule 5). Null: nothing any more. */
  room(lack: Lack | null): void;
  compacted(snapshot: Snapshot): void;
  /** A snapshot could not be made; it will be tried again. */
  compactionFailed(error: Error): void;
}

/** Makes a snapshot off the serving path. */
export type Compactor = (covered: Covered, done: (error: Error | null, snapshot: Snapshot | null) => void) => void;

/** Two snapshots are kept (journal rule 6): should one be damaged, the other and the log after it say the same. */
const KEPT = 2;
/** A snapshot is made when so many segments, and no less than half of the last snapshot's size, have filled since. */
const SEGMENTS_MIN = 2;
const SNAPSHOT_SHARE = 0.5;
/** On a full disk where nothing is consumed one is made now and then all the same: what is remembered ends with time alone. */
const IDLE_TICKS = 30;
const IDLE_REST = 20;
/** On a full disk so many times as long as a snapshot took goes by until the next, while it empties slowly. */
const REST = 2;

/**
 * When to make snapshots, and what may go then. The log since a snapshot grows to half of its size at most, so that space and
 * work stay in proportion to what is live. On a full disk one is made as soon as something was consumed.
 */
export class Compaction {
  private readonly storage: Storage;
  private readonly compactor: Compactor;
  private readonly space: Space;
  private readonly snapshotSpace: SnapshotSpace;
  private readonly events: JournalEvents;
  private readonly segmentBytes: number;
  /** What goes is kept for the feed, up to so many bytes of it. */
  private readonly history: { readonly bytes: number; readonly hash: Secret['hash'] };
  private hasHistory = false;
  private snapshots: Snapshot[];
  /** Full segments of which the newest snapshot does not cover all. */
  private uncovered: readonly number[];
  /** What there is besides the newest snapshot and the log since. */
  private oldBytes = 0;
  private running = false;
  /** Who waits for a snapshot that was asked for. */
  private waiting: ((error: Error | null) => void)[] = [];
  private closed = false;
  /** What may go could not be removed yet. */
  private untidy = false;
  /** The last frame that a snapshot was to cover which could not be made. */
  private failedAt = 0;
  /** Ticks since a snapshot was begun, and how many must be for the next one that is made for want of space. */
  private ticks = 0;
  private rest = 0;
  private idleRest = IDLE_TICKS;
  /** Whatever is not in the log yet is no earlier than this. */
  private asOfMs = 0;
  private tickedMs = 0;

  constructor(parts: {
    readonly storage: Storage;
    readonly compactor: Compactor;
    readonly space: Space;
    readonly snapshotSpace: SnapshotSpace;
    readonly events: JournalEvents;
    readonly segmentBytes: number;
    readonly history: { readonly bytes: number; readonly hash: Secret['hash'] };
    readonly snapshots: readonly Snapshot[];
    readonly sealed: readonly number[];
  }) {
    this.storage = parts.storage;
    this.compactor = parts.compactor;
    this.space = parts.space;
    this.snapshotSpace = parts.snapshotSpace;
    this.events = parts.events;
    this.segmentBytes = parts.segmentBytes;
    this.history = parts.history;
    this.snapshots = [...parts.snapshots];
    this.uncovered = parts.sealed;
    this.covered();
  }

  private get newest(): Snapshot | undefined {
    return this.snapshots.at(-1);
  }

  private covered(): void {
    this.uncovered = this.uncovered.filter((segment) => segment >= (this.newest?.segment ?? 0));
    this.hasHistory = historyBytes(this.storage) > 0;
    this.keeps(oldBytes(this.storage, this.newest));
  }

  private keeps(oldBytes: number): void {
    this.oldBytes = oldBytes;
    this.snapshotSpace.keeps(oldBytes, this.uncovered.length * this.segmentBytes);
  }

  /** This segment is full, and this was its last frame. */
  sealed(segment: number, sequence: number): void {
    this.uncovered = [...this.uncovered, segment];
    this.keeps(this.oldBytes);
    const last = SNAPSHOT_SHARE * (this.newest?.bytes ?? 0);
    if (this.uncovered.length * this.segmentBytes < Math.max(SEGMENTS_MIN * this.segmentBytes, last)) return;
    this.start({ segment: segment + 1, at: FILE_HEADER_BYTES, sequence });
  }

  /** To be called about once a second, with the service's clock; `isIdle`: no append is under way. */
  tick(nowMs: number, isIdle: boolean): void {
    this.ticks++;
    // What was decided before the last tick was appended before this one.
    if (isIdle) this.asOfMs = this.tickedMs;
    this.tickedMs = nowMs;
    if (this.untidy && !this.running && !this.closed) this.tidy();
  }

  /** Makes one of everything up to here, after the one that is under way. `done` gets why none could be made. */
  make(end: () => Omit<Covered, 'asOfMs'>, done: (error: Error | null) => void): void {
    if (this.closed) return done(new Error('journal: closed'));
    if (this.running) this.waiting.push(() => this.make(end, done));
    else if (end().sequence === (this.newest?.sequence ?? 0)) done(null);
    else {
      this.waiting.push(done);
      this.start(end());
    }
  }

  /** Makes room on a full disk, if there is anything to make it of. */
  makeRoom(end: Omit<Covered, 'asOfMs'>): void {
    if (this.running || this.closed || this.untidy || this.space.wants !== 'disk_space') return;
    if (this.hasHistory) return this.tidy();
    if (this.snapshotSpace.idleBytes() > this.snapshotSpace.stepBytes) return this.keepOne();
    const isNew = end.sequence !== this.newest?.sequence && end.sequence !== this.failedAt;
    if (this.space.isStuck ? this.isWayOut(isNew) : isNew && this.isWorthwhile()) return this.start(end, this.asOfMs);
    if (this.ticks >= this.idleRest) this.start(end, this.asOfMs);
  }

  /** However slowly the disk empties, and however large they are, snapshots are not all that is done. */
  private isWorthwhile(): boolean {
    return this.snapshotSpace.gainBytes() > 0 && (this.snapshotSpace.hasHalved || this.ticks >= this.rest);
  }

  /**
   * Nothing can be appended: a snapshot, whatever it seems to free, for that is no more than an estimate of what the log says twice;
   * and only when there is nothing new in the log, the reserve, without which there may never be one again.
   */
  private isWayOut(isNew: boolean): boolean {
    if (!isNew) this.space.giveUpReserve();
    return isNew;
  }

  private start(end: Omit<Covered, 'asOfMs'>, asOfMs = 0): void {
    if (this.running || this.closed) return;
    this.running = true;
    this.ticks = 0;
    this.snapshotSpace.begin();
    const { segment, at, sequence } = end;
    this.space.lend(() =>
      this.compactor({ segment, at, sequence, asOfMs }, (error, snapshot) => {
        this.rest = Math.max(1, (1 + REST) * this.ticks);
        this.idleRest = Math.max(IDLE_TICKS, (1 + IDLE_REST) * this.ticks);
        if (snapshot !== null) return this.made(snapshot);
        this.failedAt = sequence;
        this.ended(error);
      }),
    );
  }

  private made(snapshot: Snapshot): void {
    this.snapshotSpace.made(snapshot);
    const others = this.snapshots.filter(({ sequence }) => sequence !== snapshot.sequence);
    this.snapshots = [...others, snapshot].slice(-KEPT);
    this.events.compacted(snapshot);
    if (this.closed) return;
    // On a full disk one must do: what the second would keep is the space that everything waits for.
    if (this.space.wants === 'disk_space') return this.keepOne();
    if (this.snapshots.length === KEPT) return this.tidy();
    this.ended(null);
  }

  private keepOne(): void {
    this.snapshots = this.snapshots.slice(-1);
    this.tidy();
  }

  /** Removes what no recovery from the snapshots that are kept would need, and on a full disk what is kept of that for the feed. */
  private tidy(): void {
    this.running = true;
    const { storage, snapshots, history } = this;
    const bytes = this.space.wants === 'disk_space' ? 0 : history.bytes;
    const work = retire(storage, oldFiles(storage, snapshots), { ...history, bytes });
    runLater(storage, work, (error) => this.ended(error, error !== null));
  }

  private ended(error: Error | null, untidy = false): void {
    this.running = false;
    if (this.closed) return;
    this.untidy = untidy;
    if (error !== null) this.events.compactionFailed(error);
    try {
      this.covered();
    } catch {
      this.untidy = true;
    }
    this.space.takeBack(error === null);
    const { waiting } = this;
    this.waiting = [];
    for (const done of waiting) done(error);
  }

  close(): void {
    this.closed = true;
    const { waiting } = this;
    this.waiting = [];
    for (const done of waiting) done(new Error('journal: closed'));
  }
}

function oldBytes(storage: Storage, newest: Snapshot | undefined): number {
  if (newest === undefined) return 0;
  const { segments, snapshots } = filesOf(storage);
  const old = [
    ...snapshots.filter((sequence) => sequence !== newest.sequence).map(snapshotFile),
    ...segments.filter((segment) => segment < newest.segment).map(segmentFile),
  ];
  return old.reduce((sum, file) => sum + storage.size(file), 0);
}
