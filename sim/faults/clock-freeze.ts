import { atNode } from './definition.ts';
import { span } from './parameters.ts';

export const clockFreeze = atNode({
  kind: 'clock_freeze',
  family: 'clock',
  text: 'both clocks stand still',
  mayDamage: ['clocks'],
  parameters: { forMs: span() },
  draw: (_random, { forMs }) => ({ forMs }),
  inject({ node, end }, { forMs }) {
    const freeze = (frozen: boolean): void => {
      node.clock.freeze(frozen);
      node.clockChanged();
    };
    freeze(true);
    end(forMs, () => freeze(false));
  },
});
