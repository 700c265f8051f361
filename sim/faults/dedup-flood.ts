import { ofClients } from './definition.ts';
import { span, whole } from './parameters.ts';
import { MESSAGES } from './usual.ts';

export const dedupFlood = ofClients({
  kind: 'dedup_flood',
  family: 'load',
  text: 'so many new keys in that time',
  parameters: { messages: whole(MESSAGES), forMs: span() },
  draw: (random, { forMs }) => ({ messages: random.pick([10, 50]), forMs }),
  begin: ({ inTurn }, { messages, forMs }) => inTurn(messages, (producer) => producer.burst(forMs)),
});
