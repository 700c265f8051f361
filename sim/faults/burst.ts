import { ofClients } from './definition.ts';
import { whole } from './parameters.ts';
import { MESSAGES } from './usual.ts';

export const burst = ofClients({
  kind: 'burst',
  family: 'load',
  text: 'so many sends at once',
  parameters: { messages: whole(MESSAGES) },
  draw: (random) => ({ messages: random.pick([1, 5, 50]) }),
  begin: ({ inTurn }, { messages }) => inTurn(messages, (producer) => producer.burst(0)),
});
