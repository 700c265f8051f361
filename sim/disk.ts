import type { Fact } from '../src/core/facts.ts';
import type { Batch, Journal } from '../src/ports.ts';
import type { Loop } from './loop.ts';
import type { Draws, Range } from './random.ts';

/**
 * A simulated journal. What was appended is durable when its sync ends, some time later. A crash keeps all that was
 * synced; of the append that was under way it keeps all or nothing, as chance has it: a real disk may have written it.
 */
export class Disk implements Journal {
  /** Durable facts by shard, in order. */
  readonly durable: Fact[][];
  private readonly loop: Loop;
  private readonly random: Draws;
  private readonly syncMs: Range;
  private outstanding: readonly Batch[] | null = null;
  private generation = 0;
  syncs = 0;
  factsSynced = 0;

  constructor(shards: number, loop: Loop, random: Draws, syncMs: Range) {
    this.durable = Array.from({ length: shards }, () => []);
    this.loop = loop;
    this.random = random;
    this.syncMs = syncMs;
  }

  append(batches: readonly Batch[], done: (error: Error | null) => void): void {
    if (this.outstanding !== null) throw new Error('disk: two appends at once');
    this.outstanding = batches;
    const { generation } = this;
    this.loop.after(this.random.within(this.syncMs), 'sync', this.syncs, () => {
      if (generation !== this.generation) return;
      this.keep(batches);
      this.outstanding = null;
      this.syncs++;
      done(null);
    });
  }

  private keep(batches: readonly Batch[]): void {
    for (const { shard, facts } of batches) {
      const durable = this.durable[shard]!;
      for (const fact of facts) durable.push(fact);
      this.factsSynced += facts.length;
    }
  }

  /** The process dies: the sync under way never answers. Returns what of it was written after all. */
  crash(): readonly Batch[] {
    this.generation++;
    const written = this.outstanding !== null && this.random.chance(0.5) ? this.outstanding : [];
    this.keep(written);
    this.outstanding = null;
    return written;
  }
}
