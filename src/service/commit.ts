import type { Fact } from '../core/facts.ts';
import type { Batch } from '../ports/journal.ts';
import type { Cause } from '../ports/observer.ts';
import type { ProcessFact } from '../ports/process-facts.ts';

/** What the service asks of its surroundings. Calls are made in the order in which they must take effect. */
export interface Effects {
  /** Make these facts durable, then call `durable`. At most one append is outstanding. */
  append(batches: readonly Batch[]): void;
  /**
   * Facts wait to be appended: call back soon, so that what arrives together is appended together. Without it every
   * input is appended at its end.
   */
  readonly soon?: (flush: () => void) => void;
  /** What else should be remembered with this append: sums of what happened since the last one. */
  readonly notes?: () => readonly ProcessFact[];
  /** What every append says first. */
  readonly stamp?: () => ProcessFact;
  /**
   * Something in this shard threw, at this request if it was one. It serves nothing until `revive`, and what else the input came to
   * goes on. Without it whoever brought the input gets the error.
   */
  readonly fell?: ((shard: number, error: unknown, cause: Cause | null) => void) | undefined;
}

/** Called with true when what it waits for is durable, with false when that will never be known. */
type Held = (durable: boolean) => void;

/** What is only noted waits at most so long for an append to go with. */
const NOTES_MS = 1000;

/**
 * Group commit. Facts that arrive while an append is outstanding go into the next one; a reply leaves when every fact
 * decided before it is durable (AC1), whether it wrote any itself or only read what others wrote.
 */
export class GroupCommit {
  private readonly effects: Effects;
  private open: Batch[] = [];
  private held: Held[] = [];
  private failed = false;
  private outstanding: Held[] | null = null;
  private flushing = false;
  private notedMs = 0;

  constructor(effects: Effects) {
    this.effects = effects;
  }

  /** The facts of one decision. */
  add(shard: number, facts: readonly Fact[]): void {
    this.open.push({ shard, facts });
  }

  note(fact: ProcessFact): void {
    this.open.push({ shard: null, facts: [fact] });
  }

  /** Calls `held` once all facts added so far are durable: at once when they are. */
  whenDurable(held: Held): void {
    if (this.failed) held(false);
    else if (this.open.length > 0) this.held.push(held);
    else if (this.outstanding !== null) this.outstanding.push(held);
    else held(true);
  }

  /** Starts the next append, soon, unless one is outstanding or there is nothing to append. */
  pump(): void {
    if (this.failed || this.flushing || this.outstanding !== null || this.open.length === 0) return;
    const { soon } = this.effects;
    if (soon === undefined) return this.flush();
    this.flushing = true;
    soon(() => {
      this.flushing = false;
      if (!this.failed) this.flush();
    });
  }

  /** Appends what is noted when nothing else was appended for a while. */
  pumpNotes(nowMs: number): void {
    if (this.notedMs > nowMs - NOTES_MS || this.open.length > 0) return;
    this.notedMs = nowMs;
    this.takeNotes();
    this.pump();
  }

  /** Appends what the stamp says, alone unless something else waits to be appended. */
  stampAlone(): void {
    if (this.failed) return;
    if (this.open.length === 0) this.open.push({ shard: null, facts: [] });
    this.pump();
  }

  /** Something is being appended, or will be. */
  get isBusy(): boolean {
    return this.outstanding !== null || this.open.length > 0;
  }

  private takeNotes(): void {
    const facts = this.effects.notes?.() ?? [];
    if (facts.length > 0) this.open.push({ shard: null, facts });
  }

  private flush(): void {
    this.takeNotes();
    const { stamp } = this.effects;
    if (stamp !== undefined) this.open.unshift({ shard: null, facts: [stamp()] });
    const batches = this.open;
    this.outstanding = this.held;
    this.held = [];
    this.open = [];
    this.effects.append(batches);
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
    this.open = [];
    for (const reply of dropped) reply(false);
  }
}
