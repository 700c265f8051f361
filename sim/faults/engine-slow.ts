import { atNode } from './definition.ts';
import { span, whole } from './parameters.ts';

export const engineSlow = atNode({
  kind: 'engine_slow',
  family: 'engine',
  text: 'each statement takes `factor` times as long',
  parameters: { factor: whole({ min: 1, max: 10_000, unit: 'factor' }), forMs: span() },
  draw: (random, { forMs }) => ({ factor: random.pick([5, 50, 500]), forMs }),
  inject: ({ engine }, { factor, forMs }) => engine?.slow(factor, forMs),
});

export const engineLag = atNode({
  kind: 'engine_lag',
  family: 'engine',
  text: 'nothing reaches the standby, and no append that waits for it is answered',
  parameters: { forMs: span() },
  draw: (_random, { forMs }) => ({ forMs }),
  inject: ({ engine }, { forMs }) => engine?.lag(forMs),
});
