import { ofClients } from './definition.ts';
import { share, whole } from './parameters.ts';

/** The calls come within this time. */
const STORM_MS = 500;

export const authFailures = ofClients({
  kind: 'auth_failures',
  family: 'authority',
  text: "calls with foreign and forged capabilities on ids and receipts that got around; a share `attenuated` of them with what a consumer's capability was narrowed to by quotas that no other call has",
  parameters: { calls: whole({ min: 1, max: 100_000 }), forged: share(0.5), attenuated: share(0) },
  draw: (random) => ({ calls: random.pick([3, 20]), forged: random.pick([0, 0.5, 1]), attenuated: 0 }),
  lastsMs: () => STORM_MS,
  begin({ strangers, random }, { calls, forged, attenuated }) {
    strangers[random.below(strangers.length)]?.storm(calls, forged, attenuated);
  },
});
