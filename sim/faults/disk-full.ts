import { FULL_OF } from '../disk.ts';
import { atNode } from './definition.ts';
import { oneOf, span, whole } from './parameters.ts';

export const diskFull = atNode({
  kind: 'disk_full',
  family: 'disk',
  text: 'so many bytes more fit, then no more: there is no `space`, or the `quota` is used up, for which the system has no name',
  parameters: {
    bytes: whole({ min: 0, max: 1_000_000_000, unit: 'bytes' }, 0),
    of: oneOf(FULL_OF, 'space', 'space'),
    forMs: span(),
  },
  draw: (random, { forMs }) => ({ bytes: random.pick([0, 1_000, 100_000, 200_000]), of: 'space', forMs }),
  inject({ node, end }, { bytes, of, forMs }) {
    const { disk } = node.store;
    disk.leave(bytes, of);
    end(forMs, () => disk.makeRoom());
  },
});
