import { ACTION_OF, EVENTS, FACT_OF, WORLD_ACTIONS } from '../../spec/vocabulary.ts';
import type { MessageFact } from '../../src/core/facts.ts';
import type { FaultLog } from '../fault-log.ts';
import { FAULT_KINDS } from '../faults/index.ts';
import type { Loop } from '../loop.ts';
import type { View } from './view.ts';

/** What a goal may ask to have happened, and what it means. */
export const GOALS = {
  accepted: 'sends answered 200',
  duplicates: 'sends answered as duplicates of an accepted one',
  remembered: 'sends answered as duplicates of one that an earlier process accepted',
  batched: 'requests of a batch, decided one by one',
  streamed: 'messages that left along a stream',
  told: 'facts that left along a feed',
  redriven: 'looks at redrives answered, their begins and ends among them',
  looked: 'looks answered with what was there',
  mismatches: 'sends of a live key with another payload, refused',
  delivered: 'messages that left in a reply',
  redelivered: 'leases of a message that was leased before',
  acked: 'messages acked',
  repeated: 'settling verbs said again and answered as before',
  nacked: 'messages nacked',
  extended: 'leases extended',
  released: 'leases given back unread',
  expired: 'leases, ttls and retentions that ran out',
  dead_lettered: 'messages that came to the dead letters',
  reprocessed: 'dead letters put back',
  purged: 'dead letters purged',
  saturated: 'requests refused at a bound',
  recoveries: 'restarts',
  send_retries: 'sends tried again',
  settle_retries: 'settling verbs tried again',
  leases_lost: 'settling verbs refused because the lease was over',
  refused_auth: 'requests refused for their capability',
  unverified: 'requests refused because the remote verifier could not be asked',
  revoked: 'revocations answered',
  renewed: 'capabilities handed out anew',
  drained: 'sends refused by a draining process',
  hung_up: 'clients that closed their connection while they waited',
  quota_refused: 'requests over the quota of their capability',
  snapshots: 'snapshots of a journal, made while it was written',
  torn_tails: 'restarts that found a write cut off',
  journal_failures: 'requests answered 503 by a process whose journal failed',
  shard_falls: 'shards that died of a bug',
  shard_revivals: 'shards made anew while the others served',
  refused_down: 'requests refused because their shard was being made anew',
  sent_on: 'requests at a node that does not own their shard, of nodes that share shards',
  takeovers: 'shards that a node took over from an engine, the first owner of each among them',
  given_up: 'shards that a node gave up: its lease was over, somebody else had written, or nobody could be asked',
  handed_over: 'shards that a node gave to another one',
  unsure: 'appends of which nobody knew at first what had become of them',
  degradations: 'times that a process said that writers should go elsewhere',
  degraded: 'sends refused for want of space on the disk',
  refused_starts: 'nodes whose damaged journal was refused',
  shortened_logs: 'nodes whose disk lost the end of what it had said to have',
} as const;
export type Goal = keyof typeof GOALS;
export const GOAL_NAMES = Object.keys(GOALS) as Goal[];
/** What the clients themselves count: a replay has none of them, only what they said. */
export const CLIENT_GOALS: readonly Goal[] = ['send_retries', 'settle_retries', 'renewed'];

/** The actions of `tla/Mailbox.tla`: the rows of the coverage matrix. */
export const ACTIONS = [...EVENTS.map((event) => ACTION_OF[event]), ...WORLD_ACTIONS];
const ROW_OF = Object.fromEntries(EVENTS.map((event, row) => [FACT_OF[event], row])) as Record<
  MessageFact['name'],
  number
>;
const [TICK, CRASH, RECOVER] = WORLD_ACTIONS.map((_, i) => EVENTS.length + i) as [number, number, number];
export const WORLD_ROW = { tick: TICK, crash: CRASH, recover: RECOVER } as const;
const COLUMNS = FAULT_KINDS.length;

/** Counts what happens, and under which faults. */
export class Tally {
  readonly counts: Record<string, number> = {};
  /** Times each action happened while each kind of fault was felt, row by row. */
  readonly matrix = new Array<number>(ACTIONS.length * COLUMNS).fill(0);
  private readonly loop: Loop;
  private readonly faults: FaultLog;

  constructor(loop: Loop, faults: FaultLog) {
    this.loop = loop;
    this.faults = faults;
  }

  count(goal: Goal, by = 1): void {
    this.counts[goal] = (this.counts[goal] ?? 0) + by;
  }

  action(row: number): void {
    for (const column of this.faults.feltAt(this.loop.nowMs)) this.matrix[row * COLUMNS + column]!++;
  }

  fact(fact: MessageFact, after: View): void {
    this.action(ROW_OF[fact.name]);
    if (fact.name !== 'sent' && fact.name !== 'received') this.count(fact.name);
    if (fact.name === 'received' && after.epoch > 1) this.count('redelivered');
    if (after.state === 'dead_lettered') this.count('dead_lettered');
  }
}

/** Cells of the coverage matrix in which nothing happened. */
export const emptyCells = (matrix: readonly number[]): string[] =>
  ACTIONS.flatMap((action, row) =>
    FAULT_KINDS.filter((_, column) => !(matrix[row * COLUMNS + column]! > 0)).map((kind) => `${action} x ${kind}`),
  );
