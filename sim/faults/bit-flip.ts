import { atNode } from './definition.ts';
import { whole } from './parameters.ts';

export const bitFlip = atNode({
  kind: 'bit_flip',
  family: 'disk',
  text: 'so many bits of what is written turn',
  mayDamage: ['disk'],
  parameters: { bits: whole({ min: 1, max: 1_000_000 }, 1) },
  draw: (random) => ({ bits: random.pick([1, 1, 20, 1_000]) }),
  inject: ({ node }, { bits }) => node.store.trouble.flip(node.store.disk, bits),
});
