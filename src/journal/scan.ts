import type { StorageReader } from '../ports/storage.ts';
import { type Found, type Frame, findHeader, NO_HASH, readFrame, type Secret } from './frame.ts';
import { FILE_HEADER_BYTES, segmentFile, snapshotFile } from './layout.ts';
import type { Pieces } from './pieces.ts';
import type { Head } from './record-items.ts';
import { isRefusal, missing, type Refusal } from './refusal.ts';
import {
  firstWritten,
  openSegment,
  piecesOf,
  type Seal,
  type SegmentFile,
  spareProblem,
  writtenFrom,
} from './segment-file.ts';

export type { Refusal } from './refusal.ts';

/** The end of the log: everything before it is whole. */
export interface Tail {
  /** Where the next frame goes. */
  readonly segment: number;
  readonly at: number;
  /** How far a write that was cut off reached; `at` when there was none. */
  readonly tornEnd: number;
  /** Place and length of the last frame, null in an empty log. */
  readonly last: { readonly segment: number; readonly at: number; readonly bytes: number } | null;
  readonly sequence: number;
  readonly hash: Uint8Array;
}

export interface ScanOptions {
  /** Segments there are, each one more than the one before; the first is where to begin. */
  readonly segments: readonly number[];
  /** There may be others beyond them, which are not looked at. */
  readonly mayGoOn: boolean;
  /** Where in that to begin. */
  readonly at: number;
  /** The frame before the first one to visit. */
  readonly sequence: number;
  readonly hash: Uint8Array;
  readonly secret: Secret;
  readonly visit: (frame: Frame, segment: number, at: number) => void;
  /** Takes a damaged last frame for a torn one: the operator's word. */
  readonly acceptTornTail: boolean;
  /** Only as far as this: what comes after is still being written. */
  readonly end?: LogEnd | undefined;
}
/** A place between two frames. */
export interface LogEnd {
  readonly segment: number;
  readonly at: number;
}

/**
 * Follows the chain of frames to its end (journal rule 3). A bad frame with any valid one after it: refused, for what
 * was acknowledged is damaged. A bad last frame: torn when it shows zeros where a write was cut off, else refused. So is
 * whatever else was not left by a write: a segment that is missing, shorter than it was made, or not as it was made beyond the end.
 */
export function* scan(source: StorageReader, options: ScanOptions): Pieces<Tail | Refusal> {
  const log = new Walk(source, options);
  for (const number of options.segments) {
    const segment = openSegment(source, number);
    if (isRefusal(segment)) return segment;
    const from = number === options.segments[0] ? options.at : FILE_HEADER_BYTES;
    const end = yield* log.through(segment, from);
    if (end !== null) return end;
  }
  return missing(segmentFile(options.segments[0] ?? 1));
}

class Walk {
  private readonly source: StorageReader;
  private readonly options: ScanOptions;
  private sequence: number;
  private hash: Uint8Array;
  private last: Tail['last'] = null;
  /** Where the frames ended in a segment that is not sealed, though the next one holds something: it must go on there. */
  private unsealed: SegmentFile | null = null;

  constructor(source: StorageReader, options: ScanOptions) {
    this.source = source;
    this.options = options;
    this.sequence = options.sequence;
    this.hash = options.hash;
  }

  /** The frames of the next segment from a place on. @returns null when the log goes on after it */
  *through(segment: SegmentFile, from: number): Pieces<Tail | Refusal | null> {
    const { file, number, salt } = segment;
    const { secret, end } = this.options;
    if (Buffer.compare(salt, secret.salt) !== 0) return { file, at: 0, why: 'of another journal' };
    const isEnd = (at: number): boolean => number === end?.segment && at >= end.at;
    for (let at = from; ; ) {
      if (isEnd(at)) return this.tail(segment, at, at);
      const found = this.frameAt(segment, at);
      if (found.kind !== 'frame') return this.endOf(segment, at, found);
      const wrong = this.take(found.frame, segment, at);
      if (wrong !== null) return { file, at, why: wrong };
      at += found.frame.bytes;
      yield;
    }
  }

  private frameAt({ frames }: SegmentFile, at: number): Found {
    const found = readFrame(frames, at, this.options.secret);
    if (found.kind === 'frame') return found;
    // A process may have written it since the window was read.
    frames.again();
    return readFrame(frames, at, this.options.secret);
  }

  private take(frame: Frame, { number }: SegmentFile, at: number): string | null {
    if (frame.sequence !== this.sequence + 1 || Buffer.compare(frame.previous, this.hash) !== 0) {
      return `frame ${frame.sequence} does not follow frame ${this.sequence}`;
    }
    try {
      this.options.visit(frame, number, at);
    } catch (error) {
      return `frame ${frame.sequence}: ${(error as Error).message}`;
    }
    this.unsealed = null;
    this.last = { segment: number, at, bytes: frame.bytes };
    this.sequence = frame.sequence;
    this.hash = frame.hash;
    return null;
  }

  private tail({ number }: SegmentFile, at: number, tornEnd: number): Tail {
    const { last, sequence, hash } = this;
    return { segment: number, at, tornEnd, last, sequence, hash };
  }

  /** No whole frame stands here. @returns null when the log goes on in the next segment */
  private endOf(segment: SegmentFile, at: number, found: Exclude<Found, { kind: 'frame' }>): Tail | Refusal | null {
    const { source, sequence } = this;
    const { file, number } = segment;
    const { segments, mayGoOn, secret, acceptTornTail } = this.options;
    const beyond = segments.filter((other) => other > number);
    const why = found.kind === 'bad' ? found.why : 'frame missing';
    const seal = segment.seal(secret);
    const within = laterFrame(source, file, at, sequence + 1, secret);
    if (found.kind === 'none' && within < 0) {
      const isWhole = seal?.sequence === sequence && Buffer.compare(seal.hash, this.hash) === 0;
      if (isWhole) return this.nextOf(segment, at, beyond[0]);
      if (seal === null && this.goesOn(segment, beyond[0])) return null;
    }
    // Where nothing stands here, nothing may stand in those beyond either.
    const elsewhere = found.kind === 'none' ? null : laterIn(source, beyond, sequence + 1, secret);
    const later = within >= 0 ? { file, at: within } : elsewhere;
    if (later !== null) return { file, at, why: `${why}, with a valid frame after it in ${later.file} at ${later.at}` };
    if (seal !== null) return { file, at, why: `${why}: it was full with frame ${seal.sequence}, this is ${sequence}` };
    const { unsealed } = this;
    if (unsealed !== null) return { file, at, why: `holds something, and the log ends before it in ${unsealed.file}` };
    const torn = found.kind === 'none' || found.torn || acceptTornTail;
    if (!torn) return { file, at, why: `${why}: the last frame is damaged, and not as a write that was cut off` };
    for (const spare of mayGoOn ? [] : beyond) {
      const problem = spareProblem(source, spare, secret);
      if (problem !== null) return problem;
    }
    return this.tail(segment, at, at + writtenFrom(source, segment, at));
  }

  /** After a sealed segment there is another, whether something was written to it or not. */
  private nextOf(segment: SegmentFile, at: number, next: number | undefined): Tail | Refusal | null {
    if (next !== undefined) return null;
    if (this.options.mayGoOn) return this.tail(segment, at, at);
    return missing(segmentFile(segment.number + 1), `${segment.file} is full, and the log goes on`);
  }

  /** Whether something was written to the segment after one that is not sealed. */
  private goesOn(segment: SegmentFile, next: number | undefined): boolean {
    if (next === undefined) return false;
    const other = openSegment(this.source, next);
    // What is wrong with it is said there.
    if (isRefusal(other)) return true;
    if (firstWritten(this.source, other.file, FILE_HEADER_BYTES) < 0) return false;
    // Those of format 1 are not sealed: the write that was cut off may be the first in the next one.
    if (segment.canBeSealed) this.unsealed = segment;
    return true;
  }
}

/**
 * Whether the log says that a snapshot ends where the snapshot says so: with the frame before that place, or with the seal of the
 * segment before. Not asked where a frame follows, for that names the one before it. @returns what speaks against it; null for nothing
 */
export function* disagreement(source: StorageReader, head: Head, secret: Secret): Pieces<Refusal | null> {
  const { sequence } = head;
  const isWithin = head.at > FILE_HEADER_BYTES;
  const number = isWithin ? head.segment : head.segment - 1;
  const file = segmentFile(number);
  // The segments before it may be gone: only this snapshot says what they said.
  if (!isWithin && !source.files('').includes(file)) return null;
  const segment = openSegment(source, number);
  if (isRefusal(segment)) return isWithin ? segment : null;
  const isIt = (last: Seal | Frame): boolean =>
    last.sequence === sequence && Buffer.compare(last.hash, Buffer.from(head.hash, 'hex')) === 0;
  const seal = isWithin ? null : segment.seal(secret);
  if (seal !== null && isIt(seal)) return null;
  yield;
  const at = laterFrame(source, file, 0, sequence, secret);
  const found = at < 0 ? null : readFrame(segment.frames, at, secret);
  const isThere = found?.kind === 'frame' && isIt(found.frame) && (!isWithin || at + found.frame.bytes === head.at);
  if (isThere) return null;
  const why = `frame ${sequence} is not there, and ${snapshotFile(sequence)} says that it was: files of different times`;
  return { file, at: isWithin ? head.at : 0, why: `${why}. Put back those that belong together, or restore a backup` };
}

/** Where a header of this sequence or later stands in what follows a place of a file, -1 for nowhere. */
function laterFrame(source: StorageReader, file: string, after: number, sequence: number, secret: Secret): number {
  for (const { at, piece } of piecesOf(source, file, after)) {
    const there = findHeader(piece, at === after && after > 0 ? 1 : 0, sequence, secret);
    if (there >= 0) return at + there;
  }
  return -1;
}

/** The same in whole segments, none for nowhere. */
function laterIn(
  source: StorageReader,
  segments: readonly number[],
  sequence: number,
  secret: Secret,
): { readonly file: string; readonly at: number } | null {
  for (const segment of segments) {
    const file = segmentFile(segment);
    const at = laterFrame(source, file, 0, sequence, secret);
    if (at >= 0) return { file, at };
  }
  return null;
}

export const START = { sequence: 0, hash: NO_HASH } as const;
