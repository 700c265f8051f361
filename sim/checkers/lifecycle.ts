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
import { TopicLine, type Tracked } from './line.ts';
import { difference, misrecovered } from './recovery.ts';
import { type Case, type Handling, JUDGES } from './rules.ts';
import { isBeyond, Shares } from './shares.ts';
import type { Tally } from './tally.ts';
import { askedUntilMs, View } from './view.ts';

/** What a fact changed: one message, or by a restart nothing. */
type Undo = { readonly message: Tracked; readonly before: View } | { readonly shard: number };

const GONE_MAX = 10_000;
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
 * Watches one process: each fact must be one that may come about, the core's message must be what the facts say, and
 * what a restart finds must be what was durable. The first thing that is wrong is thrown as a `Breach`.
 */
export class LifecycleChecker {
  readonly messages = new Map<string, Tracked>();
  readonly topics = new Map<string, TopicLine>();
  readonly handling: Handling = { ask: null, releasing: [], damaged: new Set() };
  /** In force now, */
  limits: Limits;
  /** and the widest that ever were: what was within them stays. */
  private readonly most: Limits;
  /** Facts decided by the running process, and those of them that are durable. */
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
  /** What each message was before a fact that is not durable yet, oldest first; views are used again. */
  private readonly undo: Undo[] = [];
  private undoFrom = 0;
  private readonly spare: View[] = [];
  private deaths = 0;
  /** The time of each shard's last durable fact, when it was taken over. */
  private replayedMs: readonly number[] = [];
  private readonly deadIn: number[];
  private readonly pendingIn: number[];
  /** The time of each shard's last durable fact. */
  private readonly durableMs: number[];
  /** Over, and to be forgotten when the core has. */
  private over: (Tracked | undefined)[] = [];
  private overFrom = 0;
  /** Let go of lately: a reply that a paused process held back may still speak of them. */
  private readonly gone = new Set<string>();

  constructor(limits: Limits, shards: number, tally: Tally, memory = UNBOUNDED) {
    this.shares = new Shares(limits);
    this.held = new Held(memory, this.shares);
    this.limits = limits;
    this.most = limits;
    this.tally = tally;
    this.deadIn = new Array<number>(shards).fill(0);
    this.pendingIn = new Array<number>(shards).fill(0);
    this.durableMs = new Array<number>(shards).fill(0);
  }

  /** Accepted messages that are neither acked nor dead-lettered. */
  get pending(): number {
    return this.pendingIn.reduce((sum, count) => sum + count, 0);
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
    return isBeyond(limits, limits.shardCapacity, this.pendingIn[shard]!, () => shares.pendingOf(topic, shard));
  }
  private isBeyondWindows(topic: string, shard: number, open: number, nowMs: number): boolean {
    const { limits, shares } = this;
    const ofTenant = (): number => shares.windowsOf(topic, this.topics.values(), shard, nowMs);
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
      most = Math.max(most, this.pendingIn[shard]! / shardCapacity, windows.size / dedupCapacity);
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
    return shardOfTopic(topic, this.shards.length);
  }

  topicOf(name: string): TopicLine {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = new TopicLine(name);
      this.topics.set(name, topic);
    }
    return topic;
  }

  fact(shard: ShardState, fact: Fact): void {
    this.decided++;
    if (fact.name === 'recovered') return this.recovered(shard, fact.atMs);
    if (this.handling.ask !== null) this.step.push(fact);
    const message = fact.name === 'sent' ? this.enter(shard, fact) : this.need(fact.msgId);
    const view = message.live;
    const before = this.remember(message);
    this.fair(shard, message, fact);
    if (fact.name !== 'sent') this.judge(message, fact);
    view.follow(fact, this.limits);
    this.held.fact(fact, before, view);
    message.changedBy = this.decided;
    if (fact.name === 'received') message.leasedBy = this.decided;
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
    this.forget(shard);
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

  /** Keeps what the message is now, until the fact at hand is durable. */
  private remember(message: Tracked): View {
    const before = this.spare.pop() ?? new View();
    before.copyFrom(message.live);
    this.undo.push({ message, before });
    return before;
  }

  private enter(shard: ShardState, { msgId, topic: name, idemKey, payloadHash, atMs, idemUntilMs }: Sent): Tracked {
    const topic = this.topicOf(name);
    const message: Tracked = {
      msgId,
      shard: shard.shard,
      topic,
      idemKey,
      payloadHash,
      seq: ++topic.lastSeq,
      live: new View(),
      sentBy: this.decided,
      leasedBy: 0,
      changedBy: this.decided,
      inLine: false,
      promised: false,
      ackPromised: false,
    };
    const earlier = topic.windows.get(idemKey);
    const { IdempotentInv, WindowProp } = invariants;
    this.must('IdempotentInv', IdempotentInv(earlier?.live.idemUntilMs ?? 0, atMs), 'its key was live', message);
    this.must('WindowProp', WindowProp(atMs, idemUntilMs, this.limits.tReplayMs), 'its window is too short', message);
    this.must('R3', !this.messages.has(msgId), 'the id is another message as well', message);
    topic.windows.set(idemKey, message);
    this.messages.set(msgId, message);
    return message;
  }

  private judge(message: Tracked, fact: Exclude<MessageFact, Sent>): void {
    const { handling, limits } = this;
    const deadInShard = this.deadIn[message.shard]!;
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
    if (before.isPending !== live.isPending) {
      this.pendingIn[shard]! += live.isPending ? 1 : -1;
      if (live.isPending) topic.enter(message);
      else topic.leave(message);
    }
    if (live.state === 'dead_lettered') {
      live.deathNumber = ++this.deaths;
      topic.dead.add(message);
      this.deadIn[shard]!++;
      if (topic.dead.size > this.limits.dlqMaxPerTopic) this.broken('CapacityInv', 'a dead letter too many', message);
    } else if (before.state === 'dead_lettered') {
      topic.dead.delete(message);
      this.deadIn[shard]!--;
    }
    if (live.isOver) this.over.push(message);
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
    const pending = this.pendingIn[message.shard]!;
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
    if (limits === most) return most;
    if (name === 'sent') return { ...most, shardCapacity, dedupCapacity };
    return name === 'received' ? { ...most, globalInflight } : most;
  }

  /**
   * Lets go of what is over and what even a replay of the journal would not know any more; anything about it later is then
   * news, and a breach.
   */
  private forget(shard: ShardState): void {
    const { over } = this;
    const message = over[this.overFrom];
    if (message === undefined || message.shard !== shard.shard || message.changedBy > this.durable) return;
    if (askedUntilMs(message.live) > this.durableMs[message.shard]! || shard.find(message.msgId) !== undefined) return;
    this.drop(message);
    over[this.overFrom++] = undefined;
    if (this.overFrom * 2 < over.length || this.overFrom < 1000) return;
    over.splice(0, this.overFrom);
    this.overFrom = 0;
  }

  private drop(message: Tracked): void {
    const { msgId, topic, idemKey } = message;
    this.messages.delete(msgId);
    this.gone.add(msgId);
    if (this.gone.size > GONE_MAX) this.gone.delete(this.gone.values().next().value as string);
    if (topic.windows.get(idemKey) === message) topic.windows.delete(idemKey);
  }

  // ---- the disk and the crashes

  synced(facts: readonly Fact[]): void {
    this.durable += facts.length;
    this.held.written(facts);
    for (const { atMs } of facts) {
      const undo = this.undo[this.undoFrom++]!;
      if ('before' in undo) {
        this.spare.push(undo.before);
        this.durableMs[undo.message.shard] = atMs;
      } else this.durableMs[undo.shard] = atMs;
    }
    if (this.undoFrom !== this.undo.length && this.undoFrom < 1000) return;
    this.undo.splice(0, this.undoFrom);
    this.undoFrom = 0;
  }

  /** The process is gone, and with it every fact that is not durable by now. */
  rollBack(): void {
    for (let i = this.undo.length - 1; i >= this.undoFrom; i--) {
      const undo = this.undo[i]!;
      if (!('before' in undo)) continue;
      undo.message.live.copyFrom(undo.before);
      this.spare.push(undo.before);
    }
    this.undo.length = 0;
    this.undoFrom = 0;
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
    for (const topic of this.topics.values()) topic.clear();
    this.pendingIn.fill(0);
    this.deadIn.fill(0);
    this.shares.clear();
    this.over = [];
    this.overFrom = 0;
    let known = 0;
    for (const message of [...this.messages.values()]) {
      if (this.revive(message, shards[message.shard] as ShardState)) known++;
    }
    for (const topic of this.topics.values()) this.bury(topic);
    let found = 0;
    for (const shard of shards) {
      for (const message of shard.messages()) {
        found++;
        this.need(message.msgId);
      }
    }
    if (found !== known) throw new Breach('NoLossInv', `a restart finds ${found} messages of ${known}`);
  }

  /** A shard was made anew while its process went on: it must be what the facts say, and nothing of what fell. */
  revived(shard: ShardState, damaged: readonly string[]): void {
    this.shards[shard.shard] = shard;
    this.held.weigh(this.shards);
    this.handling.damaged = new Set([...this.handling.damaged, ...damaged]);
    for (const message of this.messages.values()) if (message.shard === shard.shard) this.same(shard, message);
    for (const message of shard.messages()) this.need(message.msgId);
  }

  /** A process takes a shard over at its own time, which is never before the last fact (TM1). */
  private recovered(shard: ShardState, nowMs: number): void {
    const byMs = this.replayedMs[shard.shard]! - nowMs;
    if (byMs > 0) throw new Breach('TM1', `a restart sets shard ${shard.shard} back by ${byMs} ms`);
    this.undo.push({ shard: shard.shard });
    for (const message of this.messages.values()) {
      if (message.shard === shard.shard && message.live.isPending) this.same(shard, message);
    }
  }

  /** The dead in the order of their deaths, which is not that of their sends. */
  private bury(topic: TopicLine): void {
    topic.dead = new Set([...topic.dead].sort((a, b) => a.live.deathNumber - b.live.deathNumber));
  }

  /** What is left of a message after a restart; true when the process still knows it. */
  private revive(message: Tracked, shard: ShardState): boolean {
    const { live, topic } = message;
    this.must('NoLossInv', !message.promised || invariants.NoLossInv(live.state), 'accepted, and gone', message);
    this.must('AckFinalProp', !message.ackPromised || live.state === 'acked', 'the ack was answered', message);
    if (live.state === 'absent') {
      this.drop(message);
      return false;
    }
    const found = shard.find(message.msgId);
    const wrong = misrecovered(live, found, shard.nowMs);
    if (wrong !== null) this.broken(wrong.rule, wrong.why, message);
    if (found === undefined) {
      this.drop(message);
      return false;
    }
    this.shares.move(message, NEVER);
    if (live.isPending) {
      topic.enter(message);
      this.pendingIn[message.shard]!++;
    } else if (live.state === 'dead_lettered') {
      topic.dead.add(message);
      this.deadIn[message.shard]!++;
    } else this.over.push(message);
    if (live.idemUntilMs > shard.nowMs) topic.windows.set(message.idemKey, message);
    return true;
  }

  /** It was there, and everything about it is over by now. */
  isGone(msgId: string): boolean {
    return this.gone.has(msgId);
  }

  need(msgId: string): Tracked {
    const message = this.messages.get(msgId);
    if (message === undefined) throw new Breach('NoLossInv', 'a message that was never sent, or is long over', msgId);
    return message;
  }

  must(rule: RuleName, holds: boolean, why: string, message: Tracked): void {
    if (!holds) this.broken(rule, why, message);
  }

  /** @throws Breach */
  broken(
    rule: RuleName,
    why: string,
    { msgId, live, changedBy }: Tracked,
    fact?: MessageFact,
    sides: readonly Side[] = [],
  ): never {
    const is = `${live.state}, attempt ${live.attempt}, epoch ${live.epoch}`;
    const held = changedBy > this.durable ? ', not durable' : '';
    const what = `${msgId}${fact === undefined ? '' : ` ${fact.name}`}`;
    throw new Breach(rule, `${what}: ${why}; it is ${is}${held}`, msgId, sides);
  }
}
