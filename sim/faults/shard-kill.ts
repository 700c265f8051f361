import { atNode } from './definition.ts';
import { shard } from './parameters.ts';

export const shardKill = atNode({
  kind: 'shard_kill',
  family: 'process',
  text: 'the next decision of the shard throws when it has changed memory and before the journal has it; the supervisor makes the shard anew from the disk while the others serve, and parks it for longer when it falls again',
  parameters: { shard: shard() },
  draw: () => ({ shard: null }),
  inject: ({ node }, fault) => node.killShard(fault.shard),
});
