import { atNode } from './definition.ts';
import { oneOf, span, who } from './parameters.ts';

const DIRECTIONS = ['both', 'requests', 'replies'] as const;

export const partition = atNode({
  kind: 'partition',
  family: 'network',
  text: 'nothing passes: `both` ways, or only `requests` do not, or only `replies`',
  parameters: { who: who(), direction: oneOf(DIRECTIONS, 'both'), forMs: span() },
  draw: (random, common) => ({ ...common, direction: random.pick(DIRECTIONS) }),
  inject: ({ network, end }, fault) => end(fault.forMs, network.trouble(fault)),
});
