import type { Savepoint } from './savepoint.ts';
import { SlotTable } from './slots.ts';

/** An entry is a slot, one more than it is so that 0 is none, and above it eight bits of its hash. */
const SLOT_BITS = 24;
const SLOT_MASK = 2 ** SLOT_BITS - 1;
/** Slots that a shard can have: an id could name more, and nothing could hold the messages. */
export const SHARD_SLOTS_MAX = SLOT_MASK;
/** Entries to a bucket, on average, when the next bucket is made. */
const LOAD = 2;

/** Knows what the entry of a slot hashes to. */
export interface Hashes {
  hashIn(slot: number): number;
}

/**
 * Slots by a hash of 32 bits: chains, one to a bucket, the newest entry first. Linear hashing: whenever there are too many entries one
 * bucket is split in two, so that no entry waits for all others to be moved.
 */
export class WindowIndex {
  private readonly heads = new SlotTable();
  private readonly next = new SlotTable();
  private buckets = 1;
  /** The largest power of two that is not more than the buckets. */
  private round = 1;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The newest slot that may be of this hash, -1 for none. Eight bits are compared besides the bucket: whoever asks compares the rest. */
  first(hash: number): number {
    return this.withTag(this.heads.get(this.bucketOf(hash)), hash);
  }

  /** The next older one. */
  after(slot: number, hash: number): number {
    return this.withTag(this.next.get(slot), hash);
  }

  private withTag(first: number, hash: number): number {
    let entry = first;
    while (entry !== 0 && entry >>> SLOT_BITS !== hash >>> SLOT_BITS) entry = this.next.get((entry & SLOT_MASK) - 1);
    return (entry & SLOT_MASK) - 1;
  }

  add(slot: number, hash: number, hashes: Hashes): void {
    const bucket = this.bucketOf(hash);
    this.next.set(slot, this.heads.get(bucket));
    this.heads.set(bucket, entryOf(slot, hash));
    this.count++;
    if (this.count > LOAD * this.buckets) this.split(hashes);
  }

  remove(slot: number, hash: number): void {
    const bucket = this.bucketOf(hash);
    let before = -1;
    let entry = this.heads.get(bucket);
    while (entry !== 0 && (entry & SLOT_MASK) - 1 !== slot) {
      before = (entry & SLOT_MASK) - 1;
      entry = this.next.get(before);
    }
    if (entry === 0) throw new Error(`window index: slot ${slot} is not in it`);
    if (before < 0) this.heads.set(bucket, this.next.get(slot));
    else this.next.set(before, this.next.get(slot));
    this.next.set(slot, 0);
    this.count--;
  }

  /** Each slot that is in it, once. */
  *values(): Generator<number> {
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      for (let entry = this.heads.get(bucket); entry !== 0; entry = this.next.get((entry & SLOT_MASK) - 1))
        yield (entry & SLOT_MASK) - 1;
    }
  }

  private bucketOf(hash: number): number {
    const bucket = hash & (2 * this.round - 1);
    return bucket < this.buckets ? bucket : bucket - this.round;
  }

  /** Makes one more bucket of a part of another; entries keep their order. */
  private split(hashes: Hashes): void {
    const bucket = this.buckets - this.round;
    let entry = this.heads.get(bucket);
    this.buckets++;
    this.heads.set(bucket, 0);
    let lastKept = -1;
    let lastMoved = -1;
    while (entry !== 0) {
      const slot = (entry & SLOT_MASK) - 1;
      const following = this.next.get(slot);
      const to = this.bucketOf(hashes.hashIn(slot));
      const last = to === bucket ? lastKept : lastMoved;
      if (last < 0) this.heads.set(to, entry);
      else this.next.set(last, entry);
      this.next.set(slot, 0);
      if (to === bucket) lastKept = slot;
      else lastMoved = slot;
      entry = following;
    }
    if (this.buckets === 2 * this.round) this.round *= 2;
  }

  save(to: Savepoint, slots: number): void {
    to.put(this.count);
    to.put(this.buckets);
    to.put(this.round);
    this.heads.save(to, this.buckets);
    this.next.save(to, slots);
  }

  restore(from: Savepoint, slots: number): void {
    this.count = from.numbers[from.number++]!;
    const { buckets } = this;
    this.buckets = from.numbers[from.number++]!;
    this.round = from.numbers[from.number++]!;
    for (let bucket = this.buckets; bucket < buckets; bucket++) this.heads.set(bucket, 0);
    this.heads.restore(from, this.buckets);
    this.next.restore(from, slots);
  }
}

const entryOf = (slot: number, hash: number): number => (hash & ~SLOT_MASK) | (slot + 1);
