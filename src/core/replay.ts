import { apply } from './apply.ts';
import type { Fact } from './facts.ts';
import type { Limits } from './limits.ts';
import { ShardState } from './state.ts';

/** The state that a journal's facts describe. Starting from nothing, the same facts give the same state. */
export function replay(shard: number, limits: Limits, facts: Iterable<Fact>): ShardState {
  const state = new ShardState(shard, limits);
  for (const fact of facts) apply(state, fact);
  return state;
}
