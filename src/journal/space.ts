import type { Lack } from '../ports/journal.ts';
import type { Storage } from '../ports/storage.ts';
import { createWhole, type FileWork, removeQuietly, runLater, writeAll, writeZeros } from './file-work.ts';
import { lackOf } from './lack.ts';
import { FILE_HEADER_BYTES, fileHeader, RESERVE, segmentFile, temporary } from './layout.ts';
import { capacityOf } from './segment-file.ts';
import type { SnapshotSpace } from './snapshot-space.ts';

/** What is written as it happens and can be told to others. */
export interface SpaceEvents {
  /** What is wanting for what comes next, so that sends are to be refused; null: nothing is any more. */
  room(lack: Lack | null): void;
  /** It has been tried, and it is still wanting. */
  wanting(): void;
  /** A segment is full and will not be written any more. */
  sealed(segment: number, sequence: number): void;
  /** A disk failed: nothing was wanting. */
  failed(error: Error): void;
}

/** Segments ready beyond the one in use; the last of them is for acks and expiries when the disk is full. */
const SPARES = 2;

/** A segment as it is before use (journal rule 2): its header, and zeros. */
export const segmentSteps = (segment: number, bytes: number, salt: Uint8Array): FileWork =>
  createWhole(segmentFile(segment), temporary(segmentFile(segment)), zeroFilled(segment, bytes, salt));

function* zeroFilled(segment: number, bytes: number, salt: Uint8Array): FileWork {
  const file = temporary(segmentFile(segment));
  yield* writeAll(file, 0, fileHeader('segment', segment, salt, bytes));
  yield* writeZeros(file, FILE_HEADER_BYTES, bytes);
}

/**
 * Space for what is still to come (journal rule 5): segments are filled before they are needed, so that a write into one cannot
 * want for space, and a reserve is kept that the next snapshot can be made with on a full disk, however much is live. While any
 * of it cannot be had, sends are refused; everything else has the last spare segment, and then what that snapshot frees.
 */
export class Space {
  readonly segmentBytes: number;
  private readonly storage: Storage;
  private readonly salt: Uint8Array;
  private readonly events: SpaceEvents;
  private readonly snapshotSpace: SnapshotSpace;
  /** Where frames end in each segment that is in use or ready. */
  private readonly capacities: Map<number, number>;
  private current: number;
  private reserveBytes: number;
  /** What a snapshot that failed took from the reserve, or a crash from one under way: it gets it back before anything else gets space. */
  private owedBytes: number;
  /** It is of more use as the next segment. */
  private isGivenUp = false;
  private filling = false;
  private closed = false;
  private lack: Lack | null = null;
  /** The append that waits for the next segment. */
  private waiting: (() => void) | null = null;
  /** The append that waits for the reserve. */
  private lagging: (() => void) | null = null;
  /** A write that could not be begun. */
  private unbegun: (() => void) | null = null;
  /** A payload for which there was no room was as large as this: as much must be there for sends to be taken again. */
  private probeBytes = 0;
  /** A snapshot is under way, and takes from the reserve what it needs. */
  private isLent = false;
  private borrower: (() => void) | null = null;

  constructor(parts: {
    readonly storage: Storage;
    readonly salt: Uint8Array;
    readonly segmentBytes: number;
    readonly events: SpaceEvents;
    readonly snapshotSpace: SnapshotSpace;
    readonly current: number;
    readonly capacities: ReadonlyMap<number, number>;
    readonly reserveBytes: number;
    readonly owedBytes: number;
  }) {
    this.storage = parts.storage;
    this.salt = parts.salt;
    this.segmentBytes = parts.segmentBytes;
    this.events = parts.events;
    this.snapshotSpace = parts.snapshotSpace;
    this.current = parts.current;
    this.capacities = new Map(parts.capacities);
    this.reserveBytes = parts.reserveBytes;
    this.owedBytes = parts.owedBytes;
  }

  capacityOf(segment: number): number {
    return this.capacities.get(segment) ?? 0;
  }

  /** Calls back when the segment after `segment`, whose last frame has this sequence number, may be written. */
  nextSegment(segment: number, sequence: number, ready: () => void): void {
    if (!this.capacities.has(segment + 1)) {
      this.waiting = () => this.nextSegment(segment, sequence, ready);
      return this.fill();
    }
    this.capacities.delete(segment);
    this.isGivenUp = false;
    this.current = segment + 1;
    this.events.sealed(segment, sequence);
    this.fill();
    ready();
  }

  /** The log has grown: the reserve must, as the next snapshot may. */
  grown(): void {
    if (this.lack === null && this.reserveBytes < this.snapshotSpace.reserveBytes()) this.fill();
  }

  /** The log has grown faster than the reserve, and whether there is room for that is not known yet: nothing should be written. */
  get lags(): boolean {
    if (this.lack !== null || this.isLent || this.closed) return false;
    return this.snapshotSpace.reserveBytes() - this.reserveBytes > this.snapshotSpace.stepBytes;
  }

  /** Calls back when the reserve has caught up, or cannot. */
  whenKnown(ready: () => void): void {
    this.lagging = ready;
    this.fill();
  }

  private goOn(): void {
    const { lagging } = this;
    if (lagging === null || this.lags) return;
    this.lagging = null;
    lagging();
  }

  /** Gets what is missing, in the background. Called again later when it could not be had. */
  fill(): void {
    if (this.filling || this.closed) return;
    if (this.unbegun !== null) return this.beginAgain();
    // What comes free belongs to the snapshot that is under way.
    if (this.isLent && this.lack !== null) return;
    const steps = this.missing();
    if (steps === null) return this.tell(null);
    this.filling = true;
    runLater(this.storage, steps, (error) => {
      this.filling = false;
      this.lendNow();
      if (this.closed) return;
      if (error === null) return this.got();
      const lack = lackOf(error);
      if (lack === null) return this.events.failed(error);
      this.tell(lack);
      this.events.wanting();
    });
  }

  private got(): void {
    const { waiting } = this;
    this.waiting = null;
    waiting?.();
    this.goOn();
    this.fill();
  }

  private beginAgain(): void {
    const { unbegun } = this;
    this.unbegun = null;
    unbegun?.();
  }

  /** What would bring the next thing that is missing; null when all is there. */
  private missing(): FileWork | null {
    const { current, snapshotSpace, isLent, isGivenUp, reserveBytes } = this;
    // Before any segment: filled with what is not acked, it would take the space without which no snapshot can be made again.
    const least = isGivenUp ? 0 : Math.max(this.owedBytes, snapshotSpace.leastBytes());
    if (!isLent && reserveBytes < least) return this.growReserve(least);
    if (!this.capacities.has(current + 1)) return this.addSegment(current + 1, isGivenUp);
    if (!isLent && reserveBytes < snapshotSpace.reserveBytes())
      return this.growReserve(snapshotSpace.reserveNextBytes());
    for (let segment = current + 2; segment <= current + SPARES; segment++) {
      if (!this.capacities.has(segment)) return this.addSegment(segment);
    }
    if (!isLent && reserveBytes > snapshotSpace.reserveMostBytes())
      return this.cutReserve(snapshotSpace.reserveBytes());
    return this.probeBytes > 0 ? this.probe() : null;
  }

  private *addSegment(segment: number, ofReserve = false): FileWork {
    if (ofReserve) yield* this.cutReserve(Math.max(0, this.reserveBytes - this.segmentBytes));
    this.isGivenUp = false;
    yield* segmentSteps(segment, this.segmentBytes, this.salt);
    this.capacities.set(segment, capacityOf(this.segmentBytes));
  }

  /** What there was space for stays, even if it was not enough. */
  private *growReserve(bytes: number): FileWork {
    try {
      yield* writeZeros(RESERVE, this.reserveBytes, bytes);
      yield { op: 'sync', file: RESERVE };
      this.owedBytes = 0;
    } finally {
      this.reserveBytes = reserveIn(this.storage);
    }
  }

  private *cutReserve(bytes: number): FileWork {
    if (this.reserveBytes > 0) yield { op: 'truncate', file: RESERVE, size: bytes };
    this.reserveBytes = bytes;
  }

  private *probe(): FileWork {
    try {
      yield* writeZeros(temporary(RESERVE), 0, this.probeBytes);
      this.probeBytes = 0;
    } finally {
      yield* removeQuietly(temporary(RESERVE));
    }
  }

  // ---- snapshots

  /** Calls back when a snapshot may take from the reserve; nothing else gets space from then on while it is short. */
  lend(ready: () => void): void {
    this.borrower = ready;
    if (!this.filling) this.lendNow();
  }

  private lendNow(): void {
    const { borrower } = this;
    if (borrower === null) return;
    this.borrower = null;
    this.isLent = true;
    borrower();
    this.goOn();
  }

  /** The snapshot is made, or could not be: then the reserve gets back what it took. */
  takeBack(made: boolean): void {
    this.isLent = false;
    this.owedBytes = made ? 0 : Math.max(this.owedBytes, this.reserveBytes);
    this.reserveBytes = reserveIn(this.storage);
    this.fill();
  }

  /**
   * No snapshot can free anything, and an append waits for a segment: better a segment than a reserve that was too small. What is
   * acked in it makes the next snapshot smaller.
   */
  giveUpReserve(): void {
    if (this.reserveBytes === 0) return;
    this.owedBytes = 0;
    this.isGivenUp = true;
    this.fill();
  }

  // ---- what is wanting

  /** What was wanting last, null for nothing. */
  get wants(): Lack | null {
    return this.lack;
  }

  /** An append waits for a segment that cannot be had. */
  get isStuck(): boolean {
    return this.waiting !== null && this.lack !== null;
  }

  /** For want of this nothing was done: `again` is called when it is to be tried again. */
  postpone(lack: Lack, again: () => void): void {
    this.unbegun = again;
    this.tell(lack);
  }

  /** There was no room for a payload of so many bytes. */
  lost(lack: Lack, bytes: number): void {
    this.probeBytes = Math.max(this.probeBytes, bytes);
    this.tell(lack);
  }

  private tell(lack: Lack | null): void {
    if (this.lack === lack) return;
    this.lack = lack;
    this.events.room(lack);
    this.goOn();
  }

  close(): void {
    this.closed = true;
    this.waiting = null;
    this.lagging = null;
    this.unbegun = null;
  }
}

/** How much is kept back. Where that cannot be seen nothing is counted on: it is written again. */
function reserveIn(storage: Storage): number {
  try {
    return storage.files('').includes(RESERVE) ? storage.size(RESERVE) : 0;
  } catch {
    return 0;
  }
}
