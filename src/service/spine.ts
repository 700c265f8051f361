import type { Outcome } from '../../spec/vocabulary.ts';
import { advance } from '../core/advance.ts';
import { apply } from '../core/apply.ts';
import type { Command } from '../core/commands.ts';
import { type Decision, decide } from '../core/decide.ts';
import { due } from '../core/due.ts';
import type { Fact, MessageFact } from '../core/facts.ts';
import type { Limits } from '../core/limits.ts';
import type { Message, Topic } from '../core/message.ts';
import { shardOf } from '../core/msg-id.ts';
import { ShardState } from '../core/state.ts';
import { tenantOf } from '../core/tenant.ts';
import type { Integrity } from '../ports/integrity.ts';
import type { Observer } from '../ports/observer.ts';
import type { Past, PastReader } from '../ports/past.ts';
import type { Random } from '../ports/random.ts';
import { type BoundName, Drains } from './backpressure.ts';
import { ClockStamps } from './clock-stamps.ts';
import { type CommitEffects, Commits, type Logs, ONE_LOG } from './commits.ts';
import { DownShards, type WhyDown } from './down-shards.ts';
import { LiveIndex } from './live-index.ts';
import { LongPolls } from './long-polls.ts';
import { type Lack, MemoryBudget } from './memory-budget.ts';
import type { AckItem, Caller, Reply, SendRequest } from './messages.ts';
import { RecentFacts } from './recent-facts.ts';
import { keyedSharding, type Sharding, shardOfTopic } from './sharding.ts';
import { mayRemember, TenantBytes } from './tenant-bytes.ts';

/** The outcome that refuses sends while they are not taken, or null (BD3). */
export type WritesRefused = 'degraded_writes' | 'draining' | 'journal' | 'starting' | null;

/** Facts remembered where nobody says how many. */
export const RECENT_FACTS = 16_384;
export const RETRY_SATURATED_MS = 1000;
export const JOURNAL_FAILED: Reply = { outcome: 'journal', retryAfterMs: RETRY_SATURATED_MS };
export const itemOf = (item: AckItem): AckItem => ({ msgId: item.msgId, receipt: item.receipt });
/** A nack that nothing is asked of. */
export const NACK = {
  name: 'nack',
  jitter: 0,
  reason: null,
  retryAfterMs: null,
  deadLetter: false,
  damaged: false,
} as const;

const BOUND_OF: Readonly<Partial<Record<Outcome, BoundName>>> = {
  saturated_shard: 'shard_capacity',
  saturated_dedup: 'dedup_capacity',
  saturated_inflight: 'global_inflight',
  saturated_memory: 'memory',
};

export interface SpineOptions {
  readonly shards: readonly ShardState[];
  readonly random: Random;
  readonly integrity: Integrity;
  readonly observer: Observer;
  readonly effects: CommitEffects;
  /** Where facts go; without it all of them go to one log. */
  readonly logs?: Logs;
  /** Facts that are remembered for those who look (B10). */
  readonly recentFacts?: number;
  /** What was told before; null or none where that does not outlive a process. */
  readonly past?: Past | null | undefined;
  /** Reads what was told before that; null or none where nobody can. */
  readonly reader?: PastReader | null | undefined;
  /** What the wall clock shows at a time of the service clock (`ServiceClock`); without it the two are one. */
  readonly instantOf?: (atMs: number) => number;
  /** Each append says what both clocks show (journal rule 10): for a profile whose journal outlives the process. */
  readonly stampsClocks?: boolean;
  /** Payloads are overwritten when their message is over: for a profile whose journal keeps no reference to them (I1). */
  readonly overwrites?: boolean;
  /** The secret that topics are spread over the shards with; none for a directory of before, or where nobody could choose (BD5). */
  readonly topicKey?: Uint8Array | null;
}

/** What must know what the spine does. */
export interface Informed {
  /** A fact came true. */
  fact(fact: Fact): void;
  /** This shard serves nothing any more: whatever waits for it waits no longer. */
  fell(state: ShardState, outcome: Outcome): void;
}

/**
 * What every verb rests on: admit, decide, apply, journal, reply. It owns the shards, knows which of them the input at hand entered
 * and which are down, and holds replies back until what they rest on is durable.
 */
export class Spine {
  readonly shards: ShardState[];
  /** Those that serve nothing at the moment. */
  readonly down = new DownShards();
  readonly drains: Drains;
  readonly memory: MemoryBudget;
  readonly tenantBytes: TenantBytes;
  readonly polls = new LongPolls();
  /** What there is to look at. */
  readonly index: LiveIndex;
  /** What became durable of late. */
  readonly recent: RecentFacts;
  readonly random: Random;
  readonly integrity: Integrity;
  readonly commit: Commits;
  readonly instantOf: (atMs: number) => number;
  readonly stamps: ClockStamps | null;
  /** What is journaled is there for the next process. */
  readonly outlives: boolean;
  /** Reads what is not remembered of what happened. */
  readonly reader: PastReader | null;
  /** The latest time that any input brought. */
  nowMs = 0;
  writesRefused: WritesRefused = null;
  failed = false;
  readonly observer: Observer;
  private readonly logs: Logs;
  private readonly effects: CommitEffects;
  private readonly informed: Informed;
  private readonly sharding: Sharding;
  /** When all shards were last looked through for windows that are over. */
  private closedMs = -1;
  /** Leases of the shard that is being decided in, before the decision; -1 while none is. */
  private leasedBefore = -1;
  /** Leases of shards that fell over a decision, as the journal has them: in memory it may be half done. */
  private readonly leasedAtFall = new Map<number, number>();
  /** The shard that the input at hand entered last: what is thrown then is thrown in it. */
  private entered: ShardState | null = null;

  constructor(options: SpineOptions, informed: Informed) {
    this.shards = [...options.shards];
    this.memory = new MemoryBudget(this.shards, options.overwrites === true);
    this.drains = new Drains(this.shards, this.memory);
    this.tenantBytes = new TenantBytes(this.shards);
    this.sharding = options.topicKey == null ? shardOfTopic : keyedSharding(options.topicKey);
    this.index = new LiveIndex(this.shards, (topic) => this.sharding(topic, this.shards.length));
    this.random = options.random;
    this.integrity = options.integrity;
    this.observer = options.observer;
    this.effects = options.effects;
    this.informed = informed;
    this.instantOf = options.instantOf ?? ((atMs) => atMs);
    const stamps = options.stampsClocks === true ? new ClockStamps(this.instantOf) : null;
    this.stamps = stamps;
    this.outlives = options.stampsClocks === true;
    this.reader = options.reader ?? null;
    const { effects } = options;
    this.logs = options.logs ?? ONE_LOG;
    this.recent = new RecentFacts(options.recentFacts ?? RECENT_FACTS, this.logs.count, options.past);
    this.commit = new Commits(this.logs, {
      append: (batches, log) => {
        this.memory.appended();
        this.recent.flushed(log);
        effects.append(batches, log);
      },
      ...(effects.soon === undefined ? {} : { soon: effects.soon }),
      ...(effects.notes === undefined ? {} : { notes: effects.notes }),
      ...(stamps === null ? {} : { stamp: () => stamps.take(this.nowMs) }),
    });
  }

  shardOfTopic(topic: string): number {
    return this.sharding(topic, this.shards.length);
  }

  // ---- admit

  /** Topic scope, then quota, then whether its shard serves (BD2); null when admitted. */
  admit(caller: Caller, topic: string, bytes: number, nowMs: number): Reply | null {
    if (!caller.allowsTopic(topic)) return { outcome: 'cap_scope', message: 'topic: outside the capability' };
    const retryAfterMs = caller.charge(bytes, nowMs);
    if (retryAfterMs > 0) return { outcome: 'quota', retryAfterMs };
    return this.down.size === 0 ? null : this.down.refusal(this.sharding(topic, this.shards.length), nowMs);
  }

  /** The same where nobody can say which topic a message is of. */
  refuseDown(msgId: string, caller: Caller, nowMs: number): Reply | null {
    const refusal = this.down.size === 0 ? null : this.down.refusal(shardOf(msgId), nowMs);
    if (refusal === null) return null;
    const retryAfterMs = caller.charge(0, nowMs);
    return retryAfterMs > 0 ? { outcome: 'quota', retryAfterMs } : refusal;
  }

  // ---- decide, apply, journal

  /**
   * Everything due before the command, then the command: decided, journaled, applied; then what is due by it, like a message
   * that returns with its ttl over. Time passes only when nothing is due (`tla/Mailbox.tla MayPass`). `by` asked for the command,
   * and for nothing that is due.
   */
  run(shard: ShardState, command: Command, by: Caller): Decision {
    this.advance(shard, command.atMs);
    const decision = this.take(shard, decide(shard, command), by);
    this.takeDue(shard);
    return decision;
  }

  take(shard: ShardState, decision: Decision, by: Caller | null): Decision {
    const { facts, message } = decision;
    if (facts.length > 0) this.make(shard, facts, message, by);
    if (this.polls.size > 0) for (const { msgId } of facts) this.polls.touch(shard.find(msgId)?.topic.name);
    return decision;
  }

  /** All of them or, when one does not fit, none that the journal would know of. */
  make(shard: ShardState, facts: readonly Fact[], message?: Message, by: Caller | null = null): void {
    this.recent.deciding();
    this.leasedBefore = shard.leases.size;
    for (const fact of facts) this.apply(shard, fact, message, by);
    this.commit.add(shard.shard, facts);
    this.leasedBefore = -1;
    this.recent.decided(this.logs.of(shard.shard));
  }

  private apply(shard: ShardState, fact: Fact, message: Message | undefined, by: Caller | null): void {
    const known = fact.name === 'recovered' || fact.name === 'sent' ? undefined : knownTo(fact, shard, message);
    const payload = known?.payload;
    apply(shard, fact, message);
    const more = this.memory.see(shard);
    const about = fact.name === 'sent' ? this.index.entered(shard, fact) : known;
    if (fact.name !== 'recovered' && about !== undefined) {
      if (more !== 0) this.tenantBytes.add(about.topic.tenant.name, more);
      this.recent.note(fact, about, shard.shard);
    }
    if (known !== undefined && (fact.name === 'acked' || fact.name === 'purged')) {
      this.index.left(known, shard);
      if (payload != null) this.memory.discard(payload);
    }
    this.observer.fact(shard, fact, by?.cause ?? null);
    this.drains.note(fact, shard.shard);
    this.informed.fact(fact);
  }

  /** Time passes for a shard, and what is due by it is done. */
  advance(shard: ShardState, nowMs: number): void {
    this.entered = shard;
    this.commit.enter(shard.shard);
    if (nowMs > shard.nowMs) {
      const waiting = shard.waiting.size;
      advance(shard, nowMs);
      this.memory.see(shard);
      if (shard.waiting.size < waiting) this.polls.touchAll();
    }
    this.takeDue(shard);
  }

  private takeDue(shard: ShardState): void {
    for (let next = due(shard, 0); next !== null; next = due(shard, 0)) {
      this.take(shard, decide(shard, next.name === 'expire' ? { ...next, jitter: this.jitter() } : next), null);
    }
  }

  jitter(): number {
    return this.random.below(2 ** 32) / 2 ** 32;
  }

  // ---- reply

  /** A reply leaves when all facts decided before it are durable (AC1), and as a 503 when that cannot be known. `topic`: it rests on that. */
  answer(reply: (reply: Reply) => void, answer: Reply, topic?: string): void {
    if (topic !== undefined) this.shardFor(topic);
    this.commit.whenDurable((durable) => reply(durable ? answer : JOURNAL_FAILED));
  }

  /** A refusal at a bound, with the wait that the rate at which it drains makes likely (D5). */
  saturated(outcome: Outcome, shard: ShardState, nowMs: number, bound = BOUND_OF[outcome]): Reply {
    const retryAfterMs = bound === undefined ? RETRY_SATURATED_MS : this.drains.retryAfterMs(bound, shard, nowMs);
    return { outcome, retryAfterMs };
  }

  /** Why there is no memory for this message; windows that are over give theirs back first. */
  lackFor(request: SendRequest, bytes: number, nowMs: number): Lack | null {
    const lack = this.memory.lackFor(request, bytes);
    if (lack === null || lack === 'append') return lack;
    this.closeWindows(nowMs);
    return this.memory.lackFor(request, bytes);
  }

  /** In all shards: those that nothing touches, too. */
  private closeWindows(nowMs: number): void {
    // Whoever is refused over and over asks for it over and over.
    if (nowMs === this.closedMs) return;
    this.closedMs = nowMs;
    const { entered } = this;
    for (const shard of this.shards) if (!this.down.has(shard.shard)) this.advance(shard, nowMs);
    this.entered = entered;
  }

  // ---- what there is

  find(msgId: string): Message | undefined {
    const shard = this.shards[shardOf(msgId)];
    if (shard !== undefined) this.commit.enter(shard.shard);
    return shard?.find(msgId);
  }

  shardFor(topic: string): ShardState {
    const shard = this.shards[this.sharding(topic, this.shards.length)] as ShardState;
    this.commit.enter(shard.shard);
    return shard;
  }

  /** Where the facts of a shard go. */
  logOf(shard: number): number {
    return this.logs.of(shard);
  }

  /** A look into a shard: what is told may rest on what is not durable yet, and what is thrown then is thrown in it. */
  visit(shard: ShardState): void {
    this.entered = shard;
    this.commit.enter(shard.shard);
  }

  /** The message a verb names, unless it is unknown or outside the caller's topics: the same answer (LE3). */
  locate(msgId: string, caller: Caller): { shard: ShardState; topic: Topic } | null {
    const shard = this.shards[shardOf(msgId)];
    const message = this.find(msgId);
    if (shard === undefined || message === undefined || !caller.allowsTopic(message.topic.name)) return null;
    return { shard, topic: message.topic };
  }

  /** At rest too (IN1). */
  isIntact({ payload, payloadHash }: Message): boolean {
    return payload !== null && this.integrity.payloadHashOf(payload) === payloadHash;
  }

  /** As `isIntact`, for a payload that somebody asks to see: one that is not is told. */
  isShown(shard: ShardState, message: Message, by: Caller): boolean {
    if (this.isIntact(message)) return true;
    this.observer.damaged?.(shard, message, by.cause ?? null);
    return false;
  }

  /** Other limits from now on. */
  useLimits(limits: Limits): void {
    const { tenantLabels } = this.limits;
    for (const shard of this.shards) shard.limits = limits;
    if (limits.tenantLabels !== tenantLabels) this.tenantBytes.count(this.shards);
  }

  /** All shards are held to the same. */
  get limits(): Limits {
    return (this.shards[0] as ShardState).limits;
  }

  /** Whether the tenant of this topic may hold more of the memory (BD5). */
  tenantMayHold(topic: string, nowMs: number): boolean {
    const { memory, limits } = this;
    const heldBytes = memory.payloadBytes + memory.liveBytes;
    if (!this.tenantBytes.mayHold(limits, memory.bounds.memoryMax, heldBytes, this.tenantOf(topic))) return false;
    return this.hasSpareWindows(nowMs) || mayRemember(this.shards, limits, this.remembered(), topic);
  }

  /** More than the reserve is free of what may be remembered, once windows that are over have closed. */
  private hasSpareWindows(nowMs: number): boolean {
    if (this.isWindowSpare()) return true;
    this.closeWindows(nowMs);
    return this.isWindowSpare();
  }

  private isWindowSpare(): boolean {
    const { windowMax, endedBytes } = this.remembered();
    const { tenantShare, tenantReserve } = this.limits;
    if (tenantShare === 0 || windowMax === Number.POSITIVE_INFINITY) return true;
    return (windowMax - endedBytes) * 100 > tenantReserve * windowMax;
  }

  private remembered(): { readonly windowMax: number; readonly endedBytes: number } {
    return { windowMax: this.memory.bounds.windowMax, endedBytes: this.memory.endedBytes };
  }

  tenantOf(topic: string): string {
    return tenantOf(topic, this.limits.tenantLabels);
  }

  /**
   * Leases of the other shards, and those of them that are of this topic's tenant: what a recv of so many is judged by besides (BD1,
   * BD5). Who asks for so few that the reserve stays free is not asked whose they are, so the shards need not be gone through.
   */
  leasedElsewhere(shard: ShardState, topic: string, asked: number) {
    const { inflight, limits } = this;
    const { globalInflight, tenantReserve, tenantShare, topicShare } = limits;
    const isEasy = (globalInflight - inflight - asked) * 100 > tenantReserve * globalInflight;
    let tenantInflightElsewhere = 0;
    if (tenantShare > 0 && !(isEasy && topicShare === 0)) {
      const tenant = this.tenantOf(topic);
      for (const { shard: other, tenants } of this.shards)
        if (other !== shard.shard) tenantInflightElsewhere += tenants.get(tenant)?.leased ?? 0;
    }
    return { inflightElsewhere: inflight - shard.leases.size, tenantInflightElsewhere };
  }

  get inflight(): number {
    const { leasedAtFall } = this;
    let leased = 0;
    for (const { leases } of this.shards) leased += leases.size;
    // Asked for with each recv: mostly none has fallen.
    if (leasedAtFall.size > 0)
      for (const [shard, before] of leasedAtFall) leased += before - (this.shards[shard] as ShardState).leases.size;
    return leased;
  }

  // ---- shards that fall

  /**
   * One step alone: what is thrown in a shard is a bug, and takes that shard down and no other (`effects.fell`). What it had
   * decided is in the journal; what it is by now nobody knows. `by` asked for the step.
   */
  attempt<T>(step: () => T, fell: T, by: Caller | null = null): T {
    const outer = this.entered;
    this.entered = null;
    this.leasedBefore = -1;
    try {
      return step();
    } catch (error) {
      this.fall(error, by);
      return fell;
    } finally {
      this.entered = outer;
    }
  }

  private fall(error: unknown, by: Caller | null): void {
    const state = this.entered;
    const { fell } = this.effects;
    if (state === null || fell === undefined) throw error;
    this.down.add(state.shard, this.nowMs);
    if (this.leasedBefore >= 0) this.leasedAtFall.set(state.shard, this.leasedBefore);
    this.leasedBefore = -1;
    fell(state.shard, error, by?.cause ?? null);
    this.informed.fell(state, 'starting');
  }

  isDown(topic: string): boolean {
    return this.down.size > 0 && this.down.has(this.sharding(topic, this.shards.length));
  }

  /** What is held for this log will never be known: its shards serve nothing, and what they are here counts for nothing. */
  giveUp(log: number, shards: readonly number[], why: WhyDown): void {
    for (const shard of shards) this.down.add(shard, this.nowMs, why);
    this.recent.dropped(log);
    this.memory.appended();
    this.commit.giveUp(log);
    // Of what only waits nothing is unknown: it can be asked of whoever has it now.
    const outcome = why === 'not_owner' ? why : 'journal';
    for (const shard of shards) {
      this.informed.fell(this.shards[shard] as ShardState, outcome);
      // What it held is no longer ours to hold: neither its leases nor its bytes use up what the others may have.
      this.put(new ShardState(shard, this.limits));
    }
    this.tenantBytes.count(this.shards);
  }

  /** The shard as it was made anew of all that is durable. */
  replace(state: ShardState): void {
    this.put(state);
    this.tenantBytes.count(this.shards);
  }

  private put(state: ShardState): void {
    const { shards } = this;
    state.limits = (shards[state.shard] as ShardState).limits;
    shards[state.shard] = state;
    this.leasedAtFall.delete(state.shard);
    this.closedMs = -1;
    this.memory.see(state);
    this.index.replaced(state);
  }

  /** The same, and it serves again. */
  revive(state: ShardState): void {
    this.replace(state);
    this.down.remove(state.shard);
  }
}

/** The message that a fact is about: the decision's, or one that went by it. */
const knownTo = ({ msgId }: MessageFact, shard: ShardState, message?: Message): Message | undefined =>
  message?.msgId === msgId ? message : shard.find(msgId);
