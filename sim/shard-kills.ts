import type { Fact } from '../src/core/facts.ts';
import type { ShardState } from '../src/core/state.ts';
import type { Ask } from './call.ts';

/** What a bug in a shard throws. */
export class Struck extends Error {}

/** Kills shards of one process: in the middle of a decision, when memory has what the journal will never see. */
export class ShardKills {
  /** A shard is about to fall. */
  private readonly falls: (shard: number) => void;
  private readonly marked = new Set<number>();
  /** The last fact was a purge: perhaps the first of two of one decision. */
  private madeRoom = false;
  /** What the process is asked at the moment. */
  handling: Ask | null = null;

  constructor(falls: (shard: number) => void) {
    this.falls = falls;
  }

  /** It dies of its next decision. */
  kill(shard: number): void {
    this.marked.add(shard);
  }

  /** The faults are over: who has not died yet lives on. */
  spare(): void {
    this.marked.clear();
  }

  /** Called with each fact, right after it changed what is in memory. @throws Struck */
  fact({ shard }: ShardState, { name }: Fact): void {
    // What makes room comes before what needs it, in one decision; the acks of a recv are decided one by one.
    const isFirst =
      !this.madeRoom && !(this.handling !== null && 'acks' in this.handling && this.handling.acks.length > 0);
    this.madeRoom = name === 'purged';
    if (!isFirst || !this.marked.delete(shard)) return;
    this.madeRoom = false;
    this.falls(shard);
    throw new Struck();
  }
}
