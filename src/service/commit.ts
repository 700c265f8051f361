import type { Fact } from '../core/facts.ts';
import type { Batch } from '../ports.ts';

/** Called with true when what it waits for is durable, with false when that will never be known. */
type Held = (durable: boolean) => void;

/**
 * Group commit. Facts that arrive while an append is outstanding go into the next one; a reply leaves when every fact
 * decided before it is durable (AC1), whether it wrote any itself or only read what others wrote.
 */
export class GroupCommit {
  private readonly append: (batches: readonly Batch[]) => void;
  private open: (Fact[] | undefined)[] = [];
  private openFacts = 0;
  private held: Held[] = [];
  private failed = false;
  private outstanding: Held[] | null = null;

  constructor(append: (batches: readonly Batch[]) => void) {
    this.append = append;
  }

  add(shard: number, fact: Fact): void {
    const facts = this.open[shard];
    if (facts === undefined) this.open[shard] = [fact];
    else facts.push(fact);
    this.openFacts++;
  }

  /** Calls `held` once all facts added so far are durable: at once when they are. */
  whenDurable(held: Held): void {
    if (this.failed) held(false);
    else if (this.openFacts > 0) this.held.push(held);
    else if (this.outstanding !== null) this.outstanding.push(held);
    else held(true);
  }

  /** Starts the next append unless one is outstanding. */
  pump(): void {
    if (this.failed || this.outstanding !== null || this.openFacts === 0) return;
    const batches: Batch[] = [];
    for (let shard = 0; shard < this.open.length; shard++) {
      const facts = this.open[shard];
      if (facts !== undefined) batches.push({ shard, facts });
    }
    this.outstanding = this.held;
    this.held = [];
    this.open = [];
    this.openFacts = 0;
    this.append(batches);
  }

  /** The outstanding append is durable: its replies leave, the next append starts. */
  durable(): void {
    const replies = this.outstanding;
    if (replies === null) throw new Error('commit: nothing is outstanding');
    this.outstanding = null;
    for (const reply of replies) reply(true);
    this.pump();
  }

  /** The journal failed: nothing held will ever be known to be durable. */
  fail(): void {
    const dropped = [...(this.outstanding ?? []), ...this.held];
    this.failed = true;
    this.outstanding = null;
    this.held = [];
    this.openFacts = 0;
    for (const reply of dropped) reply(false);
  }
}
