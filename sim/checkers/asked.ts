import type { RuleName } from './breach.ts';

const EVERY_FACT: readonly RuleName[] = [
  ...([
    'SingleLeaseProp',
    'EndsProp',
    'AckFinalProp',
    'EpochMonotoneProp',
    'AttemptsBoundedInv',
    'CapacityInv',
    'PrefixProp',
  ] as const),
];

/** Which rules are asked when: of a fact by its name besides those of every fact, of all else by its kind. For reports. */
export const ASKED: Readonly<Record<string, readonly RuleName[]>> = {
  fact: EVERY_FACT,
  sent: ['IdempotentInv', 'WindowProp', 'IsolationProp', 'R3'],
  received: ['LE1', 'LE5', 'RT1', 'AC2', 'IsolationProp'],
  acked: ['LE3', 'LE4'],
  nacked: ['LE3', 'LE4', 'RT1', 'DL1'],
  extended: ['LE3', 'LE5'],
  released: ['LE3', 'LE7', 'RT1'],
  expired: ['RT1', 'RT3', 'DL1'],
  reprocessed: ['DL2', 'DL5', 'IsolationProp'],
  purged: ['EndsProp', 'DL3', 'IsolationProp'],
  arrival: ['AU1', 'RevokedProp'],
  reply: ['ReplyDurableInv', 'AU1', 'RevokedProp', 'BD2', 'RoomInv', 'LE1', 'LE3', 'LE4', 'DL5', 'IN1'],
  piece: ['B3', 'LE1', 'AU2', 'ReplyDurableInv', 'RevokedProp', 'AckFinalProp', 'IN1'],
  answer: ['AckFinalProp', 'EpochMonotoneProp', 'SingleLeaseProp', 'IdempotentInv', 'IN1'],
  start: ['NoLossInv', 'PrefixProp', 'WindowProp', 'RT4', 'AckFinalProp'],
  end: ['DeliveredLive', 'NoLossInv'],
};

/** What the invariants say, in a line each; the rules have their own. */
export const INVARIANT_TEXT: Readonly<Record<string, string>> = {
  NoLossInv: 'an accepted message is somewhere, or was acked or purged by a fact',
  SingleLeaseProp: 'a lease begins where none is in force, and ends by its holder, its deadline or a release',
  EndsProp: 'a message ends by an ack of its lease, or as a dead letter that was purged with a trace',
  AckFinalProp: 'acked is for ever: nothing is delivered after the reply to its ack',
  EpochMonotoneProp: "a message's epoch never falls",
  AttemptsBoundedInv: 'attempt is at most max_attempts; at the bound the next return is a dead letter',
  IdempotentInv: 'one message per live topic and idem_key',
  WindowProp: 'an idempotency entry lives at least t_replay',
  CapacityInv: 'every bound holds',
  IsolationProp: 'nobody beyond its share takes from the reserve, or pushes out the dead letters of who has less',
  RoomInv: 'a tenant within its share is let in while there is room',
  ReplyDurableInv: 'what a reply promised is durable',
  PrefixProp: 'the process has what its durable facts say',
  RevokedProp: 'nothing is accepted under a revoked capability',
  DeliveredLive: 'every accepted message is acked or dead-lettered in the end',
};
