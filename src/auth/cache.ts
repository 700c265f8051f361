export interface CacheEntry<T> {
  readonly value: T;
  readonly untilMs: number;
}

/**
 * Verified capabilities by token (S3). Only canonical tokens are ever verified, so a token has one spelling. An entry
 * lives for the TTL; the oldest makes room. What a hit says is only "authentic": expiry, revocation and quotas
 * are asked every time.
 */
export class CapabilityCache<T> {
  private readonly entries = new Map<string, CacheEntry<T>>();
  private readonly ttlMs: number;
  private readonly capacity: number;
  /** Entries that made room or ran out. */
  evictions = 0;

  constructor(ttlMs: number, capacity: number) {
    this.ttlMs = ttlMs;
    this.capacity = capacity;
  }

  get(token: string, nowMs: number): CacheEntry<T> | undefined {
    const entry = this.entries.get(token);
    if (entry === undefined) return undefined;
    if (nowMs < entry.untilMs) return entry;
    this.entries.delete(token);
    this.evictions++;
    return undefined;
  }

  put(token: string, value: T, nowMs: number): CacheEntry<T> {
    if (this.entries.size >= this.capacity) {
      const [oldest] = this.entries.keys();
      this.entries.delete(oldest as string);
      this.evictions++;
    }
    const entry = { value, untilMs: nowMs + this.ttlMs };
    this.entries.set(token, entry);
    return entry;
  }

  clear(): void {
    this.evictions += this.entries.size;
    this.entries.clear();
  }

  get size(): number {
    return this.entries.size;
  }
}
