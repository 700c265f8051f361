import { VERIFIER_TROUBLES } from '../verifier.ts';
import { atNode } from './definition.ts';
import { oneOf, span } from './parameters.ts';

export const verifierDown = atNode({
  kind: 'verifier_down',
  family: 'authority',
  text: 'the remote verifier of the node is `silent`, or `erring`; nothing where the node holds the keys itself',
  parameters: { of: oneOf(VERIFIER_TROUBLES, 'silent'), forMs: span() },
  draw: (random, { forMs }) => ({ of: random.pick(VERIFIER_TROUBLES), forMs }),
  inject({ node, end }, { of, forMs }) {
    node.troubleVerifier(of);
    end(forMs, () => node.troubleVerifier(null));
  },
});
