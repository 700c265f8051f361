import { consequence, ofClients } from './definition.ts';
import { rootKeys, time } from './parameters.ts';

export const rollover = ofClients({
  kind: 'rollover',
  family: 'authority',
  text: 'a new root key at every node, new capabilities, and after `overlap` the old key goes',
  // Each node counts it when it loads its keys, twice in a rollover.
  isCounted: false,
  parameters: { overlapMs: time() },
  draw: (random) => ({ overlapMs: random.pick([1, 1_000, 10_000]) }),
  begin: ({ issuer }, { overlapMs }) => issuer.rollOver(overlapMs),
});

/** The root keys that a node knows from now on: what a rollover comes to at one node. */
export const keyring = consequence({
  kind: 'keyring',
  family: 'authority',
  text: 'a node loads other root keys',
  parameters: { keys: rootKeys() },
  counts: { as: ['rollover'], which: () => 0 },
  inject: ({ node }, { keys }) => node.useKeys(keys),
});
