import type { StorageOp } from '../src/ports/storage.ts';
import type { Disk, DiskFault } from './disk.ts';
import type { Loop } from './loop.ts';
import type { Draws } from './random.ts';

/** Where a write that the machine stopped in may be cut: between sectors, or within one. */
export const TEARS = ['sector', 'byte'] as const;
export type Tear = (typeof TEARS)[number];
/** What fails of a write: all of it, or only its way from the system's cache to the disk. */
export const ERRORS_OF = ['write', 'sync'] as const;
export type ErrorOf = (typeof ERRORS_OF)[number];

/** What becomes of a segment of the log while nobody looks. */
export const LOSSES_OF = ['missing', 'shortened'] as const;
export type LossOf = (typeof LOSSES_OF)[number];

const isFrame = (op: StorageOp): op is StorageOp & { op: 'write' } => op.op === 'write' && op.durable;

/** What goes wrong on one disk at the moment, and what its owner must know of it. */
export class DiskTrouble {
  /** It said that something is on it which is not, or holds something else: nothing it has can be trusted. */
  hasLied = false;
  /** What it said to have at its end may never have been written: nobody can notice that. */
  mayShorten = false;
  /** A crash may have cut a write within a sector. */
  toreBytes = false;
  private readonly loop: Loop;
  private readonly random: Draws;
  private tear: Tear = 'sector';
  private shortUntilMs = -1;
  private lostUntilMs = -1;
  private closedUntilMs = -1;
  private error: ErrorOf | null = null;
  private misdirects = false;
  /** It is not a process that does something to the disk. */
  private isLosing = false;
  private loses: LossOf | null = null;
  private turnsTail = false;
  /** The frame at hand is written in pieces, which end within sectors; */
  private inPieces = false;
  /** where the last of them, a short one, ended. */
  private shortEnd = -1;

  constructor(loop: Loop, random: Draws) {
    this.loop = loop;
    this.random = random;
  }

  /** The faults are over; what they did stays. */
  end(disk: Disk): void {
    this.shortUntilMs = -1;
    this.lostUntilMs = -1;
    this.closedUntilMs = -1;
    this.error = null;
    this.misdirects = false;
    this.loses = null;
    disk.crashAt = 0;
    disk.makeRoom();
  }

  // ---- what is to go wrong

  writeShort(untilMs: number): void {
    this.shortUntilMs = Math.max(this.shortUntilMs, untilMs);
  }

  loseSyncs(untilMs: number): void {
    this.lostUntilMs = Math.max(this.lostUntilMs, untilMs);
  }

  /** The process has no descriptor left: nothing can be opened. */
  openNothing(untilMs: number): void {
    this.closedUntilMs = Math.max(this.closedUntilMs, untilMs);
  }

  /** The next write that must be durable. */
  fail(of: ErrorOf): void {
    this.error = of;
  }

  /** The next write that must be durable goes elsewhere. */
  misdirect(): void {
    this.misdirects = true;
  }

  /** Before the next process begins. */
  loseFile(of: LossOf): void {
    this.loses = of;
  }

  /** The machine stops in the disk's op number `ops` from now. */
  stopAt(disk: Disk, ops: number, tear: Tear): void {
    disk.crashesWithin = true;
    disk.crashAt = disk.ops + ops;
    this.tear = tear;
  }

  /** Turns a few bits of what is written. */
  flip(disk: Disk, bits: number): void {
    const places = new Places(disk);
    for (let i = 0; i < bits; i++) {
      const at = places.pick(this.random);
      if (at !== null) disk.flip(at.file, at.at, this.random.below(8));
    }
    this.hasLied = true;
  }

  /** A bit of the last frame turns before the next process looks at it. */
  flipTail(): void {
    this.turnsTail = true;
  }

  // ---- what goes wrong

  /** What is lost while no process is there: a segment that something was written to, at times with all that come after it; or a bit. */
  beforeStart(disk: Disk): void {
    const { loses, random } = this;
    if (loses === null && !this.turnsTail) return;
    const segments = disk.files('').filter((name) => /^log-[0-9]{15}$/.test(name));
    const used = segments.filter((file) => writtenOf(disk.read(file, 0, disk.size(file))) > HEADER_BYTES);
    const last = used.at(-1);
    if (this.turnsTail && last !== undefined) {
      const written = writtenOf(disk.read(last, 0, disk.size(last)));
      disk.flip(last, written - 1 - random.below(Math.min(TAIL_BYTES, written - HEADER_BYTES)), random.below(8));
      this.turnsTail = false;
      this.hasLied = true;
    }
    // A directory in which nothing else tells that there was a log looks like a new one, and is one.
    const tells = disk.files('').some((name) => name === 'reserve' || name.startsWith('snapshot-'));
    if (loses === null || used.length === 0 || !tells) return;
    this.loses = null;
    this.hasLied = true;
    const file = random.pick(used);
    if (loses === 'shortened') return disk.shorten(file, random.below(disk.size(file)));
    const gone = random.chance(0.5) ? segments.filter((other) => other >= file) : [file];
    this.isLosing = true;
    for (const name of gone) disk.now({ op: 'remove', file: name });
    disk.now({ op: 'sync_folder', folder: '' });
    this.isLosing = false;
  }

  /** Asked before every op. */
  of(op: StorageOp, disk: Disk): DiskFault | null {
    if (this.isLosing) return null;
    const { nowMs } = this.loop;
    if (nowMs < this.closedUntilMs && disk.opens(op)) return { kind: 'unbegun', code: 'EMFILE' };
    if (op.op === 'sync') this.inPieces = false;
    if (isFrame(op)) {
      const fault = this.ofFrame(disk);
      if (fault !== null) return fault;
    }
    if (op.op === 'write') {
      const bytes = this.shortOf(op, nowMs);
      if (bytes !== null) return { kind: 'short', bytes };
    }
    if ((op.op === 'sync' || isFrame(op)) && nowMs < this.lostUntilMs) {
      this.hasLied = true;
      this.mayShorten = true;
      return { kind: 'lost_sync' };
    }
    return null;
  }

  /** How much of a write is done, null for all of it. */
  private shortOf({ file, at, bytes }: StorageOp & { op: 'write' }, nowMs: number): number | null {
    const isShort = nowMs < this.shortUntilMs && bytes.byteLength > 1;
    const written = isShort ? 1 + this.random.below(bytes.byteLength) : null;
    if (file.startsWith('log-')) {
      this.inPieces = isShort || at === this.shortEnd;
      this.shortEnd = written === null ? -1 : at + written;
    }
    return written;
  }

  private ofFrame(disk: Disk): DiskFault | null {
    if (this.error !== null) {
      const cached = this.error === 'sync';
      this.error = null;
      return { kind: 'error', code: 'EIO', cached };
    }
    const place = this.misdirects ? new Places(disk).pick(this.random) : null;
    if (place === null) return null;
    this.misdirects = false;
    this.hasLied = true;
    this.mayShorten = true;
    return { kind: 'misdirected', ...place };
  }

  /** The process stops; with `machine` everything does, and chance says what of the writes under way was written. */
  crash(disk: Disk, machine: boolean): void {
    // Of two pieces in one sector the disk may have the first alone: a tear within a sector.
    this.toreBytes ||= this.inPieces;
    this.inPieces = false;
    if (!machine) return disk.kill();
    const { random, tear } = this;
    const inBytes = tear === 'byte';
    this.tear = 'sector';
    const keeps = (_sector: number, bytes: number): boolean | number => {
      if (!inBytes) return random.chance(0.5);
      this.toreBytes = true;
      return random.below(bytes + 1);
    };
    disk.crash({ keeps }, random.below(disk.unsyncedNames + 1));
  }
}

/** The bytes of a disk where something was written. While they are picked from, they may change and not become more. */
class Places {
  private readonly files: readonly { readonly file: string; readonly bytes: Uint8Array; end: number }[];

  constructor(disk: Disk) {
    this.files = disk
      .allFiles()
      .filter((file) => disk.size(file) > 0)
      .map((file) => ({ file, bytes: disk.read(file, 0, disk.size(file)), end: disk.size(file) }));
  }

  pick(random: Draws): { readonly file: string; readonly at: number } | null {
    if (this.files.length === 0) return null;
    const one = random.pick(this.files);
    one.end = writtenOf(one.bytes, one.end);
    return { file: one.file, at: random.below(one.end) };
  }
}

/** Nearer to its end than this, a frame is damaged as its tail. */
const TAIL_BYTES = 200;
/** Of a segment: what it is made with. */
const HEADER_BYTES = 512;

/** How much of a file was written, without the zeros at its end; at least 1. */
function writtenOf(bytes: Uint8Array, from = bytes.byteLength): number {
  let end = from;
  while (end > 1 && bytes[end - 1] === 0) end--;
  return end;
}
