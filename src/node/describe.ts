import type { Clock } from '../ports/clock.ts';
import type { Condition, JournalBackend } from '../ports/journal.ts';
import type { BoundName } from '../service/backpressure.ts';
import type { WhyDown } from '../service/down-shards.ts';
import type { Service } from '../service/service.ts';

/** A process as it is told to whoever looks: shares of bounds in percent, and nothing of whose messages fill them. */
export interface NodeView {
  readonly isReady: boolean;
  readonly missing: readonly string[];
  readonly bounds: readonly { readonly name: BoundName; readonly percent: number; readonly shard: number | null }[];
  readonly journal: { readonly isKept: boolean; readonly term: number | null; readonly lacks: Condition | null };
  readonly shards: readonly {
    readonly shard: number;
    readonly state: 'serving' | WhyDown;
    readonly term: number | null;
    readonly percent: number;
    /** The name of the node that has it, where that is another one and known. */
    readonly node?: string;
  }[];
}

/** The name of the other node that has a shard which is not ours; null where that is not known, or nobody. */
export type HolderOf = (shard: number) => string | null;

/** By what is nearest to full: that refuses next. */
export function bounds(service: Service): NodeView['bounds'] {
  return service.drains
    .used()
    .map(({ name, share, shard }) => ({ name, percent: percentOf(share), shard }))
    .sort((one, other) => other.percent - one.percent);
}

export const journalView = ({ processLog, condition }: JournalBackend): NodeView['journal'] => ({
  isKept: processLog.term !== null,
  term: processLog.term,
  lacks: condition,
});

/** `terms`: in which each was taken over; null where it is somebody else's. */
export function shardViews(
  service: Service,
  terms: readonly (number | null)[],
  holderOf: HolderOf,
  clock: Clock,
): NodeView['shards'] {
  const down = new Map(service.down.list(clock.nowMs()).map(({ shard, why }) => [shard, why]));
  return service.shards.map(({ shard, depth, limits }) => {
    const state = down.get(shard) ?? 'serving';
    const node = state === 'not_owner' ? holderOf(shard) : null;
    return {
      ...{ shard, state, term: terms[shard] ?? null, percent: percentOf(depth / limits.shardCapacity) },
      ...(node === null ? {} : { node }),
    };
  });
}

/** Rounded up: what is in use at all is not shown as nothing. */
const percentOf = (share: number): number => Math.min(100, Math.ceil(100 * share));
