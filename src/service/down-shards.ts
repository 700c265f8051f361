import type { Outcome } from '../../spec/vocabulary.ts';
import type { Reply } from './messages.ts';

/** Why a shard serves nothing, and what is answered to whoever needs it. */
const OUTCOME_OF = {
  /** Something in it threw, and it is being made anew. */
  fallen: 'starting',
  /** Nobody knows what became of its last append: its log is being read. */
  unsure: 'journal',
  /** Somebody else has it. */
  not_owner: 'not_owner',
  /** Its log is not what was said of it: nobody goes on with it unasked. */
  halted: 'journal',
} as const satisfies Record<string, Outcome>;
export type WhyDown = keyof typeof OUTCOME_OF;

interface Down {
  readonly why: WhyDown;
  /** Until when it stays so at least. */
  readonly untilMs: number;
}

/** Shards that serve nothing at the moment. */
export class DownShards {
  private readonly shards = new Map<number, Down>();

  get size(): number {
    return this.shards.size;
  }

  has(shard: number): boolean {
    return this.shards.has(shard);
  }

  why(shard: number): WhyDown | null {
    return this.shards.get(shard)?.why ?? null;
  }

  /** Down from now on, or for longer than was known, or for another reason. */
  add(shard: number, untilMs: number, why: WhyDown = this.why(shard) ?? 'fallen'): void {
    this.shards.set(shard, { why, untilMs });
  }

  remove(shard: number): void {
    this.shards.delete(shard);
  }

  private retryAfterMs({ untilMs }: Down, nowMs: number): number {
    return Math.max(RETRY_MS_MIN, untilMs - nowMs);
  }

  /** What is answered to everything that needs this shard; null when it serves. */
  refusal(shard: number, nowMs: number): Reply | null {
    const down = this.shards.get(shard);
    if (down === undefined) return null;
    return { outcome: OUTCOME_OF[down.why], retryAfterMs: this.retryAfterMs(down, nowMs) };
  }

  /** All of them, each with the ms after which it is worth asking again. */
  list(nowMs: number): { readonly shard: number; readonly why: WhyDown; readonly retryAfterMs: number }[] {
    return [...this.shards].map(([shard, down]) => ({
      ...{ shard, why: down.why },
      retryAfterMs: this.retryAfterMs(down, nowMs),
    }));
  }
}

const RETRY_MS_MIN = 1_000;
