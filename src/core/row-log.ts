import type { Savepoint } from './savepoint.ts';

const SEGMENT_BYTES = 1 << 17;
const SEGMENT_BYTES_MIN = 1 << 12;
const ALIGNED = 4;
/** Of a place: where in its segment, and which segment. */
const OFFSET_BITS = 15;
const OFFSETS = SEGMENT_BYTES / ALIGNED - 1;
const SEGMENTS_MAX = 2 ** 16;

/** A part of the log. Numbers of its rows stand in them as differences to those of its first row, where they fit. */
export class RowSegment {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes given out, and rows in them that are still there. */
  used = 0;
  rows = 0;
  seq = 0;
  untilMs = 0;
  /** How far `ts` is ahead of `untilMs`. */
  aheadMs = 0;

  constructor(bytes: number) {
    this.bytes = new Uint8Array(bytes);
    this.view = new DataView(this.bytes.buffer);
  }
}

/**
 * Bytes outside of the heap in which rows are written one after another. A segment goes with its last row: rows are written when
 * messages end and go a replay window later, so whole segments grow old together and nothing need ever be moved.
 * A place is a number of 31 bits: rows begin every four bytes.
 */
export class RowLog {
  private readonly segments: (RowSegment | undefined)[] = [];
  private readonly freeNumbers: number[] = [];
  /** One that was dropped, for the next: as one goes another comes, and bytes outside of the heap are dear to have and to give back. */
  private spare: RowSegment | undefined;
  private taken = 0;
  /** The segment that is written, -1 before the first. */
  private open = -1;

  /** Where the next row, of so many bytes at most, is to be written. */
  begin(bytesMax: number): number {
    const { open } = this;
    const current = this.segments[open];
    if (current !== undefined) {
      if (current.rows === 0) current.used = 0;
      // A row may begin no further in, even where one that is longer than a segment left room: places are told apart by that.
      const end = Math.min(current.bytes.length, SEGMENT_BYTES);
      if (current.used + bytesMax <= end) return (open << OFFSET_BITS) | (current.used / ALIGNED);
    }
    const number = this.freeNumbers.pop() ?? this.segments.length;
    if (number >= SEGMENTS_MAX) throw new Error('rows: more than 8 GiB of them in a shard');
    this.segments[number] = this.make(bytesMax);
    this.open = number;
    if (current?.rows === 0) this.drop(open);
    return number << OFFSET_BITS;
  }

  /** The row that was begun there is written, and ends before `to` of its segment. */
  end(place: number, to: number): void {
    const segment = this.segmentOf(place);
    segment.used = (to + ALIGNED - 1) & -ALIGNED;
    segment.rows++;
  }

  remove(place: number): void {
    const segment = this.segmentOf(place);
    const number = place >> OFFSET_BITS;
    if (--segment.rows === 0 && number !== this.open) this.drop(number);
  }

  private make(bytesMax: number): RowSegment {
    const { spare } = this;
    // As much again as there is: a shard of few messages takes little.
    const bytes = Math.min(SEGMENT_BYTES, Math.max(SEGMENT_BYTES_MIN, this.taken));
    if (spare === undefined || bytes < SEGMENT_BYTES || bytesMax > bytes) {
      const segment = new RowSegment(Math.max(bytes, bytesMax));
      this.taken += segment.bytes.length;
      return segment;
    }
    this.spare = undefined;
    spare.used = 0;
    return spare;
  }

  private drop(number: number): void {
    const segment = this.segments[number]!;
    if (segment.bytes.length === SEGMENT_BYTES && this.spare === undefined) this.spare = segment;
    else this.taken -= segment.bytes.length;
    this.segments[number] = undefined;
    this.freeNumbers.push(number);
  }

  segmentOf(place: number): RowSegment {
    return this.segments[place >> OFFSET_BITS]!;
  }
  offsetOf(place: number): number {
    return (place & OFFSETS) * ALIGNED;
  }

  /** Bytes taken of the memory. */
  get bytes(): number {
    return this.taken;
  }

  *all(): Generator<RowSegment> {
    for (const segment of this.segments) if (segment !== undefined) yield segment;
  }

  save(to: Savepoint): void {
    to.put(this.segments.length);
    to.put(this.freeNumbers.length);
    to.put(this.open);
    for (const number of this.freeNumbers) to.put(number);
    for (const segment of this.segments) {
      to.keep(segment);
      if (segment !== undefined) saveSegment(segment, to);
    }
  }

  restore(from: Savepoint): void {
    const { numbers, objects } = from;
    this.segments.length = numbers[from.number++]!;
    this.freeNumbers.length = numbers[from.number++]!;
    this.open = numbers[from.number++]!;
    for (let i = 0; i < this.freeNumbers.length; i++) this.freeNumbers[i] = numbers[from.number++]!;
    for (let i = 0; i < this.segments.length; i++) {
      const segment = objects[from.object++] as RowSegment | undefined;
      this.segments[i] = segment;
      if (segment !== undefined) restoreSegment(segment, from);
    }
    // It may be one of those.
    this.spare = undefined;
    this.taken = 0;
    for (const { bytes } of this.all()) this.taken += bytes.length;
  }
}

function saveSegment({ view, used, rows, seq, untilMs, aheadMs }: RowSegment, to: Savepoint): void {
  to.put(used);
  to.put(rows);
  to.put(seq);
  to.put(untilMs);
  to.put(aheadMs);
  for (let at = 0; at < used; at += ALIGNED) to.put(view.getUint32(at));
}

function restoreSegment(segment: RowSegment, from: Savepoint): void {
  const { numbers } = from;
  segment.used = numbers[from.number++]!;
  segment.rows = numbers[from.number++]!;
  segment.seq = numbers[from.number++]!;
  segment.untilMs = numbers[from.number++]!;
  segment.aheadMs = numbers[from.number++]!;
  for (let at = 0; at < segment.used; at += ALIGNED) segment.view.setUint32(at, numbers[from.number++]!);
}
