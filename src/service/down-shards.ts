import type { Reply } from './messages.ts';

/** Shards that serve nothing: something in them threw, and they are being made anew. */
export class DownShards {
  /** Until when it stays so at least, by shard. */
  private readonly untilMs = new Map<number, number>();

  get size(): number {
    return this.untilMs.size;
  }

  has(shard: number): boolean {
    return this.untilMs.has(shard);
  }

  /** Down from now on, or for longer than was known. */
  add(shard: number, untilMs: number): void {
    this.untilMs.set(shard, untilMs);
  }

  remove(shard: number): void {
    this.untilMs.delete(shard);
  }

  retryAfterMs(shard: number, nowMs: number): number {
    return Math.max(RETRY_MS_MIN, (this.untilMs.get(shard) ?? nowMs) - nowMs);
  }

  /** What is answered to everything that needs this shard; null when it serves. */
  refusal(shard: number, nowMs: number): Reply | null {
    if (!this.has(shard)) return null;
    return { outcome: 'starting', retryAfterMs: this.retryAfterMs(shard, nowMs) };
  }

  /** All of them, each with the ms after which it is worth asking again. */
  list(nowMs: number): { readonly shard: number; readonly retryAfterMs: number }[] {
    return [...this.untilMs.keys()].map((shard) => ({ shard, retryAfterMs: this.retryAfterMs(shard, nowMs) }));
  }
}

const RETRY_MS_MIN = 1_000;
