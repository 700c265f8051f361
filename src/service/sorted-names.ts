/** Names of one chunk: an insertion moves at most so many. */
const CHUNK_MAX = 512;

/** A set of names in the order of their bytes, in chunks: to add, to remove and to go on after a name cost O(log n) and one chunk. */
export class SortedNames {
  private chunks: string[][] = [];
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** False when it is there already. */
  add(name: string): boolean {
    const at = this.chunkOf(name);
    const chunk = this.chunks[at];
    if (chunk === undefined) {
      this.chunks.push([name]);
      this.count++;
      return true;
    }
    const place = placeIn(chunk, name);
    if (chunk[place] === name) return false;
    chunk.splice(place, 0, name);
    this.count++;
    if (chunk.length > CHUNK_MAX) this.chunks.splice(at + 1, 0, chunk.splice(CHUNK_MAX / 2));
    return true;
  }

  remove(name: string): void {
    const at = this.chunkOf(name);
    const chunk = this.chunks[at];
    if (chunk === undefined) return;
    const place = placeIn(chunk, name);
    if (chunk[place] !== name) return;
    chunk.splice(place, 1);
    this.count--;
    if (chunk.length === 0) this.chunks.splice(at, 1);
  }

  /** Takes these in place of all that there are: O(n log n), once. */
  replace(names: Iterable<string>): void {
    const all = [...new Set(names)].sort();
    this.count = all.length;
    this.chunks = [];
    for (let i = 0; i < all.length; i += CHUNK_MAX / 2) this.chunks.push(all.slice(i, i + CHUNK_MAX / 2));
  }

  /** From the first that is not less than `from` on, in order. Nothing may be added or removed meanwhile. */
  *from(from: string): Generator<string> {
    for (let at = this.chunkOf(from); at < this.chunks.length; at++) {
      const chunk = this.chunks[at] as string[];
      for (let i = placeIn(chunk, from); i < chunk.length; i++) yield chunk[i] as string;
    }
  }

  /** The last chunk that begins with no greater name: where it is, or belongs. */
  private chunkOf(name: string): number {
    let low = 0;
    let high = this.chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.chunks[middle]?.[0] as string) <= name) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Index of the first name that is not less. */
function placeIn(chunk: readonly string[], name: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((chunk[middle] as string) < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
