import { atNode } from './definition.ts';
import { oneOf, span } from './parameters.ts';

const BY = ['nobody', 'engine'] as const;

export const enginePartition = atNode({
  kind: 'engine_partition',
  family: 'engine',
  text: 'nothing passes between the node and the engine; its clients reach it. The node is not told; noticed by the `engine` its connection is gone, and others may take its shards over before their leases are over',
  parameters: { noticed: oneOf(BY, 'nobody'), forMs: span() },
  draw: (random, { forMs }) => ({ noticed: random.pick(BY), forMs }),
  inject: ({ node }, { noticed, forMs }) => node.shared?.client.partition(forMs, noticed === 'engine'),
});
