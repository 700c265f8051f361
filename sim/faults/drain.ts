import { atNode } from './definition.ts';
import { span } from './parameters.ts';
import { DOWN_MS } from './usual.ts';

/** A process that is to go has so long to finish what it has. */
const DRAIN_MS = 5_000;

export const drain = atNode({
  kind: 'drain',
  family: 'process',
  text: 'a graceful stop: sends are refused and polls ended for five seconds, then the process goes, and comes back',
  parameters: { downMs: span() },
  draw: (random) => ({ downMs: random.pick(DOWN_MS) }),
  lastsMs: ({ downMs }) => DRAIN_MS + downMs,
  inject({ node, end }, { downMs }) {
    node.drain(DRAIN_MS, () => end(downMs, () => node.start()));
  },
});
