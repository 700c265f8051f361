import { apply } from '../core/apply.ts';
import type { Fact } from '../core/facts.ts';
import { type Image, imagesOf, Restoration } from '../core/image.ts';
import type { Limits } from '../core/limits.ts';
import { ShardState } from '../core/state.ts';
import { type Entry, type Head, isImage, isProcessFact } from '../journal/record-items.ts';
import { Replica } from '../journal/replica.ts';
import type { ProcessFact } from '../ports/process-facts.ts';
import type { BatchContent } from './batch-framing.ts';
import type { Replay } from './log-reading.ts';

/** A replay that a snapshot can be made of. */
export interface Summed extends Replay {
  /** Null where nothing began yet. */
  readonly summary: { readonly shards: number; readonly limits: Limits } | null;
  entries(): Iterable<Entry>;
}

/** A shard, made of what its log says. */
export class ShardReplay implements Summed {
  state: ShardState;
  private restoration: Restoration | null = null;
  private readonly shards: number;

  constructor(shard: number, shards: number, limits: Limits) {
    this.shards = shards;
    this.state = new ShardState(shard, limits);
  }

  get summary() {
    return { shards: this.shards, limits: this.state.limits };
  }

  begin(): void {
    const { shard, limits } = this.state;
    this.restoration = new Restoration(shard, limits);
    this.state = new ShardState(shard, limits);
  }

  entry({ item }: Entry): void {
    if (isImage(item)) this.restoration?.take(owned(item as Image));
  }

  restored(): void {
    this.state = (this.restoration as Restoration).done();
    this.restoration = null;
  }

  frame({ batches }: BatchContent): void {
    for (const batch of batches)
      if (batch.shard === this.state.shard) for (const fact of batch.facts) apply(this.state, fact as Fact);
  }

  *entries(): Generator<Entry> {
    for (const item of imagesOf(this.state)) yield { shard: this.state.shard, item };
  }
}

/** A payload gets bytes of its own: one must not keep a whole piece in memory. */
function owned(image: Image): Image {
  if (image.name !== 'message' || image.message.payload === null) return image;
  return { ...image, message: { ...image.message, payload: new Uint8Array(image.message.payload) } };
}

/** What is of no shard, made of what its log says. */
export class ProcessReplay implements Summed {
  replica = new Replica();
  private facts: ProcessFact[] = [];

  get summary() {
    const { shards, limits } = this.replica;
    return limits === null ? null : { shards: shards.length, limits };
  }

  begin(): void {
    this.replica = new Replica();
    this.facts = [];
  }

  entry({ item }: Entry): void {
    if (isProcessFact(item)) this.facts.push(item);
  }

  restored(head: Head): void {
    this.replica = Replica.of(head, this.facts);
    this.facts = [];
  }

  /** A term without `started` is one whose first append was settled by the next. */
  frame({ read }: BatchContent): void {
    const { term, records } = read as NonNullable<BatchContent['read']>;
    this.replica.term = Math.max(this.replica.term, term - 1);
    this.replica.takeBody(records);
  }

  entries(): Iterable<Entry> {
    return this.replica.processEntries();
  }
}
