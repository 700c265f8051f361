import { ofClients } from './definition.ts';
import { span } from './parameters.ts';

export const authorityDown = ofClients({
  kind: 'authority_down',
  family: 'authority',
  text: 'nobody can be issued, renewed, revoked',
  parameters: { forMs: span() },
  draw: (_random, { forMs }) => ({ forMs }),
  begin: ({ issuer }, { forMs }) => issuer.goDown(forMs),
});
