import type { Outcome } from '../../spec/vocabulary.ts';
import { decide } from '../core/decide.ts';
import { mayTake } from '../core/share.ts';
import type { ShardState } from '../core/state.ts';

/** What reprocessing a dead letter would come to when so many others of its topic were moved before (DL5): no fact of it is made. */
export function tryReprocess(shard: ShardState, msgId: string, moved: number): Outcome {
  const { outcome, message } = decide(shard, { name: 'reprocess', atMs: shard.nowMs, msgId });
  if (outcome !== 'ok' || message === undefined) return outcome;
  const { limits, depth } = shard;
  const { topic } = message;
  if (depth + moved >= limits.shardCapacity) return 'saturated_shard';
  const [ofTenant, ofTopic] = [topic.tenant.depth + moved, topic.depth + moved];
  return mayTake(limits, limits.shardCapacity, depth + moved, ofTenant, ofTopic) ? 'ok' : 'saturated_tenant';
}
