import { CUTS } from '../engine.ts';
import { atNode } from './definition.ts';
import { oneOf } from './parameters.ts';

export const engineCut = atNode({
  kind: 'engine_cut',
  family: 'engine',
  text: 'the connection of the node to the engine is cut: what was under way is not executed, is executed all the same, or is some time later; nobody says which',
  parameters: { then: oneOf(CUTS, 'applied') },
  draw: (random) => ({ then: random.pick(CUTS) }),
  inject: ({ node }, { then }) => node.shared?.client.cut(then),
});
