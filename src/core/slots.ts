import type { Savepoint } from './savepoint.ts';

const SEGMENT_BITS = 10;
const SEGMENT = 1 << SEGMENT_BITS;
const MASK = SEGMENT - 1;

/** Numbers of 32 bits, with a sign, by slot; 0 where nothing was set. In segments, so that growing copies nothing. */
export class SlotTable {
  private readonly segments: Int32Array[] = [];

  get(slot: number): number {
    const segment = this.segments[slot >>> SEGMENT_BITS];
    return segment === undefined ? 0 : segment[slot & MASK]!;
  }

  set(slot: number, value: number): void {
    while (slot >>> SEGMENT_BITS >= this.segments.length) this.segments.push(new Int32Array(SEGMENT));
    this.segments[slot >>> SEGMENT_BITS]![slot & MASK] = value;
  }

  save(to: Savepoint, slots: number): void {
    for (let slot = 0; slot < slots; slot++) to.put(this.get(slot));
  }

  restore(from: Savepoint, slots: number): void {
    for (let slot = 0; slot < slots; slot++) this.set(slot, from.numbers[from.number++]!);
  }
}

/** Slots in the order in which they joined, in segments that are dropped as they are left behind. */
export class SlotQueue {
  private readonly segments: Uint32Array[] = [];
  /** One that was left behind, for the next. */
  private spare: Uint32Array | undefined;
  /** Where the first one stands in the first segment. */
  private head = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** -1 when there is none. */
  first(): number {
    return this.count === 0 ? -1 : this.segments[0]![this.head]!;
  }

  push(slot: number): void {
    const end = this.head + this.count;
    if (end >>> SEGMENT_BITS === this.segments.length) {
      this.segments.push(this.spare ?? new Uint32Array(SEGMENT));
      this.spare = undefined;
    }
    this.segments[end >>> SEGMENT_BITS]![end & MASK] = slot;
    this.count++;
  }

  /** Takes the first one out, of those that there are. */
  shift(): number {
    const slot = this.segments[0]![this.head++]!;
    if (--this.count === 0) this.head = 0;
    else if (this.head === SEGMENT) {
      this.spare = this.segments.shift();
      this.head = 0;
    }
    return slot;
  }

  *values(): Generator<number> {
    for (let at = this.head; at < this.head + this.count; at++) {
      yield this.segments[at >>> SEGMENT_BITS]![at & MASK]!;
    }
  }

  save(to: Savepoint): void {
    to.put(this.count);
    for (let at = this.head; at < this.head + this.count; at++) {
      to.put(this.segments[at >>> SEGMENT_BITS]![at & MASK]!);
    }
  }

  restore(from: Savepoint): void {
    this.head = 0;
    this.count = 0;
    for (let left = from.numbers[from.number++]!; left > 0; left--) this.push(from.numbers[from.number++]!);
  }
}
