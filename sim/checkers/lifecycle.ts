import type { LeaseEnd } from '../../spec/invariants.ts';
import * as invariants from '../../spec/invariants.ts';
import type { Outcome } from '../../spec/vocabulary.ts';
import type { Fact, MessageFact, Sent } from '../../src/core/facts.ts';
import type { Limits } from '../../src/core/limits.ts';
import { shardOf } from '../../src/core/msg-id.ts';
import type { ShardState } from '../../src/core/state.ts';
import { UNBOUNDED } from '../../src/service/memory-budget.ts';
import type { SendRequest } from '../../src/service/messages.ts';
import { shardOfTopic } from '../../src/service/sharding.ts';
import { Breach, type RuleName, type Side } from './breach.ts';
import { Held } from './held.ts';
import type { TopicLine, Tracked } from './line.ts';
import { difference } from './recovery.ts';
import { type Case, type Handling, JUDGES } from './rules.ts';
import { MessagesOf, never, ShardFacts } from './shard-facts.ts';
import { isBeyond, Shares } from './shares.ts';
import type { Tally } from './tally.ts';
import { View } from './view.ts';

/** What a message is before its send. */
const NEVER = new View();

/** Whom a fact ends a lease for; that an ack or a nack came from the holder is asked by its rule. */
const ENDS_LEASE: Readonly<Record<MessageFact['name'], LeaseEnd | null>> = {
  ...{ sent: null, received: null, extended: null, reprocessed: null, purged: null },
  ...{ acked: 'holder', nacked: 'holder', expired: 'deadline', released: 'release' },
};

/** The trace of a purge says which payload the message had (DL3). */
const isTraceOf = (fact: MessageFact, { payloadHash }: Tracked): boolean =>
  fact.name === 'purged' && fact.payloadHash === payloadHash;

/**
 * Watches one process and the shards that it owns: each fact must be one that may come about, the core's message must be what the
 * facts of its log say, and what a restart finds must be what was durable. The first thing that is wrong is thrown as a `Breach`.
 */
export class LifecycleChecker {
  /** By shard. */
  private readonly logs: ShardFacts[];
  readonly messages: MessagesOf;
  readonly handling: Handling = { ask: null, releasing: [], damaged: new Set() };
  /** In force now, */
  limits: Limits;
  /** and the widest that ever were: what was within them stays. */
  private readonly most: Limits;
  /** Facts decided by this process over all its shards, and those of them that are durable. */
  decided = 0;
  durable = 0;
  readonly held: Held;
  private readonly shares: Shares;
  /** When leases were last used up, by the node's clock. */
  inflightFullMs = Number.NEGATIVE_INFINITY;
  private wasFull = false;
  /** Facts of the step at hand: what a request came to. */
  readonly step: MessageFact[] = [];
  /** The shards of the running process: what the core says. */
  private shards: ShardState[] = [];
  private readonly tally: Tally;
  /** The time of each shard's last durable fact, when it was taken over. */
  private replayedMs: number[] = [];
  /** How far the clocks of nodes that share a shard may be apart: then a takeover sets its times back. */
  private readonly apartMs: number;
  constructor(limits: Limits, logs: readonly ShardFacts[], tally: Tally, memory = UNBOUNDED, apartMs = 0) {
    this.apartMs = apartMs;
    this.logs = [...logs];
    this.messages = new MessagesOf(this.logs);
    this.shares = new Shares(limits);
    this.held = new Held(memory, this.shares);
    this.limits = limits;
    this.most = limits;
    this.tally = tally;
  }

  /** Accepted messages that are neither acked nor dead-lettered. */
  get pending(): number {
    return this.logs.reduce((sum, { pending }) => sum + pending, 0);
  }

  /** By the facts: a shard that fell over a decision has it half done in memory. */
  get inflight(): number {
    return this.shares.inflight;
  }
  get isInflightFull(): boolean {
    return this.inflight >= this.limits.globalInflight;
  }
  /** Only tenants within their share may take leases now, or nobody (BD5). */
  get isInflightTight(): boolean {
    const { limits, inflight } = this;
    return this.isInflightFull || isBeyond(limits, limits.globalInflight, inflight, () => inflight);
  }

  /** What may refuse a recv of what is there on this topic now. */
  leaseRefusals(topic: string): Outcome[] {
    if (this.isInflightFull) return ['saturated_inflight'];
    return this.isBeyondLeases(topic, this.inflight) ? ['saturated_tenant'] : [];
  }

  private isBeyondLeases(topic: string, inflight: number): boolean {
    const { limits, shares } = this;
    return isBeyond(limits, limits.globalInflight, inflight, () => shares.leasedOf(topic));
  }

  /** A tenant that takes one more of what it has in the shard: within its share, or not of the reserve (BD5). */
  private isBeyondDepth(topic: string, shard: number): boolean {
    const { limits, shares } = this;
    return isBeyond(limits, limits.shardCapacity, this.logOf(shard).pending, () => shares.pendingOf(topic, shard));
  }
  private isBeyondWindows(topic: string, shard: number, open: number, nowMs: number): boolean {
    const { limits, shares } = this;
    const ofTenant = (): number => shares.windowsOf(topic, this.logOf(shard).topics.values(), nowMs);
    return isBeyond(limits, limits.dedupCapacity, open, ofTenant);
  }

  /** The bounds that may refuse a send on this topic now, the first that applies. */
  boundsReached(ask: SendRequest): Outcome[] {
    const { topic } = ask;
    const { windows, depth, shard, nowMs } = this.shards[this.shardOfTopic(topic)] as ShardState;
    if (windows.size >= this.limits.dedupCapacity) return ['saturated_dedup'];
    if (depth >= this.limits.shardCapacity) return ['saturated_shard'];
    if (this.isBeyondWindows(topic, shard, windows.size, nowMs)) return ['saturated_tenant'];
    if (this.isBeyondDepth(topic, shard)) return ['saturated_tenant'];
    if (this.held.isUnweighed) return ['saturated_memory', 'saturated_tenant'];
    if (this.held.lacksWindowFor(ask)) return ['saturated_dedup'];
    if (this.held.lacksMemoryFor(ask)) return ['saturated_memory'];
    const appends: Outcome[] = this.held.lacksAppendFor(ask) ? ['saturated_memory'] : [];
    const isBeyond = this.held.isBeyond(topic, this.limits) || this.held.isBeyondRemembered(topic, this.limits);
    return isBeyond ? [...appends, 'saturated_tenant'] : appends;
  }

  /** How much of its fullest bound is used, 0..1 (BD1). */
  mostUsed(): number {
    const { shardCapacity, dedupCapacity, globalInflight } = this.limits;
    let most = Math.max(this.inflight / globalInflight, this.held.used);
    for (const { shard, windows } of this.shards) {
      most = Math.max(most, this.logOf(shard).pending / shardCapacity, windows.size / dedupCapacity);
    }
    return most;
  }

  /** Whether the process knows the message now. */
  isKnown(msgId: string): boolean {
    return this.shards[shardOf(msgId)]?.find(msgId) !== undefined;
  }

  /** Other limits are in force from here on. */
  limited(limits: Limits): void {
    const regroups = limits.tenantLabels !== this.limits.tenantLabels;
    this.limits = limits;
    if (!regroups) return;
    this.shares.regroup(limits, this.messages.values());
    this.held.weighAgain();
  }

  topicNameOf(msgId: string): string | undefined {
    return this.messages.get(msgId)?.topic.name;
  }

  shardOfTopic(topic: string): number {
    return shardOfTopic(topic, this.logs.length);
  }

  topicOf(name: string): TopicLine {
    return this.logOf(this.shardOfTopic(name)).topicOf(name);
  }

  /** All messages of the shard of this topic. */
  messagesBeside(topic: string): Iterable<Tracked> {
    return this.logOf(this.shardOfTopic(topic)).messages.values();
  }

  logOf(shard: number): ShardFacts {
    return this.logs[shard] as ShardFacts;
  }

  fact(shard: ShardState, fact: Fact): void {
    const log = this.logOf(shard.shard);
    this.decided++;
    log.decided++;
    if (fact.name === 'recovered') return this.recovered(shard, fact.atMs);
    log.decidedMs = fact.atMs;
    if (this.handling.ask !== null) this.step.push(fact);
    const message = fact.name === 'sent' ? log.enter(fact, this.limits.tReplayMs) : log.need(fact.msgId);
    const view = message.live;
    const before = log.remember(message);
    this.fair(shard, message, fact);
    if (fact.name !== 'sent') this.judge(message, fact);
    view.follow(fact, this.limits);
    this.held.fact(fact, before, view);
    message.changedBy = log.decided;
    if (fact.name === 'received') message.leasedBy = log.decided;
    const by = ENDS_LEASE[fact.name];
    if (!invariants.SingleLeaseProp(before, view, fact.atMs, by))
      this.broken('SingleLeaseProp', 'a lease begins or ends that may not', message, fact);
    if (!invariants.EndsProp(before, view, by, isTraceOf(fact, message)))
      this.broken('EndsProp', 'it ends without an ack of its lease or a trace of its purge', message, fact);
    if (!invariants.AckFinalProp(before, view)) this.broken('AckFinalProp', 'acked, and goes on', message, fact);
    if (!invariants.EpochMonotoneProp(before, view)) this.broken('EpochMonotoneProp', 'its epoch falls', message, fact);
    if (!invariants.AttemptsBoundedInv(view, this.limits.maxAttempts))
      this.broken('AttemptsBoundedInv', 'too many attempts', message, fact);
    if (before.state !== view.state) this.move(message, before);
    this.same(shard, message);
    this.bounds(shard, message, fact);
    if (fact.name === 'sent' && this.held.isOver) this.broken('CapacityInv', 'more bytes than a bound allows', message);
    this.tally.fact(fact, view);
    log.forget(shard);
  }

  /** What a fact takes of a bound is the share of its tenant, or leaves the reserve alone (BD5); asked before it is counted. */
  private fair(shard: ShardState, message: Tracked, { name }: MessageFact): void {
    const topic = message.topic.name;
    const isBeyondIts =
      name === 'received'
        ? this.isBeyondLeases(topic, this.inflight)
        : (name === 'sent' || name === 'reprocessed') && this.isBeyondDepth(topic, message.shard);
    // The core has counted it by now.
    const open = shard.windows.size - 1;
    const windows = name === 'sent' && this.isBeyondWindows(topic, message.shard, open, shard.nowMs);
    if (isBeyondIts || windows) this.broken('IsolationProp', 'a tenant beyond its share takes of the reserve', message);
  }

  private judge(message: Tracked, fact: Exclude<MessageFact, Sent>): void {
    const { handling, limits } = this;
    const deadInShard = this.logOf(message.shard).dead;
    const must = (rule: RuleName, holds: boolean, why: string): void => {
      if (!holds) this.broken(rule, why, message, fact);
    };
    const judge = JUDGES[fact.name] as (c: Case<MessageFact>) => void;
    const isOfLargest = (): boolean => this.shares.hasMostDead(message.topic.name, message.shard);
    judge({ message, view: message.live, fact, handling, limits, deadInShard, isOfLargest, must });
  }

  /** Keeps lines and counts as the state of the message changes. */
  private move(message: Tracked, before: View): void {
    const { live, topic, shard } = message;
    this.shares.move(message, before);
    this.logOf(shard).move(message, before);
    if (live.state === 'dead_lettered' && topic.dead.size > this.limits.dlqMaxPerTopic)
      this.broken('CapacityInv', 'a dead letter too many', message);
  }

  /** The core's own message must be what the facts say. */
  private same(shard: ShardState, message: Tracked): void {
    const found = shard.find(message.msgId);
    if (found === undefined) {
      if (!message.live.isOver) this.broken('NoLossInv', 'the process does not know it', message);
      return;
    }
    const why = difference(found, message.live);
    if (why !== null) this.broken('PrefixProp', `the process has another ${why}`, message);
  }

  private bounds(shard: ShardState, message: Tracked, fact: MessageFact): void {
    const { depth, leases, windows, dead } = shard;
    const { pending } = this.logOf(message.shard);
    if (depth !== pending)
      this.broken('PrefixProp', `the process counts ${depth} pending, and has ${pending}`, message, undefined, [
        { name: 'pending messages of the shard', process: String(depth), specification: String(pending) },
      ]);
    const { inflight } = this;
    const bounds = { depth, leased: leases.size, inflight, windows: windows.size, dead: dead.size };
    if (!invariants.CapacityInv(bounds, this.boundsOf(fact)))
      this.broken('CapacityInv', 'more than a bound allows', message);
    const isFull = this.isInflightTight;
    if (isFull || this.wasFull) this.inflightFullMs = shard.nowMs;
    this.wasFull = isFull;
  }

  /** What a fact adds to is within the limits of now. */
  private boundsOf({ name }: MessageFact): Limits {
    const { limits, most } = this;
    const { shardCapacity, dedupCapacity, globalInflight } = limits;
    // Shards that nodes share come with the leases that there are.
    if (this.apartMs > 0 && name !== 'received') return { ...most, globalInflight: Number.POSITIVE_INFINITY };
    if (limits === most) return most;
    if (name === 'sent') return { ...most, shardCapacity, dedupCapacity };
    return name === 'received' ? { ...most, globalInflight } : most;
  }

  // ---- the disk and the crashes

  synced(shard: number, facts: readonly Fact[]): void {
    this.durable += facts.length;
    this.logOf(shard).synced(facts);
    this.held.written(facts);
  }

  /** The process is gone, and with it every fact that is not durable by now. */
  rollBack(): void {
    for (const log of this.logs) log.rollBack();
    this.decided = this.durable;
    this.held.drop();
  }

  /** A process starts with these shards, empty for the first time. */
  start(shards: readonly ShardState[], damaged: readonly string[]): void {
    this.shards = [...shards];
    this.held.weigh(this.shards);
    this.handling.damaged = new Set(damaged);
    this.replayedMs = shards.map(({ nowMs }) => nowMs);
    this.handling.ask = null;
  }

  /** The process is back: it must know what the durable facts say, and nothing that was promised may be missing. */
  restarted(shards: readonly ShardState[]): void {
    this.tally.count('recoveries');
    this.shares.clear();
    for (const shard of shards) this.logOf(shard.shard).restarted(shard, (message) => this.shares.move(message, NEVER));
  }

  /** A shard was made anew while its process went on: it must be what the facts say, and nothing of what fell. */
  revived(shard: ShardState, damaged: readonly string[]): void {
    this.shards[shard.shard] = shard;
    this.held.weigh(this.shards);
    this.handling.damaged = new Set([...this.handling.damaged, ...damaged]);
    const log = this.logOf(shard.shard);
    for (const message of log.messages.values()) this.same(shard, message);
    for (const message of shard.messages()) log.need(message.msgId);
  }

  /** A shard that nodes share is this process's from here on: it must be what its log said when it was read. */
  own(log: ShardFacts, state: ShardState): void {
    const { shard } = log;
    this.logs[shard] = log;
    this.shards[shard] = state;
    this.replayedMs[shard] = state.nowMs;
    log.restarted(state, () => {});
    this.shares.regroup(this.limits, this.messages.values());
    this.held.weigh(this.shards);
  }

  /** It is not any more: what was decided and is not durable counts for nothing here. */
  disown(state: ShardState): void {
    const { shard } = state;
    this.logs[shard] = new ShardFacts(shard);
    this.shards[shard] = state;
    this.shares.regroup(this.limits, this.messages.values());
    this.held.weigh(this.shards);
  }

  /** A process takes a shard over at its own time, which is never before the last fact (TM1). */
  private recovered(shard: ShardState, nowMs: number): void {
    const byMs = this.replayedMs[shard.shard]! - nowMs;
    if (byMs > this.apartMs) throw new Breach('TM1', `a restart sets shard ${shard.shard} back by ${byMs} ms`);
    const log = this.logOf(shard.shard);
    if (this.apartMs > 0) log.setBack(nowMs);
    log.takenOver();
    for (const message of log.messages.values()) if (message.live.isPending) this.same(shard, message);
  }

  /** It was there, and everything about it is over by now. */
  isGone(msgId: string): boolean {
    return this.logs[shardOf(msgId)]?.isGone(msgId) === true;
  }

  /** An earlier process sent it. */
  isFound({ shard, sentBy }: Tracked): boolean {
    return sentBy <= this.logOf(shard).found;
  }

  /** The fact of its log with this number is durable. */
  isDurable({ shard }: Tracked, fact: number): boolean {
    return fact <= this.logOf(shard).durable;
  }

  need(msgId: string): Tracked {
    return this.messages.get(msgId) ?? never(msgId);
  }

  must(rule: RuleName, holds: boolean, why: string, message: Tracked): void {
    if (!holds) this.broken(rule, why, message);
  }

  /** @throws Breach */
  private broken(rule: RuleName, why: string, message: Tracked, fact?: MessageFact, sides?: readonly Side[]): never {
    return this.logOf(message.shard).broken(rule, why, message, fact, sides);
  }
}
