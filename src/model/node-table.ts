const GROW = 2;

/** States of one width as rows of bytes, each once, by the order in which they were found. Open addressing, no objects. */
export class NodeTable {
  readonly width: number;
  rows: Uint8Array;
  size = 0;
  private slots = new Int32Array(1 << 16).fill(-1);
  private hashes = new Int32Array(1 << 15);

  constructor(width: number) {
    this.width = width;
    this.rows = new Uint8Array(width << 15);
  }

  /** The index of this state, -1 when it is not there. `bytes` holds it at its beginning. */
  find(bytes: Uint8Array): number {
    return this.slots[this.slotOf(bytes, this.hashOf(bytes))] as number;
  }

  /** The index of this state; a new one when it is the size from before. */
  add(bytes: Uint8Array): number {
    const hash = this.hashOf(bytes);
    const slot = this.slotOf(bytes, hash);
    const known = this.slots[slot] as number;
    if (known >= 0) return known;
    if (this.size === this.hashes.length) this.grow();
    const index = this.size++;
    const at = index * this.width;
    for (let i = 0; i < this.width; i++) this.rows[at + i] = bytes[i] as number;
    this.hashes[index] = hash;
    this.slots[slot] = index;
    if (this.size * 2 > this.slots.length) this.rehash();
    return index;
  }

  row(index: number): Uint8Array {
    return this.rows.subarray(index * this.width, (index + 1) * this.width);
  }

  /** From 0 to below 1, spread evenly, by what the state is and not by who found it when. */
  shareOf(index: number): number {
    return ((this.hashes[index] as number) >>> 0) / 2 ** 32;
  }

  /** Four bytes at a time, and what is left one by one. */
  private hashOf(bytes: Uint8Array): number {
    const { width } = this;
    const whole = width & ~3;
    let hash = 0x811c9dc5;
    for (let i = 0; i < whole; i += 4) {
      const low = (bytes[i] as number) | ((bytes[i + 1] as number) << 8);
      const high = (bytes[i + 2] as number) | ((bytes[i + 3] as number) << 8);
      hash = Math.imul(hash ^ low ^ (high << 16), 0x01000193);
      hash ^= hash >>> 15;
    }
    for (let i = whole; i < width; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    hash ^= hash >>> 15;
    return Math.imul(hash, 0x2c1b3c6d) ^ (hash >>> 13);
  }

  /** Where this state is or would be. */
  private slotOf(bytes: Uint8Array, hash: number): number {
    const mask = this.slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = this.slots[slot] as number;
      if (index < 0 || (this.hashes[index] === hash && this.equals(index, bytes))) return slot;
    }
  }

  private equals(index: number, bytes: Uint8Array): boolean {
    const { rows, width } = this;
    const at = index * width;
    for (let i = 0; i < width; i++) if (rows[at + i] !== bytes[i]) return false;
    return true;
  }

  private grow(): void {
    const rows = new Uint8Array(this.rows.length * GROW);
    rows.set(this.rows);
    this.rows = rows;
    const hashes = new Int32Array(this.hashes.length * GROW);
    hashes.set(this.hashes);
    this.hashes = hashes;
  }

  private rehash(): void {
    const slots = new Int32Array(this.slots.length * GROW).fill(-1);
    const mask = slots.length - 1;
    for (let index = 0; index < this.size; index++) {
      let slot = (this.hashes[index] as number) & mask;
      while ((slots[slot] as number) >= 0) slot = (slot + 1) & mask;
      slots[slot] = index;
    }
    this.slots = slots;
  }
}
