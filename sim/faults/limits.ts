import { atNode } from './definition.ts';
import { span, whole } from './parameters.ts';

export const limits = atNode({
  kind: 'limits',
  family: 'process',
  text: 'bounds of messages, leases and keys are set to `most` while it runs, and set back after `for`',
  parameters: { most: whole({ min: 1, max: 1_000_000 }), forMs: span() },
  draw: (random, { forMs }) => ({ most: random.pick([1, 3, 20]), forMs }),
  inject({ node, end }, { most, forMs }) {
    node.tighten(most);
    end(forMs, () => node.tighten(null));
  },
});
