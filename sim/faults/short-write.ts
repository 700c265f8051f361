import { atNode } from './definition.ts';
import { span } from './parameters.ts';

export const shortWrite = atNode({
  kind: 'short_write',
  family: 'disk',
  text: 'writes take fewer bytes than they are given',
  parameters: { forMs: span() },
  draw: (_random, { forMs }) => ({ forMs }),
  inject: ({ node, nowMs }, { forMs }) => node.store.trouble.writeShort(nowMs + forMs),
});
