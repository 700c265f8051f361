/** What a disk does on its own at once; larger writes may be cut between two of these. */
export const SECTOR_BYTES = 512;

interface Dirty {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Which sectors of unsynced writes a crash keeps, and how much of the last one. */
export interface Loss {
  /** True when this sector of so many bytes was written after all; a number: only its first bytes were. */
  keeps(sector: number, bytes: number): boolean | number;
}

/** The content of one file: as the process sees it, as it is on the disk, and what lies between. */
export class Inode {
  /** As the process sees it. */
  private seen = new Uint8Array(0);
  private stored = new Uint8Array(0);
  private size = 0;
  private storedSize = 0;
  private dirty: Dirty[] = [];

  get bytes(): Uint8Array {
    return this.seen.subarray(0, this.size);
  }

  get length(): number {
    return this.size;
  }

  get isDirty(): boolean {
    return this.dirty.length > 0;
  }

  /** Into the cache: on the disk only once it is stored. */
  write(at: number, bytes: Uint8Array): Dirty {
    const end = at + bytes.byteLength;
    if (end > this.seen.byteLength) this.seen = grown(this.seen, end);
    this.seen.set(bytes, at);
    this.size = Math.max(this.size, end);
    const dirty = { at, bytes: new Uint8Array(bytes) };
    this.dirty.push(dirty);
    return dirty;
  }

  truncate(size: number): void {
    this.seen.fill(0, size);
    this.size = size;
    this.stored.fill(0, size);
    this.storedSize = Math.min(this.storedSize, size);
    this.dirty = this.dirty
      .filter(({ at }) => at < size)
      .map(({ at, bytes }) => ({ at, bytes: bytes.subarray(0, Math.min(bytes.byteLength, size - at)) }));
  }

  /** One write reaches the disk. */
  store(write: Dirty): void {
    const at = this.dirty.indexOf(write);
    if (at >= 0) this.dirty.splice(at, 1);
    this.put(write.at, write.bytes);
  }

  /** All writes reach the disk. */
  sync(): void {
    for (const { at, bytes } of this.dirty) this.put(at, bytes);
    this.dirty = [];
  }

  /** The system forgets that anything was not written, as after a sync that failed: it shows it as long as it runs. */
  forget(): void {
    this.dirty = [];
  }

  private put(at: number, bytes: Uint8Array): void {
    const end = at + bytes.byteLength;
    if (end > this.stored.byteLength) this.stored = grown(this.stored, end);
    this.stored.set(bytes, at);
    this.storedSize = Math.max(this.storedSize, end);
  }

  /** The machine stops: of what was not synced, the sectors that `loss` keeps are there. */
  crash(loss: Loss): void {
    let sector = 0;
    for (const { at, bytes } of this.dirty) {
      for (let from = 0; from < bytes.byteLength; ) {
        const to = Math.min(bytes.byteLength, from + SECTOR_BYTES - ((at + from) % SECTOR_BYTES));
        const kept = loss.keeps(sector++, to - from);
        if (kept !== false) this.put(at + from, bytes.subarray(from, kept === true ? to : from + kept));
        from = to;
      }
    }
    this.dirty = [];
    this.seen = this.stored.slice();
    this.size = this.storedSize;
  }

  /** Damage, to what is stored and to what is seen. */
  damage(at: number, change: (byte: number) => number): void {
    for (const bytes of [this.seen, this.stored]) if (at < bytes.byteLength) bytes[at] = change(bytes[at] as number);
  }
}

function grown(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(size, 2 * bytes.byteLength));
  larger.set(bytes);
  return larger;
}
