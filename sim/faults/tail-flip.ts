import { atNode } from './definition.ts';

export const tailFlip = atNode({
  kind: 'tail_flip',
  family: 'disk',
  text: 'when the process begins next, a bit of the last frame of its log has turned: no write was cut off, and nothing comes after it',
  mayDamage: ['disk'],
  parameters: {},
  draw: () => ({}),
  inject: ({ node }) => node.store.trouble.flipTail(),
});
