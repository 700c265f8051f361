import { TEARS } from '../disk-trouble.ts';
import { atNode } from './definition.ts';
import { oneOf, span, wholes } from './parameters.ts';
import { DOWN_MS, range } from './usual.ts';

export const powerCut = atNode({
  kind: 'power_cut',
  family: 'disk',
  text: 'the machine stops in the operation of its disk that comes `ops` from now; of what was not synced chance keeps some sectors, with `tear: byte` some bytes of each. After that the operator overrules a refused torn tail',
  parameters: { ops: wholes({ min: 1, max: 10_000 }, range(1, 20)), tear: oneOf(TEARS, 'sector'), downMs: span() },
  draw: (random) => ({
    ops: random.pick([range(1, 1), range(1, 5), range(1, 40)]),
    tear: random.pick(TEARS),
    downMs: random.pick(DOWN_MS),
  }),
  inject: ({ node }, { ops, tear, downMs }) => node.stopAt(ops, tear, downMs),
});
