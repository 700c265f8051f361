import { atNode } from './definition.ts';
import { span, whole } from './parameters.ts';

export const relabel = atNode({
  kind: 'relabel',
  family: 'process',
  text: 'while it runs, topics become those of other tenants: the first `labels` of a name say whose it is, after `for` as before',
  parameters: { labels: whole({ min: 1, max: 4 }), forMs: span() },
  draw: (random, { forMs }) => ({ labels: random.pick([1, 2]), forMs }),
  inject({ node, end }, { labels, forMs }) {
    node.relabel(labels);
    end(forMs, () => node.relabel(null));
  },
});
