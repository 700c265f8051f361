import { ofClients } from './definition.ts';
import { span } from './parameters.ts';

export const hotTopic = ofClients({
  kind: 'hot_topic',
  family: 'load',
  text: 'everyone sends to one topic',
  parameters: { forMs: span() },
  draw: (_random, { forMs }) => ({ forMs }),
  begin({ anyTopic, sendTo, later }, { forMs }) {
    sendTo(anyTopic());
    later(forMs, () => sendTo(null));
  },
});
