import { ofClients } from './definition.ts';
import { oneOf, time } from './parameters.ts';

const HOLDERS = ['producers', 'consumers', 'streamers'] as const;

export const revoke = ofClients({
  kind: 'revoke',
  family: 'authority',
  text: 'the capability of all producers, consumers or streamers is taken back at every node; another comes after `reissue`, or with 0 never',
  // Each node counts it when it hears of it.
  isCounted: false,
  parameters: { of: oneOf(HOLDERS), reissueMs: time(0) },
  draw: (random) => ({
    of: random.pick(HOLDERS),
    reissueMs: random.chance(0.8) ? random.pick([1, 1_000]) : 0,
  }),
  begin: ({ issuer }, { of, reissueMs }) => issuer.revoke(of, reissueMs),
});
