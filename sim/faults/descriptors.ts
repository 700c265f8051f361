import { atNode } from './definition.ts';
import { span } from './parameters.ts';

export const descriptors = atNode({
  kind: 'descriptors',
  family: 'disk',
  text: 'no file can be opened; what is open stays so',
  parameters: { forMs: span() },
  draw: (_random, { forMs }) => ({ forMs }),
  inject: ({ node, nowMs }, { forMs }) => node.store.trouble.openNothing(nowMs + forMs),
});
