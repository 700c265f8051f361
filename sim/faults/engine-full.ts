import { atNode } from './definition.ts';
import { span } from './parameters.ts';

export const engineFull = atNode({
  kind: 'engine_full',
  family: 'engine',
  text: 'no append finds room: all are refused',
  parameters: { forMs: span() },
  draw: (_random, { forMs }) => ({ forMs }),
  inject: ({ engine }, { forMs }) => engine?.full(forMs),
});
