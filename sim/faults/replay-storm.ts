import { ofClients } from './definition.ts';
import { whole } from './parameters.ts';
import { MESSAGES } from './usual.ts';

export const replayStorm = ofClients({
  kind: 'replay_storm',
  family: 'load',
  text: 'earlier messages are sent again, so many at once',
  parameters: { messages: whole(MESSAGES) },
  draw: (random) => ({ messages: random.pick([1, 5, 50]) }),
  begin: ({ inTurn }, { messages }) => inTurn(messages, (producer) => producer.replay()),
});
