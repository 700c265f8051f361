import { CUTS } from '../engine.ts';
import { atNode } from './definition.ts';
import { oneOf } from './parameters.ts';

export const engineCut = atNode({
  kind: 'engine_cut',
  family: 'engine',
  text: 'the connection of the node to the engine is cut: what was under way is not executed, is executed all the same, or is some time later; nobody says which',
  parameters: { what: oneOf(CUTS, 'applied') },
  draw: (random) => ({ what: random.pick(CUTS) }),
  inject: ({ node }, { what }) => node.shared?.client.cut(what),
});
