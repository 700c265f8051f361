import type { Outcome } from '../../spec/vocabulary.ts';
import type { Fact } from '../../src/core/facts.ts';
import { shardOf } from '../../src/core/msg-id.ts';
import { ShardState } from '../../src/core/state.ts';
import type { ProcessFact } from '../../src/ports/process-facts.ts';
import type { Ask, BatchAsk, Call, Due, Exchange, Reply } from '../call.ts';
import type { NodeClock } from '../clock.ts';
import type { Setup } from '../setup.ts';
import { Breach } from './breach.ts';
import type { Expected } from './expected.ts';
import type { Tracked } from './line.ts';
import { NodeChecker } from './node.ts';
import type { OwnedLog } from './owned-log.ts';
import { ShardFacts } from './shard-facts.ts';
import { type Tally, WORLD_ROW } from './tally.ts';

/** A shard as a process has claimed it: all of its log up to this frame comes to this state. */
export interface Taken {
  readonly shard: number;
  readonly term: number;
  readonly sequence: number;
  readonly state: ShardState;
}

/** An engine that says nothing for so much of a lease is missed, */
const QUIET_PART = 2 / 5;
/** and that it is there again is seen so much later at the latest. */
const LATE_MS = 2_000;

/** Refusals for which no shard is looked into. */
const RESTS_ON_NOTHING: ReadonlySet<Outcome> = new Set<Outcome>([
  ...(['cap_scope', 'cap_auth', 'integrity', 'quota', 'not_owner', 'journal', 'starting', 'internal'] as const),
]);

const ELSEWHERE: Expected = { rule: 'BD3', outcomes: ['not_owner', 'journal', 'starting'] };

/** Everything that is checked about a node that shares the shards of an engine with others: what it owns it must have as the log has it. */
export class OwnerChecker extends NodeChecker {
  private readonly shared: readonly OwnedLog[];
  private readonly terms = new Map<number, number>();
  /** Claimed, and nothing is durable yet that this owner has written. */
  private readonly unproven = new Set<number>();
  /** Shards of which nobody knows what became of an append; and when that was so last, by the node's clock. */
  private readonly doubtful = new Set<number>();
  private readonly doubtedMs = new Map<number, number>();
  /** Of a batch that is decided. */
  private batchEnds: ReadonlyMap<number, number> = new Map();
  private isThere = false;
  /** When the engine was heard last, and when it was after it had said nothing for long, by the clock of the machine. */
  private heardMs = 0;
  private quietMs = Number.NEGATIVE_INFINITY;
  private readonly leaseMs: number;
  private readonly isReplicated: boolean;
  /** When the clock of the node last was ahead at once, by that clock. */
  private jumpedMs = Number.NEGATIVE_INFINITY;

  constructor(setup: Setup, shared: readonly OwnedLog[], clock: NodeClock, tally: Tally) {
    super(
      setup,
      shared.map(({ shard }) => new ShardFacts(shard)),
      clock,
      tally,
    );
    this.shared = shared;
    this.leaseMs = setup.engine?.leaseMs ?? 0;
    this.isReplicated = setup.engine?.isReplicated === true;
  }

  /** The term in which a shard is owned and served; null where it is not. */
  servedIn(shard: number): number | null {
    return this.isThere && !this.down.has(shard) ? (this.terms.get(shard) ?? null) : null;
  }

  // ---- the process

  begins(taken: readonly Taken[], processFacts: readonly ProcessFact[], first: boolean): void {
    const { lifecycle } = this;
    this.isDraining = false;
    this.heard();
    this.hasFailed = false;
    this.isThere = true;
    this.down.clear();
    this.terms.clear();
    this.doubtful.clear();
    lifecycle.rollBack();
    lifecycle.start(
      this.shared.map(({ shard }) => new ShardState(shard, lifecycle.limits)),
      [],
    );
    for (const { shard } of this.shared) this.leave(shard);
    for (const one of taken) {
      this.claimed(one);
      this.down.delete(one.shard);
    }
    if (first) return;
    this.tally.action(WORLD_ROW.recover);
    this.tally.count('recoveries');
    this.authority.restarted(processFacts, this.undecided);
    this.redrives.restarted();
    this.undecided = 0;
  }

  override crashed(): void {
    super.crashed();
    this.isThere = false;
  }

  /** It has read the log of a shard, and is about to take it over. */
  claimed({ shard, term, sequence, state }: Taken): void {
    const { lifecycle } = this;
    this.tally.count('takeovers');
    lifecycle.own((this.shared[shard] as OwnedLog).upTo(sequence, lifecycle.limits), state);
    this.terms.set(shard, term);
    this.unproven.add(shard);
  }

  /** Somebody else is to have them: nothing more is decided. */
  handsOver(shards: readonly number[]): void {
    for (const shard of shards) this.down.add(shard);
    this.tally.count('handed_over', shards.length);
  }

  /** It is not its own any more, or not known to be. */
  gaveUp(shards: readonly number[], why: string): void {
    if (why === 'halted' && this.isReplicated)
      throw new Breach('HaltInv', `shard ${shards.join()} is halted: what was durable is gone, or is something else`);
    for (const shard of shards) {
      this.tally.count('given_up');
      this.leave(shard);
      this.falls++;
    }
  }

  private leave(shard: number): void {
    const { lifecycle } = this;
    this.down.add(shard);
    this.terms.delete(shard);
    this.doubtful.delete(shard);
    this.unproven.delete(shard);
    lifecycle.disown(new ShardState(shard, lifecycle.limits));
  }

  unsure(shards: readonly number[], isKnown: boolean): void {
    for (const shard of shards) {
      this.doubtedMs.set(shard, this.clock.nowMs());
      if (isKnown) {
        if (this.doubtful.delete(shard)) this.down.delete(shard);
      } else if (!this.down.has(shard)) {
        this.tally.count('unsure');
        this.doubtful.add(shard);
        this.down.add(shard);
      }
    }
  }

  /** It knows better now what the engine's clock shows: what lies between was no time to do anything in. */
  jumped(): void {
    this.jumpedMs = this.clock.nowMs();
  }

  override fell(shard: number): void {
    super.fell(shard);
    this.doubtful.delete(shard);
  }

  override synced(shard: number, facts: readonly Fact[]): void {
    const log = this.lifecycle.logOf(shard);
    const shared = this.shared[shard] as OwnedLog;
    shared.takenFor(log.durable, facts);
    super.synced(shard, facts);
    if (this.unproven.delete(shard)) shared.proven(log);
  }

  // ---- what it answers

  protected override get refusedAs(): Expected {
    return ELSEWHERE;
  }

  /** The engine was heard. */
  heard(): void {
    if (this.isQuiet) this.quietMs = this.clock.monotonicMs();
    this.heardMs = this.clock.monotonicMs();
  }

  private get isQuiet(): boolean {
    return this.clock.monotonicMs() - this.heardMs >= QUIET_PART * this.leaseMs;
  }

  /** It sends writers away while the engine says nothing, and until it has looked again. */
  protected override get perhaps(): readonly Outcome[] {
    const wasQuiet = this.clock.monotonicMs() - this.quietMs < LATE_MS;
    return this.isQuiet || wasQuiet ? ['degraded_writes'] : [];
  }

  protected override unavailable({ call, falls, due }: Exchange): void {
    const items = due?.items?.[0];
    const expected = call.ask.verb === 'batch' ? items : due?.expected;
    const isExpected = expected === null || expected?.outcomes.includes('journal') === true;
    if (!isExpected && falls === this.falls) super.unavailable({ call } as Exchange);
    this.tally.count('refused_down');
  }

  protected override stoodStillMs(shard: number): number {
    return this.doubtful.has(shard)
      ? Number.POSITIVE_INFINITY
      : Math.max(this.jumpedMs, this.doubtedMs.get(shard) ?? Number.NEGATIVE_INFINITY);
  }

  override decided(): void {
    super.decided();
    this.batchEnds = this.ends();
  }

  private ends(): ReadonlyMap<number, number> {
    return new Map(this.shared.map(({ shard }) => [shard, this.lifecycle.logOf(shard).decided]));
  }

  protected override restsOn({ call: { ask } }: Exchange): Pick<Due, 'logs'> {
    const { lifecycle } = this;
    const ends = ask.verb === 'batch' ? this.batchEnds : this.ends();
    const left = ask.verb === 'batch' ? [] : this.ofPolls();
    const logs = [...this.shardsOf(ask)].map((shard) => {
      const later = left.filter((fact) => shardOf(fact.msgId) === shard).length;
      return { log: lifecycle.logOf(shard), facts: (ends.get(shard) ?? 0) - later };
    });
    return { logs };
  }

  private shardsOf(ask: Ask | BatchAsk, { ackOutcomes = [] }: Pick<Reply, 'ackOutcomes'> = {}): Set<number> {
    const shards = new Set<number>();
    if (ask.verb === 'batch') for (const item of ask.items) for (const shard of this.shardsOf(item)) shards.add(shard);
    // That a stream is open rests on the acks that it brought alone.
    if ('topic' in ask && ask.topic !== null && ask.verb !== 'stream')
      shards.add(this.lifecycle.shardOfTopic(ask.topic));
    if ('msgId' in ask && this.lifecycle.messages.has(ask.msgId)) shards.add(shardOf(ask.msgId));
    if ('acks' in ask)
      for (const [i, { msgId }] of ask.acks.entries()) {
        const isLookedAt = !RESTS_ON_NOTHING.has(ackOutcomes[i] ?? 'ok');
        if (isLookedAt && this.lifecycle.messages.has(msgId)) shards.add(shardOf(msgId));
      }
    return shards;
  }

  protected override missing({ logs = [] }: Due, { ask }: Call, reply: Reply): number {
    const rested = new Set<number>();
    // A stream that a drain does not let in has had none of its acks taken.
    if (ask.verb === 'stream' && reply.outcome === 'draining') return 0;
    const asked = ask.verb === 'batch' ? ask.items : [ask];
    for (const [i, one] of asked.entries())
      if (!RESTS_ON_NOTHING.has((reply.replies?.[i] ?? reply).outcome))
        for (const shard of this.shardsOf(one, reply)) rested.add(shard);
    const under = logs.filter(({ log }) => rested.has(log.shard));
    return under.reduce((sum, { log, facts }) => sum + Math.max(0, facts - log.durable), 0);
  }

  protected override accepts(message: Tracked): void {
    super.accepts(message);
    this.shared[message.shard]?.accepted.add(message.msgId);
  }

  protected override acks(message: Tracked): void {
    super.acks(message);
    this.shared[message.shard]?.acked.add(message.msgId);
  }

  // ---- what is not asked here

  /** A node that has not all shards is not full of anything. */
  override says(): void {}

  override idle(isCalm: boolean): void {
    if (isCalm && !this.isDraining && this.doubtful.size === 0) this.streams.idle(this.clock.nowMs());
  }
}
