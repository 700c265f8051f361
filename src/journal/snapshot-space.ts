import type { Snapshot } from './snapshot.ts';

/** A message in a snapshot takes at most so much more than its `sent` in the log: its state, its lease, its settled receipt. */
const MORE_BYTES = 192;

/** How far the log had come when a snapshot of it was begun. */
interface Mark {
  readonly logBytes: number;
  readonly sends: number;
  readonly ends: number;
}

/**
 * How much space the next snapshot may take, and how much of that is to be kept back for it (journal rule 5): it says no more
 * than the last one and the log since. What an older snapshot takes, with the log that only it needs, goes first when the disk
 * is full; a reserve stands for the rest.
 */
export class SnapshotSpace {
  /** The reserve grows by so much at once. */
  readonly stepBytes: number;
  private readonly segmentBytes: number;
  private snapshotBytes: number;
  private oldBytes = 0;
  private sealedBytes = 0;
  /** Since the newest snapshot, and messages that entered and left with it. */
  private logBytes: number;
  private sends: number;
  private ends: number;
  /** Messages that are there. */
  private live: number;
  private mark: Mark = { logBytes: 0, sends: 0, ends: 0 };

  constructor(parts: {
    readonly segmentBytes: number;
    readonly newest: Snapshot | undefined;
    /** Of the log since, and the messages that entered and left with it. */
    readonly logBytes: number;
    readonly sends: number;
    readonly ends: number;
    /** Messages that are there. */
    readonly live: number;
  }) {
    this.segmentBytes = parts.segmentBytes;
    this.stepBytes = Math.ceil(parts.segmentBytes / 8);
    this.snapshotBytes = parts.newest?.bytes ?? 0;
    this.logBytes = parts.logBytes;
    this.sends = parts.sends;
    this.ends = parts.ends;
    this.live = parts.live;
  }

  // ---- what happens

  /** So much was written to the log. */
  wrote(bytes: number): void {
    this.logBytes += bytes;
  }

  /** A message was taken in. */
  entered(): void {
    this.sends++;
    this.live++;
  }

  /** One is no more. */
  left(): void {
    this.ends++;
    this.live--;
  }

  /** A snapshot of everything so far is begun. */
  begin(): void {
    const { logBytes, sends, ends } = this;
    this.mark = { logBytes, sends, ends };
  }

  /** It is there. */
  made({ bytes }: Snapshot): void {
    const { logBytes, sends, ends } = this.mark;
    this.snapshotBytes = bytes;
    this.logBytes -= logBytes;
    this.sends -= sends;
    this.ends -= ends;
  }

  /**
   * What there is besides the newest snapshot and the log since it: it can go at any time. And the full segments of that log,
   * which go with the next snapshot.
   */
  keeps(oldBytes: number, sealedBytes: number): void {
    this.oldBytes = oldBytes;
    this.sealedBytes = sealedBytes;
  }

  // ---- what it comes to

  /** Without so much the next snapshot could not be made, were there as much to say as in the last one. */
  leastBytes(): number {
    return Math.min(this.reserveBytes(), (this.snapshotBytes || this.mostBytes()) + this.segmentBytes);
  }

  /** The reserve must have at least so much. */
  reserveBytes(): number {
    return this.reserveBeside(this.mostBytes(), this.oldBytes);
  }

  /** It grows to so much, */
  reserveNextBytes(): number {
    return this.reserveBeside(this.mostBytes(), this.oldBytes - this.stepBytes);
  }

  /** and beyond so much it is given up: in between lies what comes and goes with the log between two snapshots. */
  reserveMostBytes(): number {
    return this.reserveBytes() + Math.max(4 * this.segmentBytes, this.snapshotBytes / 2);
  }

  /** So much of what is old is of no more use: without it the reserve would not have to be so much larger. */
  idleBytes(): number {
    return this.oldBytes - (this.reserveBeside(this.mostBytes(), 0) - this.reserveBytes());
  }

  /** What a snapshot now would free, as far as can be told, */
  freedBytes(): number {
    return this.snapshotBytes + this.oldBytes + this.sealedBytes - this.nextBytes();
  }

  /** and how much of that would not go into a larger reserve. */
  gainBytes(): number {
    return this.freedBytes() + this.reserveBytes() - this.reserveFor(this.nextBytes());
  }

  /** At least as much was consumed since the last snapshot as is left: the next one takes half the time at most. */
  get hasHalved(): boolean {
    return this.ends > 0 && this.ends >= this.live;
  }

  /** About: with as much of it as is left of the messages. */
  private nextBytes(): number {
    return this.mostBytes() * (this.live / Math.max(1, this.live + this.ends));
  }

  private mostBytes(): number {
    return this.snapshotBytes + this.logBytes + this.sends * MORE_BYTES;
  }

  /** For a snapshot of so many bytes, and from what that frees for the reserve after it. */
  private reserveBeside(bytes: number, oldBytes: number): number {
    const freedBytes = this.snapshotBytes + this.sealedBytes;
    return Math.max(this.reserveFor(bytes - oldBytes), this.reserveFor(2 * bytes - freedBytes - oldBytes));
  }

  /** A segment more than that, for what recv and nack add to messages while it is short. */
  private reserveFor(bytes: number): number {
    return Math.max(this.segmentBytes, bytes + this.segmentBytes);
  }
}
