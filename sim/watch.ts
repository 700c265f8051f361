import type { ServerState } from '../spec/readiness.machine.ts';
import { OUTCOMES, type Outcome } from '../spec/vocabulary.ts';
import type { AuthFailure } from '../src/auth/authorize.ts';
import type { Fact } from '../src/core/facts.ts';
import type { Limits } from '../src/core/limits.ts';
import type { ShardState } from '../src/core/state.ts';
import type { EngineFrame } from '../src/ports/engine.ts';
import type { ProcessFact } from '../src/ports/process-facts.ts';
import type { AckItem, Delivery, FactView } from '../src/service/messages.ts';
import { type Call, copyId, type Exchange, type Reply } from './call.ts';
import type { Breach } from './checkers/breach.ts';
import type { HistoryChecker } from './checkers/history.ts';
import type { NodeChecker } from './checkers/node.ts';
import type { OwnedLog } from './checkers/owned-log.ts';
import { OwnerChecker, type Taken } from './checkers/owner.ts';
import { type Tally, WORLD_ROW } from './checkers/tally.ts';
import type { NodeClock } from './clock.ts';
import type { Fault } from './faults/index.ts';
import { type Loop, RECORDS } from './loop.ts';
import type { Setup } from './setup.ts';
import type { Beyond, Opened } from './store.ts';
import type { VerifierTrouble } from './verifier.ts';

const OUTCOME_CODE = Object.fromEntries(Object.keys(OUTCOMES).map((outcome, i) => [outcome, i])) as Record<
  Outcome,
  number
>;
const FACT_CODE: Readonly<Record<Fact['name'], number>> = {
  ...{ sent: 0, received: 1, acked: 2, nacked: 3, extended: 4, released: 5, expired: 6, reprocessed: 7, purged: 8 },
  recovered: 9,
};

/** What an observer sees of the world that it watches. */
export interface ObservedWorld {
  readonly setup: Setup;
  readonly loop: Loop;
  readonly nodes: readonly { readonly clock: NodeClock }[];
  /** The checkers, by node: what each process must be. */
  readonly watch: { readonly nodes: readonly NodeChecker[] };
  readonly history: { readonly clocksAreTrue: boolean };
  readonly mayBeDamaged: boolean;
  /** What ended the run, where that was a broken rule. */
  readonly breach: Breach | null;
}

/**
 * Watches a run from outside: a trace, a report, an export. Called in the order in which things happen, before the checkers
 * look at them: what breaks a rule is seen too. Cannot change anything.
 */
export interface RunObserver {
  /** The run begins in this world; nothing has happened yet. */
  begin?(world: ObservedWorld): void;
  /** A client makes a call; its copies are on their way. */
  called?(call: Call): void;
  /** A copy is at its node; `refused` says why its capability is no good. */
  arrived?(node: number, exchange: Exchange, refused: AuthFailure | null): void;
  /** The node has decided; its facts came before. */
  served?(node: number, exchange: Exchange): void;
  fact?(node: number, shard: ShardState, fact: Fact): void;
  /** Facts of one shard are durable: in the order in which they are kept. */
  synced?(node: number, shard: number, facts: readonly Fact[]): void;
  /** Facts of a shard that nodes share are durable by what its owner knows: once each, in the order of its log. */
  settled?(shard: number, facts: readonly Fact[]): void;
  /** What a node keeps of itself is durable. */
  noted?(node: number, facts: readonly ProcessFact[]): void;
  /** A reply leaves the node. */
  replied?(node: number, exchange: Exchange, reply: Reply): void;
  /** A call is over for its client: with a reply, or with null for ever. */
  answered?(call: Call, reply: Reply | null): void;
  /** A piece of a stream came to its client. */
  streamed?(call: Call, deliveries: readonly Delivery[]): void;
  fault?(fault: Fault, atMs: number): void;
  crashed?(node: number): void;
  /** A process gives up a shard that it shares with others. */
  gaveUp?(node: number, shard: number): void;
  /** A shard of a process falls; */
  fell?(node: number, shard: number): void;
  /** it was made anew of what is on the disk. */
  revived?(node: number, shard: ShardState, damaged: readonly string[]): void;
  /** A process starts; not `first`: from what its disk kept. */
  started?(node: number, shards: readonly ShardState[], first: boolean): void;
  /** A node whose disk was damaged does not start any more. */
  beyond?(node: number, why: Beyond): void;
}

/** Hands everything that happens to the checkers, to the hash and to the observers. */
export class Watch {
  readonly nodes: NodeChecker[] = [];
  /** Where nodes share shards: their logs. */
  readonly shared: OwnedLog[] = [];
  /** How far the clock of the last owner of each was ahead. */
  private readonly aheadMs = new Map<number, number>();
  private readonly history: HistoryChecker;
  private readonly loop: Loop;
  private readonly tally: Tally;
  private readonly observers: readonly RunObserver[];

  constructor(loop: Loop, history: HistoryChecker, tally: Tally, observers: readonly RunObserver[]) {
    this.loop = loop;
    this.history = history;
    this.tally = tally;
    this.observers = observers;
  }

  /** Time passes for a process that waits for it. */
  ticked(): void {
    this.tally.action(WORLD_ROW.tick);
  }

  hungUp(): void {
    this.tally.count('hung_up');
  }

  called(call: Call): void {
    for (const observer of this.observers) observer.called?.(call);
    this.history.called(call);
  }

  answered(call: Call, reply: Reply | null): void {
    for (const observer of this.observers) observer.answered?.(call, reply);
    // A journal that failed may have kept it, or not, and so may a shard that fell: the client will never know.
    const isKnown = reply?.outcome !== 'journal' && reply?.outcome !== 'internal';
    this.history.answered(call, isKnown ? reply : null, this.loop.nowMs);
  }

  streamed(call: Call, deliveries: readonly Delivery[]): void {
    for (const observer of this.observers) observer.streamed?.(call, deliveries);
    this.history.streamed(call, deliveries, this.loop.nowMs);
  }

  /** One of the requests that came together is decided. */
  decided(node: number): void {
    this.nodes[node]?.decided();
  }

  /** A stream is open: what it was told of the acks that rode along. */
  opened(node: number, exchange: Exchange, reply: Reply): void {
    this.nodes[node]?.opened(exchange, reply);
  }

  /** A piece of a stream leaves the node. */
  gave(node: number, exchange: Exchange, deliveries: readonly Delivery[]): void {
    this.loop.record(RECORDS.delivery, copyId(exchange.call, exchange.copy), deliveries.length);
    this.nodes[node]?.gave(exchange, deliveries);
  }

  /** A feed is open, and begins after this cursor. */
  listened(node: number, exchange: Exchange, cursor: string): void {
    this.nodes[node]?.feeds.opened(exchange, cursor);
  }

  /** A piece of a feed leaves the node. */
  toldOf(node: number, exchange: Exchange, facts: readonly FactView[]): void {
    this.loop.record(RECORDS.told, copyId(exchange.call, exchange.copy), facts.length);
    this.nodes[node]?.told(exchange, facts);
  }

  /** Its reader has it. */
  taken(node: number, exchange: Exchange): void {
    this.nodes[node]?.taken(exchange);
  }

  /** A stream is over, whoever ended it. */
  closed(node: number, exchange: Exchange): void {
    this.nodes[node]?.closed(exchange);
  }

  arrived(node: number, exchange: Exchange, refused: AuthFailure | null): void {
    for (const observer of this.observers) observer.arrived?.(node, exchange, refused);
    this.nodes[node]?.arrived(exchange, refused);
  }

  served(node: number, exchange: Exchange): void {
    for (const observer of this.observers) observer.served?.(node, exchange);
    this.nodes[node]?.served(exchange);
  }

  fact(node: number, shard: ShardState, fact: Fact): void {
    const { lifecycle } = this.nodes[node] as NodeChecker;
    for (const observer of this.observers) observer.fact?.(node, shard, fact);
    lifecycle.fact(shard, fact);
    this.nodes[node]?.fact(fact);
    if (fact.name === 'purged') this.history.purged(fact.msgId);
    const live = fact.name === 'recovered' ? undefined : lifecycle.messages.get(fact.msgId)?.live;
    const what = live === undefined ? fact.atMs % 2 ** 31 : (live.timerAtMs % 2 ** 31) ^ live.epoch;
    this.loop.record(RECORDS.fact + 256 * FACT_CODE[fact.name], node * 256 + shard.shard, what);
  }

  appending(node: number): void {
    this.nodes[node]?.time.appending();
    this.nodes[node]?.authority.appending();
  }

  /** The process has looked at its clocks. */
  looked(node: number): void {
    this.nodes[node]?.time.looked();
    this.nodes[node]?.redrives.wallSet();
  }

  /** The process has nothing to append. */
  idle(node: number, isCalm: boolean): void {
    this.nodes[node]?.idle(isCalm);
  }

  /** All that was appended is durable. */
  appended(node: number): void {
    this.nodes[node]?.time.durable();
    this.nodes[node]?.authority.durable();
  }

  synced(node: number, shard: number, facts: readonly Fact[]): void {
    this.nodes[node]?.synced(shard, facts);
    for (const observer of this.observers) observer.synced?.(node, shard, facts);
  }

  // ---- shards that nodes share

  private ownerAt(node: number): OwnerChecker | null {
    const checker = this.nodes[node];
    return checker instanceof OwnerChecker ? checker : null;
  }

  /** The engine has told a process that this frame is durable. */
  toldBy(_node: number, frame: EngineFrame): void {
    this.shared[frame.shard]?.answered(frame);
  }

  heard(node: number): void {
    this.ownerAt(node)?.heard();
  }

  settled(shard: number, facts: readonly Fact[]): void {
    for (const observer of this.observers) observer.settled?.(shard, facts);
  }

  begins(
    node: number,
    taken: readonly Taken[],
    processFacts: readonly ProcessFact[],
    shards: readonly ShardState[],
    first: boolean,
  ): void {
    for (const observer of this.observers) observer.started?.(node, shards, first);
    this.ownerAt(node)?.begins(taken, processFacts, first);
    this.clocksApart(node, taken);
  }

  claimed(node: number, taken: Taken): void {
    this.loop.record(RECORDS.claimed, node * 256 + taken.shard, taken.term);
    this.ownerAt(node)?.claimed(taken);
    this.clocksApart(node, [taken]);
  }

  /** The clock of a new owner may be ahead of that of the one before: so much longer was a stretch of time for the shard. */
  private clocksApart(node: number, taken: readonly Taken[]): void {
    const { aheadMs } = (this.nodes[node] as NodeChecker).clock;
    for (const { shard } of taken) {
      this.gained(node, aheadMs - (this.aheadMs.get(shard) ?? aheadMs));
      this.aheadMs.set(shard, aheadMs);
    }
  }

  /** The clock of a node is ahead by so much at once. */
  gained(node: number, byMs: number): void {
    if (byMs > 0) this.ownerAt(node)?.jumped();
    // Whoever owns a shard next goes on by its own clock: it counts for all of them.
    if (byMs > 0) this.history.gained(0, byMs, this.loop.nowMs);
  }

  gaveUp(node: number, shards: readonly number[], why: string): void {
    for (const shard of shards) this.loop.record(RECORDS.gaveUp, node, shard);
    for (const shard of shards) for (const observer of this.observers) observer.gaveUp?.(node, shard);
    this.ownerAt(node)?.gaveUp(shards, why);
  }

  handsOver(node: number, shards: readonly number[]): void {
    this.ownerAt(node)?.handsOver(shards);
  }

  unsure(node: number, shards: readonly number[], isKnown: boolean): void {
    this.ownerAt(node)?.unsure(shards, isKnown);
  }

  noted(node: number, facts: readonly ProcessFact[]): void {
    for (const observer of this.observers) observer.noted?.(node, facts);
    this.nodes[node]?.redrives.noted(facts);
  }

  replied(node: number, exchange: Exchange, reply: Reply): void {
    const { call, copy } = exchange;
    this.loop.record(RECORDS.outcome, copyId(call, copy), OUTCOME_CODE[reply.outcome]);
    for (const { outcome } of reply.replies ?? []) {
      this.loop.record(RECORDS.outcome, copyId(call, copy), OUTCOME_CODE[outcome]);
    }
    for (const observer of this.observers) observer.replied?.(node, exchange, reply);
    this.nodes[node]?.replied(exchange, reply);
  }

  released(node: number, leases: readonly AckItem[]): void {
    const checker = this.nodes[node];
    if (checker !== undefined) checker.lifecycle.handling.releasing = leases;
  }

  revoked(node: number, nonce: string): void {
    this.nodes[node]?.authority.revoke(nonce);
  }

  rekeyed(node: number, keys: readonly number[]): void {
    const checker = this.nodes[node];
    if (checker === undefined) return;
    checker.authority.keys = keys;
    checker.verifier?.rekeyed();
  }

  draining(node: number): void {
    this.nodes[node]?.draining();
  }

  fault(fault: Fault): void {
    for (const observer of this.observers) observer.fault?.(fault, this.loop.nowMs);
  }

  crashed(node: number): void {
    this.nodes[node]?.crashed();
    for (const observer of this.observers) observer.crashed?.(node);
  }

  started(node: number, opened: Opened, first: boolean): void {
    for (const observer of this.observers) observer.started?.(node, opened.shards, first);
    this.history.gained(node, this.nodes[node]?.started(opened, first) ?? 0, this.loop.nowMs);
  }

  fell(node: number, shard: number): void {
    this.loop.record(RECORDS.fell, node, shard);
    for (const observer of this.observers) observer.fell?.(node, shard);
    this.nodes[node]?.fell(shard);
  }

  revived(node: number, shard: ShardState, damaged: readonly string[]): void {
    this.loop.record(RECORDS.revived, node, shard.shard);
    for (const observer of this.observers) observer.revived?.(node, shard, damaged);
    this.nodes[node]?.revived(shard, damaged);
  }

  /** What is left on a damaged disk is of no more use: the node does not come back. */
  beyond(node: number, why: Beyond): void {
    this.tally.count(why === 'refused' ? 'refused_starts' : 'shortened_logs');
    for (const observer of this.observers) observer.beyond?.(node, why);
  }

  /** The journal of a process failed. */
  failed(node: number): void {
    this.nodes[node]?.failed();
  }

  /** The remote verifier of a node falls ill, or is well again. */
  verifier(node: number, trouble: VerifierTrouble | null): void {
    this.nodes[node]?.verifier?.changed(trouble);
  }

  /** Other limits are about to be loaded. */
  limited(node: number, limits: Limits): void {
    this.nodes[node]?.lifecycle.limited(limits);
  }

  /** A process says whether writers should come. */
  says(node: number, state: ServerState, missing: readonly string[]): void {
    if (state === 'degraded_writes') this.tally.count('degradations');
    this.nodes[node]?.says(state, missing);
  }

  short(node: number, isShort: boolean): void {
    this.nodes[node]?.short(isShort);
  }

  compacted(): void {
    this.tally.count('snapshots');
  }
}
