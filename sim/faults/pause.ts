import { atNode } from './definition.ts';
import { span } from './parameters.ts';

export const pause = atNode({
  kind: 'pause',
  family: 'process',
  text: 'nothing runs, what comes waits at the door',
  parameters: { forMs: span() },
  draw: (_random, { forMs }) => ({ forMs }),
  inject: ({ node }, { forMs }) => node.pause(forMs),
});
