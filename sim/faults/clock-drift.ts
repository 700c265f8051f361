import { atNode } from './definition.ts';
import { factor, span } from './parameters.ts';

const TRUE_RATE = 1;

export const clockDrift = atNode({
  kind: 'clock_drift',
  family: 'clock',
  text: 'both clocks run at another rate; 1 is true',
  mayDamage: ['clocks'],
  parameters: { rate: factor(0.1, 10), forMs: span() },
  draw: (random, { forMs }) => ({ rate: random.pick([0.5, 0.9, 1.01, 1.5, 3]), forMs }),
  inject({ node, end }, { rate, forMs }) {
    const drift = (to: number): void => {
      node.clock.drift(to);
      node.clockChanged();
    };
    drift(rate);
    end(forMs, () => drift(TRUE_RATE));
  },
});
