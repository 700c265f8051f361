import { atNode } from './definition.ts';
import { shift } from './parameters.ts';

const BY_MS = [500, 5_000, 60_000, 119_000, 150_000, 3_600_000, 86_400_000];

export const clockStep = atNode({
  kind: 'clock_step',
  family: 'clock',
  text: 'the wall clock is set, ahead or with `-2m` back; a process looks for that every 20 ms',
  parameters: { byMs: shift() },
  counts: {
    as: ['clock_forward', 'clock_back'],
    which: ({ byMs }) => (byMs < 0 ? 1 : 0),
  },
  draw: (random) => ({ byMs: random.pick([1, -1]) * random.pick(BY_MS) }),
  inject({ node }, { byMs }) {
    node.clock.step(byMs);
    node.wallSet();
  },
});
