import { atNode } from './definition.ts';
import { span } from './parameters.ts';

export const lostSync = atNode({
  kind: 'lost_sync',
  family: 'disk',
  text: 'the disk says that it has what it has not',
  mayDamage: ['disk'],
  parameters: { forMs: span() },
  draw: (_random, { forMs }) => ({ forMs }),
  inject: ({ node, nowMs }, { forMs }) => node.store.trouble.loseSyncs(nowMs + forMs),
});
