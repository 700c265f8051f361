import type { Fact } from '../../src/core/facts.ts';
import { imagesOf, type MessageFields } from '../../src/core/image.ts';
import type { Limits } from '../../src/core/limits.ts';
import { replay } from '../../src/core/replay.ts';
import type { ShardState } from '../../src/core/state.ts';
import { Writer } from '../../src/journal/bytes.ts';
import { writeRecord } from '../../src/journal/record.ts';
import type { Batch } from '../../src/ports/journal.ts';

interface Append {
  /** Of its last frame. */
  readonly sequence: number;
  readonly batches: readonly Batch[];
}

/**
 * Everything that was appended to one log, in order: what a disk that lost some of it must still agree with (PrefixProp). A disk has one
 * log of all shards of its node; a shard that several nodes share has a log of its own.
 */
export class PrefixLog {
  private readonly shards: readonly number[];
  private readonly limits: Limits;
  private readonly appends: Append[] = [];

  constructor(shards: readonly number[], limits: Limits) {
    this.shards = shards;
    this.limits = limits;
  }

  appended(sequence: number, batches: readonly Batch[]): void {
    if (batches.length > 0) this.appends.push({ sequence, batches });
  }

  /** Whether this is what the first frames came to. Of an append that was cut, any number of whole decisions. */
  isPrefix(sequence: number, found: readonly ShardState[]): boolean {
    const whole = this.appends.filter((append) => append.sequence <= sequence).flatMap(({ batches }) => batches);
    const cut = this.appends.find((append) => append.sequence > sequence)?.batches ?? [];
    const digest = digestOf(found);
    if (found.length === 0 && whole.length === 0) return true;
    for (let kept = 0; kept <= cut.length; kept++) {
      if (digestOf(this.replayed([...whole, ...cut.slice(0, kept)])) === digest) return true;
    }
    return false;
  }

  private replayed(batches: readonly Batch[]): ShardState[] {
    const facts = new Map(this.shards.map((shard) => [shard, [] as Fact[]]));
    for (const batch of batches) if (batch.shard !== null) facts.get(batch.shard)?.push(...batch.facts);
    return [...facts].map(([shard, of]) => replay(shard, this.limits, of));
  }
}

const SOME = new Uint8Array();

/**
 * Where a message stands in a heap says no more than its times do. A large payload may be gone with the end of its message,
 * which the disk then forgot: that is noticed by its hash, and is a dead letter (IN1).
 */
const comparable = (message: MessageFields): MessageFields =>
  Object.create(message, {
    ...{ place: { value: 0 }, ttlPlace: { value: 0 } },
    payload: { value: message.payload === null ? null : SOME },
  });

/** What shards hold: equal when they are. */
function digestOf(shards: readonly ShardState[]): string {
  const w = new Writer();
  for (const shard of shards) {
    for (const image of imagesOf(shard)) {
      const message = image.name === 'message' ? { message: comparable(image.message) } : {};
      writeRecord(w, shard.shard, { ...image, ...message } as typeof image);
    }
  }
  return Buffer.from(w.buffer.subarray(0, w.length)).toString('latin1');
}
