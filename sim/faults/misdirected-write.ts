import { atNode } from './definition.ts';

export const misdirectedWrite = atNode({
  kind: 'misdirected_write',
  family: 'disk',
  text: 'the next write that must be durable goes elsewhere',
  mayDamage: ['disk'],
  parameters: {},
  draw: () => ({}),
  inject: ({ node }) => node.store.trouble.misdirect(),
});
