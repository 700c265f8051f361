import { atNode } from './definition.ts';
import { span, whole } from './parameters.ts';

export const connectionFlood = atNode({
  kind: 'connection_flood',
  family: 'load',
  text: 'idle connections take places',
  parameters: { connections: whole({ min: 1, max: 1_000_000 }), forMs: span() },
  draw: (random, { forMs }) => ({ connections: random.pick([1, 5, 2_000]), forMs }),
  inject: ({ node, end }, { connections, forMs }) => end(forMs, node.door.flood(connections)),
});
