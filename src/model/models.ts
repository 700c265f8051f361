import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CapabilityDriver } from './capability.ts';
import { CAPABILITY_ACTIONS, capabilityVariables, readCapabilityConstants } from './capability-constants.ts';
import { DURABILITY_ACTIONS, DurabilityDriver, durabilityVariables } from './durability.ts';
import type { Driver } from './explore.ts';
import type { Graph, Variables } from './graph.ts';
import { LifecycleDriver } from './lifecycle.ts';
import { explainUndelivered, fairnessOf, undelivered } from './liveness.ts';
import { MAILBOX_ACTIONS, mailboxVariables, readDurabilityConstants, readMailboxConstants } from './mailbox.ts';
import { OwnershipDriver } from './ownership.ts';
import { OWNERSHIP_ACTIONS, ownershipVariables, readOwnershipConstants } from './ownership-constants.ts';

/** What TLC must say of a model. */
export type Expected =
  | { readonly kind: 'holds' }
  /** A negative model: exactly this invariant or property must fail. */
  | { readonly kind: 'violates'; readonly name: string }
  /** Every one of these must fail: what they deny is reached. */
  | { readonly kind: 'reaches'; readonly names: readonly string[] };

export type Specification = 'Mailbox' | 'Durability' | 'Capability' | 'Ownership';

export interface Model {
  /** Module and config: `<name>.tla`, `<name>.cfg`. */
  readonly name: string;
  readonly about: string;
  readonly expected: Expected;
  /** The specification whose graph is recorded and compared with the code's; null where only TLC looks. */
  readonly graph: Specification | null;
  /** So small that every mutant of code and specification can be tried in it (tools/mutation). */
  readonly tiny: boolean;
}

const holds: Expected = { kind: 'holds' };
const violates = (name: string): Expected => ({ kind: 'violates', name });
const graph = (name: string, about: string, specification: Specification = 'Mailbox'): Model => ({
  name,
  about,
  expected: holds,
  graph: specification,
  tiny: false,
});
const tiny = (name: string, about: string, specification: Specification = 'Mailbox'): Model => ({
  ...graph(name, about, specification),
  tiny: true,
});
const only = (name: string, about: string, expected: Expected): Model => ({
  name,
  about,
  expected,
  graph: null,
  tiny: false,
});

export const MODELS: readonly Model[] = [
  graph('MCMailbox', 'the lifecycle: every action that changes something, two messages, a crash'),
  graph('MCIdempotency', 'shared keys, capacities below demand'),
  graph('MCCrash', 'crashes and recoveries, time passing between'),
  graph('MCDeadLetters', 'reprocess, purge, retention, full dead letters'),
  graph('MCLease', 'extensions, releases, delays, ttls'),
  graph('MCSettled', 'verbs said again'),
  graph('MCLive', 'liveness: retentions, delays, ttls'),
  graph('MCLiveForever', 'liveness where a message may wait for ever'),
  graph('MCTenants', 'two tenants at every bound: shares, reserve, push-out'),
  graph('MCDurability', 'a journal, replies that wait, crashes; refines Mailbox', 'Durability'),
  graph('MCGroupCommit', 'two facts and more in one append; refines Mailbox', 'Durability'),
  graph('MCCapability', 'a capability, a narrower one, a revocation, a node that asks', 'Capability'),
  graph('MCRollover', 'a rollover of the root key, revocations by nonce and by key', 'Capability'),
  graph('MCOverlap', 'capabilities of two root keys at a time', 'Capability'),
  graph('MCNodes', 'several nodes that ask', 'Capability'),
  graph('MCVerdict', 'answers that come late, are joined, or do not come', 'Capability'),
  graph('MCOwners', 'two nodes that share a shard, a failover', 'Ownership'),
  graph('MCOwnersLate', 'statements that come late', 'Ownership'),
  graph('MCOwnersPipe', 'two appends under way', 'Ownership'),
  graph('MCOwnersAsync', 'a standby for which no answer waits', 'Ownership'),
  tiny('MCTinyOne', 'one message, two attempts'),
  tiny('MCTinyRoom', 'a line of two, every capacity below demand'),
  tiny('MCTinyKeys', 'one key for three messages on two topics'),
  tiny('MCTinyTimes', 'delay, ttl, retentions, a crash'),
  tiny('MCTinyLease', 'extensions, releases, backoffs'),
  tiny('MCTinyBackoff', 'backoffs of four attempts, with room to grow'),
  tiny('MCTinySettled', 'settled receipts, two at the most'),
  tiny('MCTinyCrash', 'a crash with two messages on their way'),
  tiny('MCTinyDead', 'dead letters pushed out, reprocessed, purged'),
  tiny('MCTinyFull', 'a message too large for every recv, a third that finds no room'),
  tiny('MCTinyAgain', 'one key twice, retentions of a tick, two crashes, a verb said again'),
  tiny('MCTinyShare', 'a third of the line for each tenant'),
  tiny('MCTinyExact', 'a share of all but a little'),
  tiny('MCTinyWindow', 'two windows, one for each tenant'),
  tiny('MCTinyLeased', 'leases of two tenants, some of them elsewhere'),
  tiny('MCTinyTopics', 'topics of one tenant, and their share in its'),
  tiny('MCTinyReserve', 'one tenant up to the reserve, the smallest share of a topic'),
  tiny('MCTinyOrder', 'a bound that is full is named before the share of it'),
  tiny('MCTinyFirst', 'duplicates and budgets before shares'),
  tiny('MCTinyPushed', 'dead letters pushed out from the tenant with the most'),
  tiny('MCTinyTie', 'dead letters pushed out where all hold as many'),
  tiny('MCTinyJournal', 'one message, facts that are not durable yet', 'Durability'),
  tiny('MCTinyGather', 'facts that share an append', 'Durability'),
  tiny('MCTinyDie', 'all that a process can lose', 'Durability'),
  only('MCReached', 'every state is reached', {
    kind: 'reaches',
    names: [
      'DebugReprocessedInv',
      'DebugReleasedInv',
      'DebugDownInv',
      'DebugForgottenInv',
      'DebugQueuedInv',
      'DebugLeasedInv',
      'DebugRedeliveredInv',
      'DebugAckedInv',
      'DebugDeadLetteredInv',
      'DebugPurgedInv',
    ],
  }),
  only('MCKept', 'a dead letter that is not due may stay for ever', { kind: 'reaches', names: ['DebugKeptLive'] }),
  only('MCCapabilityReached', 'what the properties of capabilities speak of happens', {
    kind: 'reaches',
    names: [
      'DebugGraceInv',
      'DebugStaleAnswerInv',
      'DebugRevokedMeanwhileInv',
      'DebugHeldOverInv',
      'DebugOverThenKnownInv',
    ],
  }),
  only('MCOwnersAll', 'two nodes that share a shard, a failover and statements that come late', holds),
  only('MCOverlapReached', 'capabilities of two root keys are good at a time', {
    kind: 'reaches',
    names: ['DebugOverlapInv'],
  }),
  only('NegResetAttempts', 'recovery that resets attempts', violates('AttemptsBoundedInv')),
  only('NegEvictedEarly', 'idempotency entry evicted early', violates('WindowProp')),
  only('NegAckForgotten', 'recovery that forgets acks', violates('AckFinalProp')),
  only('NegEpochAnew', 'reprocess that counts epochs anew', violates('EpochMonotoneProp')),
  only('NegKeyTwice', 'send under a live key', violates('IdempotentInv')),
  only('NegDeadUnbounded', 'dead letters without a bound', violates('CapacityInv')),
  only('NegShareIgnored', 'tenant beyond its share that takes from the reserve', violates('IsolationProp')),
  only('NegForeignPushOut', 'dead letter pushed out for one who has more', violates('IsolationProp')),
  only('NegReserveShut', 'reserve that nobody gets', violates('RoomInv')),
  only('NegNoLeaseCap', 'extension without a cap', violates('DeliveredLive')),
  only('NegStaleReceipt', 'stale receipt accepted', violates('SingleLeaseProp')),
  only('NegLeasedTwice', 'recv leases what is leased', violates('SingleLeaseProp')),
  only('NegExpireEarly', 'expiry before the deadline', violates('SingleLeaseProp')),
  only('NegGivenBack', 'recovery that gives back what is leased', violates('SingleLeaseProp')),
  only('NegSendKeepsNothing', 'send that keeps nothing', violates('NoLossInv')),
  only('NegExpireDrops', 'expiry that drops a message', violates('EndsProp')),
  only('NegRecoverAcks', 'recovery that takes what is leased for acked', violates('EndsProp')),
  only('NegPurgeWaiting', 'purge of what is no dead letter', violates('EndsProp')),
  only('NegPurgedReturns', 'reprocess of what was purged', violates('EndsProp')),
  only('NegDeadStays', 'purge that leaves its message among the dead letters', violates('TypeOK')),
  only('NegReplyEarly', 'reply before sync', violates('ReplyDurableInv')),
  only('NegAckEarly', 'ack answered before sync', violates('AckFinalProp')),
  only('NegMemoryKept', 'recovery that finds what was not durable', violates('PrefixProp')),
  only('NegTornFact', 'half of a fact taken for one', violates('Refines')),
  only('NegFactLost', 'fact told that no disk has', violates('TypeOK')),
  only('NegNoTtl', 'capability cache without a TTL', violates('RevokedProp')),
  only('NegLongWord', 'answer that counts longer than the TTL', violates('TypeOK')),
  only('NegNotAskedAgain', 'cached capability let in after its time', violates('ExpiredInv')),
  only('NegRefusalSpreads', 'refused capability that has others refused', violates('GoodInv')),
  only('NegWiderChild', 'attenuated capability that outlives its parent', violates('NarrowerInv')),
  only('NegPipe', 'two appends under way that say only the next number', violates('ChainInv')),
  only('NegKeyOnly', 'a key without a hash, after a lost tail', violates('ChainInv')),
  only('NegLeaseTrusted', 'a lease instead of the log', violates('ChainInv')),
  only('NegTermRegister', 'terms from a register instead of from the log', violates('TermInv')),
  only('NegHashOfEngine', 'an owner that asks the engine for the last hash', violates('TermInv')),
  only('NegFound', 'what is found by reading again taken for durable', violates('ToldInv')),
  only('NegAsync', 'answers that do not wait for the standby', violates('ToldInv')),
  only('NegWrongStandby', 'a standby that lacks what was answered', violates('HaltInv')),
  only('NegRefusedTold', 'what was refused taken for durable', violates('StaleProp')),
  only('NegKeptFlight', 'who lets go keeps what it has under way', violates('TypeOK')),
  only('NegUnfairTick', 'time may stand still', violates('DeliveredLive')),
  only('NegUnfairRecover', 'a process may stay down', violates('DeliveredLive')),
  only('NegUnfairExpire', 'a lease need never end', violates('DeliveredLive')),
  only('NegUnfairPurge', 'a purge that is due need never come', violates('DeliveredLive')),
  only('NegUnfairRecv', 'no strong fairness of Recv', violates('DeliveredLive')),
];

/** The specification's folder: beside the sources, or up from what is built of them. */
export const TLA = ['../../tla', '../tla']
  .map((path) => new URL(path, import.meta.url).pathname)
  .find((folder) => existsSync(join(folder, 'Mailbox.tla'))) as string;

export const GRAPHS = join(TLA, 'graphs');
export const graphFile = (model: Model): string => join(GRAPHS, `${model.name}.graph`);

/** What is compared of a model: its states in bytes, its actions by name, and the code that makes them. */
export interface Subject {
  readonly variables: Variables;
  readonly actions: readonly string[];
  driver(): Driver<unknown>;
  /** What is wrong with a graph as a whole, or null: no state shows what never comes. */
  wrongWith(graph: Graph): string | null;
}

const nothing = (): null => null;

/** What a model is of: where no graph is compared, its module says. */
export function specificationOf({ name, graph }: Model, folder: string = TLA): Specification {
  const modules = modulesOf(name, folder);
  return (
    graph ?? (['Durability', 'Capability', 'Ownership'] as const).find((one) => modules.includes(one)) ?? 'Mailbox'
  );
}

/** @throws Error naming file and constant */
export function subjectOf(model: Model, folder: string = TLA): Subject {
  const specification = specificationOf(model, folder);
  if (specification === 'Durability') {
    const constants = readDurabilityConstants(folder, model.name);
    return {
      variables: durabilityVariables(constants),
      actions: DURABILITY_ACTIONS,
      driver: () => new DurabilityDriver(constants) as Driver<unknown>,
      wrongWith: nothing,
    };
  }
  if (specification === 'Capability') {
    const constants = readCapabilityConstants(folder, model.name);
    return {
      variables: capabilityVariables(constants),
      actions: CAPABILITY_ACTIONS,
      driver: () => new CapabilityDriver(constants) as Driver<unknown>,
      wrongWith: nothing,
    };
  }
  if (specification === 'Ownership') {
    const constants = readOwnershipConstants(folder, model.name);
    return {
      variables: ownershipVariables(constants),
      actions: OWNERSHIP_ACTIONS,
      driver: () => new OwnershipDriver(constants) as Driver<unknown>,
      wrongWith: nothing,
    };
  }
  const constants = readMailboxConstants(folder, model.name);
  return {
    variables: mailboxVariables(constants),
    actions: MAILBOX_ACTIONS,
    driver: () => new LifecycleDriver(constants) as Driver<unknown>,
    wrongWith: (graph) => {
      const found = undelivered(graph, constants, fairnessOf(graph, constants));
      return found === null ? null : `DeliveredLive\n${explainUndelivered(graph, found)}`;
    },
  };
}

/** SHA-256 of a model's config and of every module it rests on, in hex: whoever changes one must run TLC again. */
export function stampOf(model: Model, folder: string = TLA): string {
  const hash = createHash('sha256');
  hash.update(readFileSync(join(folder, `${model.name}.cfg`)));
  for (const module of modulesOf(model.name, folder)) hash.update(readFileSync(join(folder, `${module}.tla`)));
  return hash.digest('hex');
}

/** The module itself and those of this folder that it extends or instantiates, each once. */
function modulesOf(name: string, folder: string, found: string[] = []): string[] {
  if (found.includes(name) || !existsSync(join(folder, `${name}.tla`))) return found;
  found.push(name);
  const text = readFileSync(join(folder, `${name}.tla`), 'utf8');
  for (const [, list] of text.matchAll(/(?:^EXTENDS|\bINSTANCE)\s+([\w, ]+)/gm))
    for (const other of (list as string).split(',')) modulesOf(other.trim().split(/\s/)[0] as string, folder, found);
  return found;
}
