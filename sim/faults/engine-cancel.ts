import { atNode } from './definition.ts';

export const engineCancel = atNode({
  kind: 'engine_cancel',
  family: 'engine',
  text: 'an append that waits for the standby is cancelled: it is answered as if it were durable, with a warning, and its standby does not have it; a node takes that for no answer, and its connection is gone',
  parameters: {},
  draw: () => ({}),
  inject: ({ engine }) => engine?.cancel(),
});
