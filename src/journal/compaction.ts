import type { Storage } from '../ports.ts';
import type { Room } from './room.ts';
import { removeOld, type Snapshot } from './snapshot.ts';
import { isNoSpace, runLater } from './steps.ts';

/** What the journal tells of itself: for logs, metrics and readiness. */
export interface JournalEvents {
  /** Whether there is space for what comes next; without it sends must be refused (journal rule 5). */
  room(enough: boolean): void;
  compacted(snapshot: Snapshot): void;
  /** A snapshot could not be made; it will be tried again. */
  compactionFailed(error: Error): void;
}

/** Makes a snapshot of everything up to the end of a segment, off the serving path. */
export type Compactor = (upTo: number, done: (error: Error | null, snapshot: Snapshot | null) => void) => void;

/** Two snapshots are kept (journal rule 6): should one be damaged, the other and the log after it say the same. */
const KEPT = 2;
/** A snapshot is made when so many segments, and no less than half of the last snapshot's size, have filled since. */
const SEGMENTS_MIN = 2;
const SNAPSHOT_SHARE = 0.5;

/**
 * When to make snapshots, and what may go then. The log since a snapshot grows to half of its size at most, so
 * that space and work stay in proportion to what is live.
 */
export class Compaction {
  private readonly storage: Storage;
  private readonly compactor: Compactor;
  private readonly room: Room;
  private readonly events: JournalEvents;
  private readonly segmentBytes: number;
  private snapshots: Snapshot[];
  /** Full segments that no snapshot covers. */
  private uncovered: number[];
  private running = false;
  private closed = false;

  constructor(parts: {
    readonly storage: Storage;
    readonly compactor: Compactor;
    readonly room: Room;
    readonly events: JournalEvents;
    readonly segmentBytes: number;
    readonly snapshots: readonly Snapshot[];
    readonly sealed: readonly number[];
  }) {
    this.storage = parts.storage;
    this.compactor = parts.compactor;
    this.room = parts.room;
    this.events = parts.events;
    this.segmentBytes = parts.segmentBytes;
    this.snapshots = [...parts.snapshots];
    const covered = this.snapshots.at(-1)?.segment ?? 0;
    this.uncovered = parts.sealed.filter((segment) => segment >= covered);
  }

  /** This segment is full. */
  sealed(segment: number): void {
    this.uncovered.push(segment);
    const last = SNAPSHOT_SHARE * (this.snapshots.at(-1)?.bytes ?? 0);
    if (this.uncovered.length * this.segmentBytes >= Math.max(SEGMENTS_MIN * this.segmentBytes, last)) this.start();
  }

  /** Makes a snapshot of all that is full, unless there is nothing, or one is being made. */
  start(): void {
    const upTo = this.uncovered.at(-1);
    if (this.running || this.closed || upTo === undefined) return;
    this.running = true;
    this.compactor(upTo, (error, snapshot) => {
      if (snapshot !== null) return this.made(snapshot);
      if (!isNoSpace(error)) return this.ended(error);
      // The reserve is for this: what a snapshot frees is more than it takes.
      runLater(this.storage, this.room.releaseReserve(), () =>
        this.compactor(upTo, (again, second) => (second === null ? this.ended(again) : this.made(second))),
      );
    });
  }

  private made(snapshot: Snapshot): void {
    // On a full disk one must do: what the second would keep is the space that everything waits for.
    this.snapshots = [...this.snapshots, snapshot].slice(this.room.isShort ? -1 : -KEPT);
    this.uncovered = this.uncovered.filter((segment) => segment >= snapshot.segment);
    this.events.compacted(snapshot);
    if (this.closed) return;
    const enough = this.snapshots.length === KEPT || this.room.isShort;
    if (!enough) return this.ended(null);
    runLater(this.storage, removeOld(this.storage, this.snapshots), (error) => this.ended(error));
  }

  private ended(error: Error | null): void {
    this.running = false;
    if (this.closed) return;
    if (error !== null) this.events.compactionFailed(error);
    this.room.fill();
  }

  close(): void {
    this.closed = true;
  }
}
