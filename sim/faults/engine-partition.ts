import { atNode } from './definition.ts';
import { span } from './parameters.ts';

export const enginePartition = atNode({
  kind: 'engine_partition',
  family: 'engine',
  text: 'nothing passes between the node and the engine, and nobody is told; its clients reach it',
  parameters: { forMs: span() },
  draw: (_random, { forMs }) => ({ forMs }),
  inject: ({ node }, { forMs }) => node.shared?.client.partition(forMs),
});
