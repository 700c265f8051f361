import { LOSSES_OF } from '../disk-trouble.ts';
import { atNode } from './definition.ts';
import { oneOf } from './parameters.ts';

export const lostFile = atNode({
  kind: 'lost_file',
  family: 'disk',
  text: 'when the process begins next, a segment of its log is `missing`, at times with all that were made after it, or `shortened`',
  mayDamage: ['disk'],
  parameters: { of: oneOf(LOSSES_OF, 'missing') },
  draw: (random) => ({ of: random.pick(LOSSES_OF) }),
  inject: ({ node }, { of }) => node.store.trouble.loseFile(of),
});
