/**
 * Verified capabilities by token (S3). Only canonical tokens are ever verified, so a token has one spelling. An entry
 * lives for the TTL; the oldest makes room. What a hit says is only "authentic": expiry, revocation and quotas
 * are asked every time.
 */
export class CapabilityCache<T> {
  private readonly entries = new Map<string, { readonly value: T; readonly untilMs: number }>();
  private readonly ttlMs: number;
  private readonly capacity: number;
  /** Entries that made room or ran out. */
  evictions = 0;

  constructor(ttlMs: number, capacity: number) {
    this.ttlMs = ttlMs;
    this.capacity = capacity;
  }

  get(token: string, nowMs: number): T | undefined {
    const entry = this.entries.get(token);
    if (entry === undefined) return undefined;
    if (nowMs < entry.untilMs) return entry.value;
    this.entries.delete(token);
    this.evictions++;
    return undefined;
  }

  put(token: string, value: T, nowMs: number): void {
    if (this.entries.size >= this.capacity) {
      const [oldest] = this.entries.keys();
      this.entries.delete(oldest as string);
      this.evictions++;
    }
    this.entries.set(token, { value, untilMs: nowMs + this.ttlMs });
  }

  clear(): void {
    this.evictions += this.entries.size;
    this.entries.clear();
  }

  get size(): number {
    return this.entries.size;
  }
}
