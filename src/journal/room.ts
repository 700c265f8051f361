import type { Storage } from '../ports.ts';
import { FILE_HEADER_BYTES, fileHeader, RESERVE, segmentFile, temporary } from './layout.ts';
import { capacityOf } from './segment-file.ts';
import { createWhole, isNoSpace, removeQuietly, runLater, type Steps, writeAll, writeZeros } from './steps.ts';

/** What is written as it happens and can be told to others. */
export interface RoomEvents {
  /** False: there is no space for what is needed beforehand, sends are to be refused; true: there is again. */
  room(enough: boolean): void;
  /** A segment is full and will not be written any more. */
  sealed(segment: number, sequence: number): void;
  /** A disk failed otherwise than for want of space. */
  failed(error: Error): void;
}

/** Segments ready beyond the one in use; the last of them is for acks and expiries when the disk is full. */
const SPARES = 2;

/** A segment as it is before use (journal rule 2): its header, and zeros. */
export const segmentSteps = (segment: number, bytes: number, salt: Uint8Array): Steps =>
  createWhole(segmentFile(segment), temporary(segmentFile(segment)), zeroFilled(segment, bytes, salt));

function* zeroFilled(segment: number, bytes: number, salt: Uint8Array): Steps {
  const file = temporary(segmentFile(segment));
  yield* writeAll(file, 0, fileHeader('segment', segment, salt, bytes));
  yield* writeZeros(file, FILE_HEADER_BYTES, bytes);
}

/**
 * Space for what is still to come (journal rule 5): segments are filled before they are needed, so that a write into one
 * cannot want for space, and a reserve of the same size lets a snapshot be taken on a full disk. While any of it cannot
 * be had, sends are refused; everything else has the last spare segment.
 */
export class Room {
  readonly segmentBytes: number;
  private readonly storage: Storage;
  private readonly salt: Uint8Array;
  private readonly events: RoomEvents;
  /** Where frames end in each segment that is in use or ready. */
  private readonly capacities: Map<number, number>;
  private current: number;
  private hasReserve: boolean;
  private filling = false;
  private short = false;
  private closed = false;
  private waiting: (() => void) | null = null;

  constructor(parts: {
    readonly storage: Storage;
    readonly salt: Uint8Array;
    readonly segmentBytes: number;
    readonly events: RoomEvents;
    readonly current: number;
    readonly capacities: ReadonlyMap<number, number>;
    readonly hasReserve: boolean;
  }) {
    this.storage = parts.storage;
    this.salt = parts.salt;
    this.segmentBytes = parts.segmentBytes;
    this.events = parts.events;
    this.current = parts.current;
    this.capacities = new Map(parts.capacities);
    this.hasReserve = parts.hasReserve;
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
    this.current = segment + 1;
    this.events.sealed(segment, sequence);
    this.fill();
    ready();
  }

  /** Gets what is missing, in the background. Called again later when it could not be had. */
  fill(): void {
    if (this.filling || this.closed) return;
    const steps = this.missing();
    if (steps === null) return this.tell(true);
    this.filling = true;
    runLater(this.storage, steps, (error) => {
      this.filling = false;
      if (this.closed) return;
      if (error === null) {
        const { waiting } = this;
        this.waiting = null;
        waiting?.();
        return this.fill();
      }
      if (!isNoSpace(error)) return this.events.failed(error);
      this.tell(false);
    });
  }

  /** What would bring the next thing that is missing; null when all is there. */
  private missing(): Steps | null {
    const { current } = this;
    if (!this.capacities.has(current + 1)) return this.addSegment(current + 1);
    if (!this.hasReserve) return this.addReserve();
    for (let segment = current + 2; segment <= current + SPARES; segment++) {
      if (!this.capacities.has(segment)) return this.addSegment(segment);
    }
    return null;
  }

  private *addSegment(segment: number): Steps {
    yield* segmentSteps(segment, this.segmentBytes, this.salt);
    this.capacities.set(segment, capacityOf(this.segmentBytes));
  }

  private *addReserve(): Steps {
    yield* createWhole(RESERVE, temporary(RESERVE), writeZeros(temporary(RESERVE), 0, this.segmentBytes));
    this.hasReserve = true;
  }

  /** Gives the reserve up, so that something that frees more can be done; it is made again by `fill`. */
  *releaseReserve(): Steps {
    if (!this.hasReserve) return;
    this.hasReserve = false;
    yield* removeQuietly(RESERVE);
  }

  get isShort(): boolean {
    return this.short;
  }

  /** A write elsewhere found the disk full. */
  lost(): void {
    this.tell(false);
  }

  private tell(enough: boolean): void {
    if (this.short === !enough) return;
    this.short = !enough;
    this.events.room(enough);
  }

  close(): void {
    this.closed = true;
    this.waiting = null;
  }
}
