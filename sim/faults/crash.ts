import { atNode } from './definition.ts';
import { span } from './parameters.ts';
import { DOWN_MS } from './usual.ts';

export const crash = atNode({
  kind: 'crash',
  family: 'process',
  text: 'the process dies between two steps, or its whole machine with what was in caches, as chance has it; it starts again from its disk',
  parameters: { downMs: span() },
  draw: (random) => ({ downMs: random.pick(DOWN_MS) }),
  lastsMs: ({ downMs }) => downMs,
  inject({ node, end }, { downMs }) {
    node.crash();
    end(downMs, () => node.start());
  },
});
