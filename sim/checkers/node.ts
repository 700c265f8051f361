import { ReplyDurableInv } from '../../spec/invariants.ts';
import type { ServerState } from '../../spec/readiness.machine.ts';
import type { Outcome } from '../../spec/vocabulary.ts';
import type { AuthFailure } from '../../src/auth/authorize.ts';
import type { Fact, MessageFact } from '../../src/core/facts.ts';
import { shardOf } from '../../src/core/msg-id.ts';
import type { ShardState } from '../../src/core/state.ts';
import type { Delivery, FactView, RecvRequest } from '../../src/service/messages.ts';
import { type Ask, type BatchAsk, type Call, type Due, type Exchange, opOf, type Reply } from '../call.ts';
import type { Capability } from '../capabilities.ts';
import type { NodeClock } from '../clock.ts';
import { integrity } from '../integrity.ts';
import { apartMsOf, memoryBoundsOf, type Setup } from '../setup.ts';
import type { Opened } from '../store.ts';
import { compare, DOWN, expectedOf, type Situation } from './answers.ts';
import { AuthorityChecker, allowsTopic } from './authority.ts';
import { Breach, type RuleName } from './breach.ts';
import type { Expected } from './expected.ts';
import { FeedsChecker } from './feeds.ts';
import { LifecycleChecker } from './lifecycle.ts';
import type { Tracked } from './line.ts';
import { ReadinessChecker } from './readiness.ts';
import { RedrivesChecker } from './redrives.ts';
import type { ShardFacts } from './shard-facts.ts';
import { StreamsChecker } from './streams.ts';
import { type Goal, type Tally, WORLD_ROW } from './tally.ts';
import { TimeChecker } from './time.ts';
import { VerifierChecker } from './verifier.ts';

/** Everything that is checked about one node, and about the shards that it owns by their logs. */
export class NodeChecker {
  readonly lifecycle: LifecycleChecker;
  readonly authority: AuthorityChecker;
  readonly time: TimeChecker;
  readonly streams: StreamsChecker;
  readonly readiness: ReadinessChecker;
  readonly redrives: RedrivesChecker;
  readonly feeds: FeedsChecker;
  /** Where capabilities are verified by somebody else. */
  readonly verifier: VerifierChecker | null;
  private readonly cacheTtlMs: number;
  readonly clock: NodeClock;
  protected readonly tally: Tally;
  protected isDraining = false;
  private isShort = false;
  protected hasFailed = false;
  /** Shards that are being made anew, and how many fell so far. */
  protected readonly down = new Set<number>();
  protected falls = 0;
  /** Those that were down when the request at hand came. */
  protected downBefore: ReadonlySet<number> = new Set();
  private wasKnown = false;
  /** Several that came together, and what those must be answered that are decided. */
  private batch: {
    readonly exchange: Exchange;
    readonly items: readonly BatchAsk[];
    readonly expected: (Expected | null)[];
  } | null = null;
  private batchFacts = 0;
  /** Requests that nobody stood behind when they came. */
  private readonly unknown = new WeakSet<Exchange>();
  /** What revocations must be answered. */
  private readonly revocations = new WeakMap<Exchange, 'ok' | 'quota'>();
  /** Operations that the process may have charged for, and that are not counted here: it may die in the middle of one. */
  protected undecided = 0;
  /** The same of each ack that rides on a recv. */
  private acksKnown: readonly boolean[] = [];
  /** Facts decided before the request at hand. */
  private decidedBefore = 0;

  constructor(
    { limits, memoryBytes, windowBytes, verifierMs, cacheTtlMs, engine = null }: Setup,
    logs: readonly ShardFacts[],
    clock: NodeClock,
    tally: Tally,
  ) {
    const memory = memoryBoundsOf({ memoryBytes, windowBytes, engine });
    this.lifecycle = new LifecycleChecker(limits, logs, tally, memory, apartMsOf(engine));
    this.verifier = verifierMs == null ? null : new VerifierChecker(clock);
    this.cacheTtlMs = cacheTtlMs;
    this.authority = new AuthorityChecker(clock);
    this.time = new TimeChecker(clock, engine !== null);
    this.streams = new StreamsChecker(this.lifecycle);
    this.readiness = new ReadinessChecker(this.lifecycle);
    this.feeds = new FeedsChecker((msgId) => this.lifecycle.topicNameOf(msgId));
    this.redrives = new RedrivesChecker(this.authority, clock, this.verifier === null);
    this.clock = clock;
    this.tally = tally;
  }

  // ---- the process

  /** @returns ms that its clock gained by the restart, for want of knowing better */
  started({ shards, processFacts, clocks, damaged, torn }: Opened, first: boolean): number {
    this.isDraining = false;
    this.hasFailed = false;
    this.down.clear();
    this.lifecycle.rollBack();
    this.lifecycle.start(shards, damaged);
    if (torn) this.tally.count('torn_tails');
    const gainedMs = this.time.started(clocks === null);
    if (first) return 0;
    this.tally.action(WORLD_ROW.recover);
    this.lifecycle.restarted(shards);
    this.authority.restarted(processFacts, this.undecided);
    this.redrives.restarted();
    this.undecided = 0;
    return gainedMs;
  }

  /** What is not durable is gone; how much that is, only the next start will say. */
  crashed(): void {
    this.tally.action(WORLD_ROW.crash);
    this.streams.crashed();
    this.feeds.crashed();
    this.readiness.crashed();
    this.verifier?.crashed();
  }

  failed(): void {
    this.hasFailed = true;
  }

  /** Facts of one shard are durable. */
  synced(shard: number, facts: readonly Fact[]): void {
    this.feeds.synced(facts);
    this.lifecycle.synced(shard, facts);
  }

  fell(shard: number): void {
    this.down.add(shard);
    this.lifecycle.held.isUnweighed = true;
    this.falls++;
    this.redrives.fell();
    this.tally.count('shard_falls');
  }

  revived(state: ShardState, damaged: readonly string[]): void {
    this.down.delete(state.shard);
    this.tally.count('shard_revivals');
    this.lifecycle.revived(state, damaged);
  }

  short(isShort: boolean): void {
    this.isShort = isShort;
  }

  draining(): void {
    this.isDraining = true;
    this.verifier?.draining();
  }

  /** A fact that was decided. */
  fact(fact: Fact): void {
    this.streams.fact(fact);
    const { ask } = this.lifecycle.handling;
    if (fact.name !== 'reprocessed' || ask !== null) return;
    const message = this.lifecycle.need(fact.msgId);
    this.redrives.putBack(message.topic.name, message.live.deadAtMs);
  }

  // ---- a request

  arrived(exchange: Exchange, refused: AuthFailure | null): void {
    const { capability, ask } = exchange.call;
    const against = this.authority.against(capability);
    if (refused === 'unavailable') this.verifier?.unavailable();
    else if (this.verifier === null || !this.verifier.mayBeOld(this.cacheTtlMs)) {
      if (refused === null && against !== null) throw new Breach(against, `${capability.name} is let in`);
      if (refused !== null && against === null) throw new Breach('AU1', `${capability.name} is refused as ${refused}`);
    } else if (refused === null && against === 'RevokedProp') {
      throw new Breach(against, `${capability.name} is let in`);
    }
    if (refused !== null) this.unknown.add(exchange);
    const { lifecycle } = this;
    lifecycle.step.length = 0;
    this.batchFacts = 0;
    exchange.falls = this.falls;
    this.downBefore = this.down.size === 0 ? NONE : new Set(this.down);
    this.decidedBefore = lifecycle.decided;
    if (refused === null && ask.verb === 'revoke' && capability.ops.includes('admin')) {
      this.revocations.set(exchange, this.authority.charge(capability) ? 'ok' : 'quota');
    }
    if (refused !== null || ask.verb === 'revoke') return;
    this.redrives.asked(ask, capability);
    if (ask.verb === 'stream' && capability.added !== undefined) this.authority.leave(capability);
    this.batch = ask.verb === 'batch' ? { exchange, items: ask.items, expected: [] } : null;
    this.undecided = ask.verb === 'batch' ? ask.items.length : 1 + ('acks' in ask ? ask.acks.length : 0);
    if (this.batch === null) this.begin(ask, capability);
    else this.beginNext(this.batch);
  }

  /** One request is about to be decided. */
  private begin(ask: Ask, capability: Capability): void {
    const { lifecycle } = this;
    lifecycle.step.length = 0;
    lifecycle.handling.ask = ask;
    const isKnown = (msgId: string): boolean =>
      lifecycle.isKnown(msgId) && allowsTopic(capability, lifecycle.topicNameOf(msgId) ?? '');
    if ('msgId' in ask) this.wasKnown = isKnown(ask.msgId);
    if ('acks' in ask) this.acksKnown = ask.acks.map(({ msgId }) => isKnown(msgId));
  }

  /** One of several that came together is decided. */
  decided(): void {
    const { batch } = this;
    if (batch === null || this.hasFailed) return;
    const { exchange, items, expected } = batch;
    this.tally.count('batched');
    const item = items[expected.length] as BatchAsk;
    expected.push(this.expectedNow(exchange, item, item.under));
    this.batchFacts += this.lifecycle.step.length;
    this.beginNext(batch);
  }

  /** The next of several, after those that nobody stands behind, which are refused before anything is asked. */
  private beginNext({ exchange, items, expected }: NonNullable<NodeChecker['batch']>): void {
    for (let item = items[expected.length]; item !== undefined; item = items[expected.length]) {
      const { under } = item;
      const failure = exchange.strangers?.[expected.length] ?? null;
      const against = under === undefined ? null : this.authority.against(under);
      if (failure === null && against !== null) throw new Breach(against, `${under?.name} is let in`);
      if (failure === null) return this.begin(item, under ?? exchange.call.capability);
      if (against === null) throw new Breach('AU1', `${under?.name} is refused as ${failure}`);
      expected.push({ rule: 'AU1', outcomes: ['cap_auth'] });
    }
    this.lifecycle.step.length = 0;
  }

  /** What it must be answered, or null where nobody can say; its quota is charged. */
  private expectedNow(exchange: Exchange, ask: Ask, capability = exchange.call.capability): Expected | null {
    const { lifecycle } = this;
    const nowMs = this.clock.nowMs();
    const situation: Situation = {
      checker: lifecycle,
      capability,
      nowMs,
      charge: () => this.charge(capability),
      redrives: this.redrives,
      isDraining: this.isDraining,
      refusing: this.isDraining ? 'draining' : this.isShort || this.verifier?.isMissing ? 'degraded_writes' : null,
      wasKnown: this.wasKnown,
      acksKnown: this.acksKnown,
      down: this.refusedAs,
      perhaps: this.perhaps,
      isDown: (of) => this.downBefore.has('topic' in of ? lifecycle.shardOfTopic(of.topic) : shardOf(of.msgId)),
    };
    return this.falls === exchange.falls ? expectedOf(ask, situation) : charged(() => expectedOf(ask, situation));
  }

  /** What is answered to whoever needs a shard that serves nothing. */
  protected get refusedAs(): Expected {
    return DOWN;
  }

  protected get perhaps(): readonly Outcome[] {
    return [];
  }

  /** What an answer rests on besides, when it is decided. */
  protected restsOn(_exchange: Exchange): Pick<Due, 'logs'> {
    return {};
  }

  /** Facts of the request at hand that its answer does not rest on: leases of polls. */
  protected ofPolls(): readonly MessageFact[] {
    return leftTo(this.lifecycle.step);
  }

  /** How many of the facts under an answer are not durable. */
  protected missing({ facts }: Due, _call: Call, _reply: Reply): number {
    return ReplyDurableInv(facts, this.lifecycle.durable) ? 0 : facts - this.lifecycle.durable;
  }

  private charge(capability: Capability): boolean {
    this.undecided = Math.max(0, this.undecided - 1);
    return this.authority.charge(capability);
  }

  /** The request was decided; its reply may still be held back. */
  served(exchange: Exchange): void {
    const { lifecycle, batch } = this;
    if (this.hasFailed) return;
    const { ask } = exchange.call;
    const nowMs = this.clock.nowMs();
    const expected = batch === null ? this.expectedNow(exchange, ask) : null;
    const isCertain = this.falls === exchange.falls;
    const isRead = ask.verb === 'feed';
    exchange.due = {
      expected: isCertain ? expected : null,
      // What a feed tells is durable: its end waits for nothing.
      facts: isRead ? 0 : this.decidedBefore + (batch === null ? dependedOn(lifecycle.step) : this.batchFacts),
      pollEndsMs: ask.verb === 'recv' ? nowMs + ask.waitMs : nowMs,
      ...(batch === null ? {} : { items: batch.expected.map((one) => (isCertain ? one : null)) }),
      ...(isRead ? {} : this.restsOn(exchange)),
    };
    this.batch = null;
    this.batchFacts = 0;
    this.undecided = 0;
    this.streams.askedFor(exchange);
    if (expected?.rule === 'LE4' && !lifecycle.step.some(({ name }) => name === 'acked' || name === 'nacked')) {
      this.tally.count('repeated');
    }
    lifecycle.handling.ask = null;
  }

  /** A reply leaves the process. */
  replied(exchange: Exchange, reply: Reply): void {
    const { due } = exchange;
    const { ask, capability } = exchange.call;
    const { outcome } = reply.replies?.[0] ?? reply;
    if (outcome === 'journal') return this.unavailable(exchange);
    // Its word ends, and whoever waits or holds a stream open under it is told so.
    if (outcome === 'verifier' && this.verifier !== null) return this.tally.count('unverified');
    const against = this.authority.against(capability);
    // Whoever failed too often is told so, later (AU5): there is no other who is.
    if (reply.outcome === 'cap_auth' || reply.outcome === 'auth_flood') {
      // One that was held back may have become valid meanwhile.
      if (against === null && !this.unknown.has(exchange) && this.verifier?.mayBeOld(this.cacheTtlMs) !== true)
        throw new Breach('AU1', `${ask.verb} of ${capability.name} is refused, and it is valid`);
      return this.tally.count('refused_auth');
    }
    if (due === null) return this.refused(exchange, reply);
    if (reply.outcome === 'internal' || reply.outcome === 'starting' || reply.outcome === 'not_owner')
      return this.notServed(exchange, due, reply);
    if (ask.verb === 'batch') this.compareAll(ask.items, reply, due);
    else if (due.expected !== null && !this.streams.isOpen(exchange) && !this.feeds.isOpen(exchange))
      compare(ask, reply, due.expected);
    // What the capability alone refuses rests on nothing.
    const missing = this.missing(due, exchange.call, reply);
    if (reply.outcome !== 'cap_scope' && missing > 0) {
      throw new Breach(
        'ReplyDurableInv',
        `${ask.verb} is answered ${missing === 1 ? 'a fact before it is' : `${missing} facts before they are`} durable`,
        msgIdOf(reply),
        [
          {
            name: 'facts under the answer, and how many of them are durable',
            process: String(due.facts),
            specification: String(due.facts - missing),
          },
        ],
      );
    }
    if (ask.verb === 'batch') {
      for (const [i, one] of (reply.replies ?? []).entries()) {
        this.promised(ask.items[i] as Ask, one);
        this.count(ask.items[i] as Ask, one);
      }
      return;
    }
    if (ask.verb === 'recv') this.received(ask, reply, due.pollEndsMs, against);
    else if (ask.verb === 'stream') this.ended(exchange, reply);
    else this.promised(ask, reply);
    this.count(ask, reply);
  }

  /** One answer an item, in their order. */
  private compareAll(items: readonly Ask[], { replies = [] }: Reply, { items: expected = [] }: Due): void {
    if (replies.length !== items.length) throw new Breach('BD2', `${replies.length} answers to ${items.length} items`);
    for (const [i, one] of expected.entries()) if (one !== null) compare(items[i] as Ask, replies[i] as Reply, one);
  }

  // ---- streams

  opened(exchange: Exchange, reply: Reply): void {
    const { due } = exchange;
    const { ask } = exchange.call;
    if (due === null || ask.verb !== 'stream') return;
    if (due.expected !== null) compare(ask, reply, due.expected);
    if (this.missing(due, exchange.call, reply) > 0) {
      throw new Breach('ReplyDurableInv', 'a stream is opened before what it rests on is durable');
    }
    for (const [i, { msgId }] of ask.acks.entries()) if (reply.ackOutcomes?.[i] === 'ok') this.ackPromised(msgId);
    this.streams.opened(exchange, this.clock.nowMs());
  }

  gave(exchange: Exchange, deliveries: readonly Delivery[]): void {
    const against = this.authority.against(exchange.call.capability);
    const isLent = against === 'AU1' && this.verifier?.mayBeOld(this.cacheTtlMs) === true;
    if (against !== null && !isLent) throw new Breach(against, 'messages go out along a stream', deliveries[0]?.msgId);
    if (this.isDraining) throw new Breach('BD3', 'a draining process hands out messages', deliveries[0]?.msgId ?? null);
    for (const delivery of deliveries) this.delivered(delivery);
    this.streams.gave(exchange, deliveries, this.clock.nowMs());
    this.tally.count('streamed', deliveries.length);
  }

  /** A piece of a feed leaves the node. */
  told(exchange: Exchange, facts: readonly FactView[]): void {
    const against = this.authority.against(exchange.call.capability);
    const isLent = against === 'AU1' && this.verifier?.mayBeOld(this.cacheTtlMs) === true;
    if (against !== null && !isLent) throw new Breach(against, 'facts go out along a feed');
    this.feeds.told(exchange, facts);
    this.tally.count('told', facts.length);
  }

  /** It says whether writers should come. */
  says(state: ServerState, missing: readonly string[]): void {
    this.verifier?.says(missing.includes('verifier'));
    this.readiness.says(state, this.isImpaired);
  }

  private get isImpaired(): boolean {
    return this.isShort || this.down.size > 0 || this.verifier?.isMissing === true;
  }

  taken(exchange: Exchange): void {
    this.streams.taken(exchange, this.clock.nowMs());
  }

  /** Nothing is being appended, and nothing more is decided now; `isCalm`: the process was not paused lately. */
  idle(isCalm: boolean): void {
    this.time.idle();
    if (isCalm) this.readiness.idle(this.clock.nowMs(), this.isImpaired);
    if (isCalm) this.verifier?.idle();
    if (isCalm && this.down.size === 0 && !this.isDraining && !this.isShort) this.streams.idle(this.clock.nowMs());
  }

  closed(exchange: Exchange): void {
    this.streams.closed(exchange);
    this.feeds.closed(exchange);
  }

  private ended(exchange: Exchange, reply: Reply): void {
    const { outcome } = reply;
    if (!this.streams.isOpen(exchange)) return;
    if (outcome === 'draining' && !this.isDraining) throw new Breach('BD3', 'a stream ends with a drain that is none');
    if (!this.isDraining) this.streams.ended(exchange, reply);
  }

  /** Nobody is told anything by a process whose journal failed, and by no other is anybody told so. */
  protected unavailable({ call }: Exchange): void {
    if (!this.hasFailed) throw new Breach('BD3', `${call.ask.verb} is answered journal, and the journal is sound`);
    this.tally.count('journal_failures');
  }

  /** Only a shard that fell over it or meanwhile, or that was being made anew when it came, is a reason. */
  private notServed({ call, falls }: Exchange, { expected }: Due, { outcome }: Reply): void {
    const wasDown = outcome !== 'internal' && expected?.outcomes.includes(outcome) === true;
    if (!wasDown && this.falls === falls)
      throw new Breach('BD3', `${call.ask.verb} is answered ${outcome}, and no shard fell`);
    this.tally.count(outcome === 'not_owner' ? 'sent_on' : 'refused_down');
  }

  /** Refused before the service saw it: only for an op that the capability does not allow. */
  private refused(exchange: Exchange, { outcome }: Reply): void {
    const { ask, capability } = exchange.call;
    const allowed = (capability.ops as readonly string[]).includes(opOf(ask));
    const expected = this.revocations.get(exchange) ?? 'cap_scope';
    if (allowed !== (expected !== 'cap_scope') || outcome !== expected) {
      throw new Breach('AU1', `${ask.verb} of ${capability.name} is answered ${outcome}`);
    }
    if (outcome !== 'ok') return;
    if (ask.verb === 'revoke') this.authority.answered(ask.nonce);
    this.tally.count('revoked');
  }

  private received(ask: RecvRequest, reply: Reply, pollEndsMs: number, against: RuleName | null): void {
    const deliveries = reply.deliveries ?? [];
    if (this.verifier?.mayBeOld(this.cacheTtlMs) === true && against === 'AU1') against = null;
    if (deliveries.length > 0 && against !== null) throw new Breach(against, 'messages go out', deliveries[0]!.msgId);
    for (const delivery of deliveries) this.delivered(delivery);
    for (const [i, { msgId }] of ask.acks.entries()) if (reply.ackOutcomes?.[i] === 'ok') this.ackPromised(msgId);
    // Under another's word nobody waits for longer than that counts.
    if (deliveries.length === 0 && reply.outcome === 'ok' && !this.isDraining && this.verifier === null)
      this.nothingMissed(ask.topic, pollEndsMs);
  }

  private delivered({ msgId, epoch, payload, payloadHash }: Delivery): void {
    if (this.lifecycle.isGone(msgId)) return;
    const message = this.lifecycle.need(msgId);
    this.lifecycle.must(
      'ReplyDurableInv',
      epoch < message.live.epoch || this.lifecycle.isDurable(message, message.leasedBy),
      'delivered before its lease is durable',
      message,
    );
    this.lifecycle.must('AckFinalProp', !message.ackPromised, 'delivered after its ack was answered', message);
    const intact = payloadHash === message.payloadHash && integrity.payloadHashOf(payload) === payloadHash;
    this.lifecycle.must('IN1', intact, 'delivered with another payload', message);
  }

  /** A poll that ends with nothing: no message may have been available since before its end, unless leases were used up. */
  private nothingMissed(topic: string, pollEndsMs: number): void {
    const { lifecycle } = this;
    const waits = lifecycle.topicOf(topic).firstAvailable(pollEndsMs);
    if (waits === undefined || lifecycle.isInflightTight) return;
    const sinceMs = Math.max(waits.live.timerAtMs, waits.live.readyAtMs);
    if (this.stoodStillMs(waits.shard) >= sinceMs) return;
    if (sinceMs >= pollEndsMs || lifecycle.inflightFullMs >= sinceMs) return;
    throw new Breach('LE1', 'a poll ends with nothing, and it is available', waits.msgId);
  }

  /** When a shard last could give nothing away, by the node's clock. */
  protected stoodStillMs(_shard: number): number {
    return Number.NEGATIVE_INFINITY;
  }

  private promised(ask: Ask, reply: Reply): void {
    if (ask.verb === 'ack' && reply.outcome === 'ok') this.ackPromised(ask.msgId);
    if (ask.verb !== 'send' || reply.msgId === undefined) return;
    const message = this.lifecycle.messages.get(reply.msgId);
    if (message !== undefined) this.accepts(message);
  }

  /** Some reply says that the send of this was accepted, */
  protected accepts(message: Tracked): void {
    message.promised = true;
  }

  /** and some that its ack was. */
  protected acks(message: Tracked): void {
    message.ackPromised = true;
  }

  private ackPromised(msgId: string): void {
    const message = this.lifecycle.messages.get(msgId);
    if (message === undefined) return;
    const durable = message.live.state === 'acked' && this.lifecycle.isDurable(message, message.changedBy);
    this.lifecycle.must('ReplyDurableInv', durable, 'its ack is answered', message);
    this.acks(message);
  }

  private count(ask: Ask, { outcome, deliveries, msgId }: Reply): void {
    const { tally } = this;
    if (outcome === 'ok') {
      if (ask.verb === 'topics' || ask.verb === 'peek' || ask.verb === 'show') tally.count('looked');
      if (ask.verb.startsWith('redrive')) tally.count('redriven');
      if (ask.verb === 'send') tally.count('accepted');
      if (deliveries !== undefined && deliveries.length > 0) tally.count('delivered', deliveries.length);
    } else {
      const original = outcome === 'duplicate' ? this.lifecycle.messages.get(msgId as string) : undefined;
      if (original !== undefined && this.lifecycle.isFound(original)) tally.count('remembered');
      const goal = GOAL_OF[outcome];
      if (goal !== undefined) tally.count(goal);
    }
  }
}

const NONE: ReadonlySet<number> = new Set();

/** A shard fell meanwhile: what the answer must be nobody can say, but its quota is used all the same. */
function charged(expected: () => Expected): null {
  try {
    expected();
  } catch (error) {
    if (!(error instanceof Breach)) throw error;
  }
  return null;
}

const GOAL_OF: Readonly<Partial<Record<Outcome, Goal>>> = {
  duplicate: 'duplicates',
  idem_mismatch: 'mismatches',
  lease_lost: 'leases_lost',
  draining: 'drained',
  degraded_writes: 'degraded',
  quota: 'quota_refused',
  saturated_shard: 'saturated',
  saturated_dedup: 'saturated',
  saturated_inflight: 'saturated',
  saturated_memory: 'saturated',
  saturated_tenant: 'saturated',
};

/** Facts of a step that are the leases of polls, after all that its reply rests on. */
function leftTo(step: readonly MessageFact[]): readonly MessageFact[] {
  return step.slice(dependedOn(step));
}

/**
 * How many facts of a step its reply rests on: all up to the last that is not the lease of a poll, which is served after the
 * request is decided. Leases are held against the deliveries themselves.
 */
function dependedOn(step: readonly MessageFact[]): number {
  const isOfPolls = (fact: MessageFact): boolean =>
    fact.name === 'received' || (fact.name === 'nacked' && fact.reason === 'integrity');
  return step.findLastIndex((fact) => !isOfPolls(fact)) + 1;
}

const msgIdOf = (reply: Reply): string | null => reply.msgId ?? reply.deliveries?.[0]?.msgId ?? null;
