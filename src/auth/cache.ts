/** Spellings (attenuations) of one capability that are remembered: its holder cannot push out everybody else's. */
export const ENTRIES_PER_NONCE = 64;

export interface Cached {
  readonly nonce: string;
}

/**
 * One remembered verification. Its life (spec/cache-entry.machine.ts): `fresh` until `untilMs`, then `stale`; `ended` once it was
 * put out of the cache early. Whoever keeps hold of an entry asks it by its time alone: an ended one is past its time.
 */
export interface CacheEntry<T> {
  readonly value: T;
  /** Service clock, ms; -Infinity once ended. */
  untilMs: number;
}

/**
 * Verified capabilities by token (S3). Only canonical tokens are ever verified, so a token has one spelling. An entry
 * lives for the TTL; the oldest makes room. What a hit says is only "authentic": expiry, revocation and quotas
 * are asked every time.
 */
export class CapabilityCache<T extends Cached> {
  private readonly entries = new Map<string, CacheEntry<T>>();
  private readonly byNonce = new Map<string, Set<string>>();
  private readonly capacity: number;
  ttlMs: number;
  /** Entries that made room, ran out or were put out. */
  evictions = 0;

  constructor(ttlMs: number, capacity: number) {
    this.ttlMs = ttlMs;
    this.capacity = capacity;
  }

  get(token: string, nowMs: number): CacheEntry<T> | undefined {
    const entry = this.entries.get(token);
    if (entry === undefined) return undefined;
    if (nowMs < entry.untilMs) return entry;
    this.end(token, entry);
    return undefined;
  }

  /** Remembers for the TTL, or for less where whoever verified said so. */
  put(token: string, value: T, nowMs: number, ttlMs = this.ttlMs): CacheEntry<T> {
    const before = this.entries.get(token);
    if (before !== undefined) this.end(token, before);
    let siblings = this.byNonce.get(value.nonce);
    if (siblings !== undefined && siblings.size >= ENTRIES_PER_NONCE) this.endFirst(siblings);
    else if (this.entries.size >= this.capacity) this.endFirst(this.entries.keys());
    siblings = this.byNonce.get(value.nonce);
    if (siblings === undefined) this.byNonce.set(value.nonce, new Set([token]));
    else siblings.add(token);
    const entry = { value, untilMs: nowMs + Math.min(ttlMs, this.ttlMs) };
    this.entries.set(token, entry);
    return entry;
  }

  private endFirst(tokens: Iterable<string>): void {
    const [token] = tokens;
    if (token !== undefined) this.end(token, this.entries.get(token) as CacheEntry<T>);
  }

  private end(token: string, entry: CacheEntry<T>): void {
    entry.untilMs = Number.NEGATIVE_INFINITY;
    this.evictions++;
    this.entries.delete(token);
    const siblings = this.byNonce.get(entry.value.nonce);
    siblings?.delete(token);
    if (siblings?.size === 0) this.byNonce.delete(entry.value.nonce);
  }

  /** Puts out every spelling of one capability. */
  drop(nonce: string): void {
    for (const token of this.byNonce.get(nonce) ?? []) this.end(token, this.entries.get(token) as CacheEntry<T>);
  }

  /** Every one that is kept. */
  each(visit: (value: T) => void): void {
    for (const { value } of this.entries.values()) visit(value);
  }

  /** Puts out everything: whoever comes next is verified again (K6). */
  clear(): void {
    for (const [token, entry] of this.entries) this.end(token, entry);
  }

  get size(): number {
    return this.entries.size;
  }
}
