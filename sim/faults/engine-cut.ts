import { CUTS } from '../engine.ts';
import { atNode } from './definition.ts';
import { LOST_MS, lost } from './engine-failover.ts';
import { oneOf, span } from './parameters.ts';

export const engineCut = atNode({
  kind: 'engine_cut',
  family: 'engine',
  text: 'the connection of the node to the engine is cut: what was under way is not executed, is executed all the same, or is some time later; nobody says which. With `lost` the primary follows so much later, and its standby gets nothing more from it',
  parameters: { what: oneOf(CUTS, 'applied'), lostMs: span() },
  draw: (random) => ({ what: random.pick(CUTS), lostMs: random.pick(LOST_MS) }),
  lastsMs: ({ lostMs }) => lostMs,
  inject({ node, engine, end }, { what, lostMs }) {
    lost(engine, lostMs, end);
    node.shared?.client.cut(what);
  },
});
