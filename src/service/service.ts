import type { Outcome } from '../../spec/vocabulary.ts';
import { advance } from '../core/advance.ts';
import { apply } from '../core/apply.ts';
import type { Command } from '../core/commands.ts';
import { type Decision, decide } from '../core/decide.ts';
import { due, nextDueMs } from '../core/due.ts';
import type { Fact } from '../core/facts.ts';
import type { Limits } from '../core/limits.ts';
import { shardOf } from '../core/msg-id.ts';
import { type Message, ShardState, type Topic } from '../core/state.ts';
import type { Integrity, Observer, ProcessFact, Random, Started } from '../ports.ts';
import { deadLetterOf, deliveryOf, statsOf } from './answers.ts';
import { type Effects, GroupCommit } from './commit.ts';
import { DownShards } from './down-shards.ts';
import { type BoundName, Drains } from './drain.ts';
import { type LongPoll, LongPolls } from './long-polls.ts';
import type {
  AckItem,
  AcksReply,
  BatchItem,
  Caller,
  Delivery,
  DlqListRequest,
  ExtendRequest,
  NackRequest,
  PurgeRequest,
  RecvRequest,
  Reply,
  ReprocessRequest,
  Request,
  SendRequest,
  StatsRequest,
  StreamRequest,
} from './messages.ts';
import { allowedBy, isDone, msLeft, nextMs, type Paced } from './paced.ts';
import { Payloads } from './payloads.ts';
import { shardOfTopic } from './route.ts';
import { LEASE_ENDS, Stream, type StreamConsumer, Streams } from './streams.ts';

/** The outcome that refuses sends while they are not taken, or null (BD3). */
export type WritesRefused = 'degraded_writes' | 'draining' | 'journal' | 'starting' | null;

const BOUND_OF: Readonly<Partial<Record<Outcome, BoundName>>> = {
  saturated_shard: 'shard_capacity',
  saturated_dedup: 'dedup_capacity',
  saturated_inflight: 'global_inflight',
  saturated_memory: 'payload_memory',
};

/** Dead letters one list, reprocess or purge looks at in one go, so that none of them scans. */
const DLQ_STEP_MAX = 1000;
/** Payload bytes of one page of dead letters; as with recv, the first always goes (LE6). */
const DLQ_PAGE_BYTES = 512 * 1024;
const RANDOM_IDS = 2 ** 34;
const RECEIPT_BYTES = 16;
const RETRY_SATURATED_MS = 1000;
/** Reprocesses at a rate that may go on at once. */
const PACED_MAX = 16;
const STREAMS_MAX = 64;

/**
 * The spine: parse -> admit -> decide -> journal -> reply. Sans-I/O: requests, durable acknowledgements and time go in,
 * appends, replies and the next wake-up come out. One instance owns all shards of a process.
 */
export class Service {
  readonly shards: readonly ShardState[];
  /** Those that serve nothing at the moment. */
  readonly down = new DownShards();
  readonly drains: Drains;
  readonly payloads: Payloads;
  private readonly random: Random;
  private readonly integrity: Integrity;
  private readonly observer: Observer;
  private readonly commit: GroupCommit;
  private readonly effects: Effects;
  private readonly polls = new LongPolls();
  private readonly streams = new Streams(this.polls, (deliveries) => this.release(deliveries, this.nowMs));
  private readonly paced = new Set<Paced>();
  /** Streams that may be open at once (D4). */
  streamsMax = STREAMS_MAX;
  /** A waiting recv found `global_inflight` used up: any lease that ends is news for it. */
  private starved = false;
  /** The latest time that any input brought. */
  private nowMs = 0;
  private writesRefused: WritesRefused = null;
  private failed = false;
  /** The shard that the input at hand entered last: what is thrown then is thrown in it. */
  private entered: ShardState | null = null;

  constructor(options: {
    readonly shards: readonly ShardState[];
    readonly random: Random;
    readonly integrity: Integrity;
    readonly observer: Observer;
    readonly effects: Effects;
    /** Payloads are overwritten when their message is over: for a profile whose journal keeps no reference to them (I1). */
    readonly overwrites?: boolean;
  }) {
    this.shards = [...options.shards];
    this.payloads = new Payloads(this.shards, options.overwrites === true);
    this.drains = new Drains(this.shards, this.payloads);
    this.random = options.random;
    this.integrity = options.integrity;
    this.observer = options.observer;
    this.effects = options.effects;
    this.commit = new GroupCommit(options.effects);
  }

  static empty(count: number, limits: Limits): ShardState[] {
    return Array.from({ length: count }, (_, shard) => new ShardState(shard, limits));
  }

  // ---- inputs

  /** Takes over shards that were replayed: their clock may have been set either way since (RT4, TM1). */
  start(nowMs: number, started?: Started, done: (durable: boolean) => void = () => {}): void {
    if (started !== undefined) {
      this.commit.note(started);
      for (const shard of this.shards) shard.limits = started.limits;
    }
    for (const shard of this.shards) if (shard.nowMs > 0) this.make(shard, [{ name: 'recovered', atMs: nowMs }]);
    this.tick(nowMs);
    this.whenDurable(done);
  }

  /** Calls back when everything decided so far is durable, with false when that will never be known. */
  whenDurable(done: (durable: boolean) => void): void {
    this.commit.whenDurable(done);
  }

  /** Journals what happened to the process; `done` as for a reply: true when all is durable, it and what was before (AC1). */
  remember(fact: ProcessFact, done: (durable: boolean) => void): void {
    if (this.failed) return done(false);
    this.commit.note(fact);
    this.commit.whenDurable(done);
    this.commit.pump();
  }

  /** Other limits from now on; a replay must know from when. */
  changeLimits(limits: Limits): void {
    for (const shard of this.shards) shard.limits = limits;
    this.remember({ name: 'limited', limits }, () => {});
  }

  /** One parsed and authenticated request; `reply` is called once, when everything it rests on is durable (AC1). */
  request(request: Request, caller: Caller, nowMs: number, reply: (reply: Reply) => void): void {
    if (this.failed) return reply(JOURNAL_FAILED);
    const answer = this.attempt(() => this.handle(request, caller, nowMs, reply), FELL);
    if (answer !== null) this.answer(reply, answer);
    this.servePolls(nowMs);
    this.commit.pump();
  }

  /**
   * Several requests, each decided alone and in order, answered together when the last of them is durable. None of them
   * may wait.
   */
  batch(items: readonly BatchItem[], nowMs: number, reply: (replies: readonly Reply[]) => void): void {
    if (this.failed) return reply(items.map(() => JOURNAL_FAILED));
    const replies = items.map(
      ({ request, caller }) =>
        this.attempt(() => this.handle(request, caller, nowMs, mayNotWait), FELL) ?? mayNotWait(),
    );
    this.commit.whenDurable((durable) => reply(durable ? replies : items.map(() => JOURNAL_FAILED)));
    this.servePolls(nowMs);
    this.commit.pump();
  }

  /** Opens a stream: the consumer is told so, or why not, and then gets what the stream gives. */
  stream(request: StreamRequest, caller: Caller, nowMs: number, consumer: StreamConsumer): void {
    const stream = new Stream(request, caller, consumer);
    const opened = this.failed ? JOURNAL_FAILED : this.attempt(() => this.openStream(stream, nowMs), FELL);
    this.answer((reply) => consumer.opened(reply, stream), opened);
    this.servePolls(nowMs);
    this.commit.pump();
  }

  /** The consumer has written what it was given: it may get more. */
  streamReady(stream: Stream, nowMs: number): void {
    if (this.failed || stream.closed) return;
    this.streams.ready(stream);
    this.servePolls(nowMs);
    this.commit.pump();
  }

  /** The consumer is gone; `unwritten` is what it provably never got (LE7). */
  closeStream(stream: Stream, unwritten: readonly Delivery[], nowMs: number): void {
    this.streams.remove(stream);
    this.release(unwritten, nowMs);
  }

  /** The journal has made the outstanding append durable. */
  durable(): void {
    this.commit.durable();
  }

  /** The journal has failed: nothing more is promised (journal rule 4). Whoever waits, and replies held back, get 503. */
  journalFailed(): void {
    this.failed = true;
    this.writesRefused = 'journal';
    this.commit.fail();
    this.streams.endIf(() => true, 'journal');
    for (const poll of this.polls.takeIf(() => true)) poll.reply(JOURNAL_FAILED);
    for (const { reply } of this.paced) reply(JOURNAL_FAILED);
    this.paced.clear();
  }

  /** Time has passed: expiries, retentions and long polls that ended. */
  tick(nowMs: number): void {
    if (this.failed) return;
    for (const shard of this.shards) {
      if (!this.down.has(shard.shard)) this.attempt(() => this.advanceShard(shard, nowMs), undefined);
    }
    for (const paced of this.paced) this.attempt(() => this.move(paced, nowMs), undefined);
    this.streams.watch(nowMs);
    this.servePolls(nowMs);
    this.commit.pumpNotes(nowMs);
    this.commit.pump();
  }

  /** When `tick` is next needed, Infinity for never. */
  nextWakeMs(): number {
    let wakeMs = this.polls.nextEndMs();
    for (const shard of this.shards) if (!this.down.has(shard.shard)) wakeMs = Math.min(wakeMs, nextDueMs(shard));
    for (const paced of this.paced) wakeMs = Math.min(wakeMs, nextMs(paced));
    return Math.min(wakeMs, this.streams.nextResumeMs());
  }

  /** Leases whose bytes were provably never written go back at once (LE7). */
  release(deliveries: readonly Delivery[], nowMs: number): void {
    if (this.failed) return;
    for (const { msgId, receipt } of deliveries) {
      const shard = this.shards[shardOf(msgId)] as ShardState;
      if (this.down.has(shard.shard)) continue;
      const command: Command = { name: 'release', atMs: nowMs, msgId, receipt, jitter: this.jitter() };
      this.attempt(() => this.run(shard, command), null);
    }
    this.servePolls(nowMs);
    this.commit.pump();
  }

  /** Sends are refused from now on with this outcome, or taken again with null (BD3). */
  refuseWrites(outcome: WritesRefused): void {
    this.writesRefused = outcome;
  }

  /** Ends what waits under a capability that is no longer valid (AU3), or all that waits when the process drains. */
  endWaiting(nowMs: number, all = false): void {
    for (const paced of this.paced)
      if (all || !paced.caller.isValid(nowMs)) this.endPaced(paced, all ? 'ok' : 'cap_auth');
    this.streams.endIf(({ caller }) => all || !caller.isValid(nowMs), all ? 'draining' : 'cap_auth');
    for (const poll of this.polls.takeIf((poll) => all || !poll.caller.isValid(nowMs))) {
      this.endPoll(poll, all ? 'ok' : 'cap_auth', []);
    }
  }

  /** The client that waits for this reply is gone: nothing more is done for it. */
  cancel(reply: (reply: Reply) => void): void {
    this.polls.takeIf((poll) => poll.reply === reply);
    for (const paced of this.paced) if (paced.reply === reply) this.paced.delete(paced);
  }

  get inflight(): number {
    let leased = 0;
    for (const shard of this.shards) leased += shard.leases.size;
    return leased;
  }

  get isFailed(): boolean {
    return this.failed;
  }

  /** Receives that wait, steps of streams among them. */
  get pollCount(): number {
    return this.polls.size;
  }

  get streamCount(): number {
    return this.streams.size;
  }

  // ---- shards that fall

  /**
   * One step alone: what is thrown in a shard is a bug, and takes that shard down and no other (`effects.fell`). What it had
   * decided is in the journal; what it is by now nobody knows.
   */
  private attempt<T>(step: () => T, fell: T): T {
    const outer = this.entered;
    this.entered = null;
    try {
      return step();
    } catch (error) {
      this.fall(error);
      return fell;
    } finally {
      this.entered = outer;
    }
  }

  private fall(error: unknown): void {
    const state = this.entered;
    if (state === null || this.effects.fell === undefined) throw error;
    const { shard } = state;
    this.down.add(shard, this.nowMs);
    for (const paced of this.paced) if (paced.shard === state) this.endPaced(paced, 'starting');
    this.streams.endIf(({ request }) => this.isDown(request.topic), 'starting');
    for (const poll of this.polls.takeIf(({ request }) => this.isDown(request.topic))) {
      this.endPoll(poll, 'starting', []);
    }
    this.effects.fell(shard, error);
  }

  private isDown(topic: string): boolean {
    return this.down.size > 0 && this.down.has(shardOfTopic(topic, this.shards.length));
  }

  /** The shard as it was made anew of all that is durable: it serves again. */
  revive(state: ShardState): void {
    const shards = this.shards as ShardState[];
    state.limits = (shards[state.shard] as ShardState).limits;
    shards[state.shard] = state;
    this.payloads.count(shards);
    this.down.remove(state.shard);
  }

  // ---- the way of a command

  /** A reply leaves when all facts decided before it are durable (AC1), and as a 503 when that cannot be known. */
  private answer(reply: (reply: Reply) => void, answer: Reply): void {
    this.commit.whenDurable((durable) => reply(durable ? answer : JOURNAL_FAILED));
  }

  /** Admit and decide. Null when the request became a long poll that will reply itself. */
  private handle(request: Request, caller: Caller, nowMs: number, reply: (reply: Reply) => void): Reply | null {
    switch (request.verb) {
      case 'send':
        return this.send(request, caller, nowMs);
      case 'recv':
        return this.recv(request, caller, nowMs, reply);
      case 'ack':
        return this.settle(request, caller, nowMs, (atMs) => ({ name: 'ack', atMs, ...itemOf(request) }));
      case 'nack':
        return this.settle(request, caller, nowMs, (atMs) => this.nackCommand(request, atMs));
      case 'extend':
        return this.extend(request, caller, nowMs);
      case 'reprocess':
        return this.reprocess(request, caller, nowMs, reply);
      case 'purge':
        return this.purge(request, caller, nowMs);
      case 'dlq_list':
        return this.listDead(request, caller, nowMs);
      case 'stats':
        return this.stats(request, caller, nowMs);
    }
  }

  /** Topic scope, then quota, then whether its shard serves (BD2); null when admitted. */
  private admit(caller: Caller, topic: string, bytes: number, nowMs: number): Reply | null {
    if (!caller.allowsTopic(topic)) return { outcome: 'cap_scope', message: 'topic: outside the capability' };
    const retryAfterMs = caller.charge(bytes, nowMs);
    if (retryAfterMs > 0) return { outcome: 'quota', retryAfterMs };
    return this.down.size === 0 ? null : this.down.refusal(shardOfTopic(topic, this.shards.length), nowMs);
  }

  /** The same where nobody can say which topic a message is of. */
  private refuseDown(msgId: string, caller: Caller, nowMs: number): Reply | null {
    const refusal = this.down.size === 0 ? null : this.down.refusal(shardOf(msgId), nowMs);
    if (refusal === null) return null;
    const retryAfterMs = caller.charge(0, nowMs);
    return retryAfterMs > 0 ? { outcome: 'quota', retryAfterMs } : refusal;
  }

  /**
   * Everything due before the command, then the command: decided, journaled, applied; then what is due by it, like a message
   * that returns with its ttl over. Time passes only when nothing is due (`tla/Mailbox.tla MayPass`).
   */
  private run(shard: ShardState, command: Command): Decision {
    this.advanceShard(shard, command.atMs);
    const decision = this.take(shard, decide(shard, command));
    this.takeDue(shard);
    return decision;
  }

  private take(shard: ShardState, decision: Decision): Decision {
    const { facts, message } = decision;
    if (facts.length > 0) this.make(shard, facts, message);
    if (this.polls.size > 0) for (const { msgId } of facts) this.polls.touch(shard.find(msgId)?.topic.name);
    return decision;
  }

  /** All of them or, when one does not fit, none that the journal would know of. */
  private make(shard: ShardState, facts: readonly Fact[], message?: Message): void {
    for (const fact of facts) this.apply(shard, fact, message);
    this.commit.add(shard.shard, facts);
  }

  private apply(shard: ShardState, fact: Fact, message?: Message): void {
    const spent = payloadSpentBy(fact, shard, message);
    apply(shard, fact, message);
    if (fact.name === 'sent') this.payloads.hold(fact.payload);
    else if (spent != null) this.payloads.spend(spent);
    this.observer.fact(shard, fact);
    this.drains.note(fact, shard.shard);
    if (this.streams.size > 0) this.streams.fact(fact);
    if (this.starved && LEASE_ENDS.has(fact.name)) this.feed();
  }

  /** A lease ended: there is room under `global_inflight` for whoever waits. */
  private feed(): void {
    this.polls.touchAll();
    this.starved = false;
  }

  private advanceShard(shard: ShardState, nowMs: number): void {
    this.entered = shard;
    if (nowMs > shard.nowMs) {
      const waiting = shard.waiting.size;
      advance(shard, nowMs);
      if (shard.waiting.size < waiting) this.polls.touchAll();
    }
    this.takeDue(shard);
  }

  private takeDue(shard: ShardState): void {
    for (let next = due(shard, 0); next !== null; next = due(shard, 0)) {
      this.take(shard, decide(shard, next.name === 'expire' ? { ...next, jitter: this.jitter() } : next));
    }
  }

  private jitter(): number {
    return this.random.below(2 ** 32) / 2 ** 32;
  }

  // ---- verbs

  private send(request: SendRequest, caller: Caller, nowMs: number): Reply {
    const reply = this.accept(request, caller, nowMs);
    if (reply.outcome !== 'ok') this.payloads.discard(request.payload);
    return reply;
  }

  private accept(request: SendRequest, caller: Caller, nowMs: number): Reply {
    const payloadHash = this.integrity.payloadHashOf(request.payload);
    if (request.payloadHash !== null && request.payloadHash !== payloadHash) {
      return { outcome: 'integrity', message: 'payload_hash: does not match the payload' };
    }
    const refusal = this.admit(caller, request.topic, request.payload.byteLength, nowMs);
    if (refusal !== null) return refusal;
    const shard = this.shardFor(request.topic);
    this.advanceShard(shard, nowMs);
    const hashChain = this.integrity.hashChainOf(
      request.topic,
      shard.nowMs,
      request.idemKey,
      payloadHash,
      request.attrs,
    );
    const decision = decide(shard, {
      name: 'send',
      atMs: shard.nowMs,
      topic: request.topic,
      idemKey: request.idemKey,
      payload: request.payload,
      payloadHash,
      hashChain,
      attrs: request.attrs,
      corrId: request.corrId,
      delayMs: request.delayMs,
      ttlMs: request.ttlMs,
      random: this.random.below(RANDOM_IDS),
    });
    switch (decision.outcome) {
      case 'duplicate':
      case 'idem_mismatch': {
        const { msgId, hashChain } = decision.message as Message;
        return decision.outcome === 'duplicate'
          ? { outcome: 'duplicate', msgId, payloadHash, hashChain }
          : { outcome: 'idem_mismatch' };
      }
      default:
        if (this.writesRefused !== null) return { outcome: this.writesRefused, retryAfterMs: RETRY_SATURATED_MS };
        if (decision.outcome !== 'ok') return this.saturated(decision.outcome, shard, nowMs);
        if (!this.payloads.fits(request.payload)) {
          return { ...this.saturated('saturated_memory', shard, nowMs), message: 'the memory for payloads is used up' };
        }
    }
    this.take(shard, decision);
    return { outcome: 'ok', msgId: decision.facts[0]!.msgId, payloadHash, hashChain };
  }

  private recv(request: RecvRequest, caller: Caller, nowMs: number, reply: (reply: Reply) => void): Reply | null {
    const refusal = this.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    const acks = this.ackItems(request.acks, caller, nowMs);
    const { outcome, deliveries } = this.lease(request, nowMs);
    const found = deliveries.length > 0;
    if (!found && request.waitMs > 0 && outcome === 'empty' && this.writesRefused !== 'draining') {
      const endMs = nowMs + request.waitMs;
      this.polls.add({ request, caller, acks, endMs, reply, stream: null, place: -1 });
      return null;
    }
    if (!found && outcome !== 'empty') {
      return { ...this.saturated(outcome, this.shardFor(request.topic), nowMs), deliveries, ...acks };
    }
    return { outcome: 'ok', deliveries, ...acks };
  }

  private ackItems(items: readonly AckItem[], caller: Caller, nowMs: number): AcksReply {
    const ackOutcomes = items.map((item) => this.ackItem(item, caller, nowMs));
    const isProbe = items.some(({ msgId }, i) => ackOutcomes[i] === 'not_found' && this.find(msgId) !== undefined);
    return isProbe ? { ackOutcomes, outOfScope: true } : { ackOutcomes };
  }

  private ackItem(item: AckItem, caller: Caller, nowMs: number): Outcome {
    const down = this.refuseDown(item.msgId, caller, nowMs);
    if (down !== null) return down.outcome;
    const found = this.locate(item.msgId, caller);
    if (found === null) return 'not_found';
    // An ack is an operation, whether it comes alone or rides on a recv (AU2).
    if (caller.charge(0, nowMs) > 0) return 'quota';
    return this.run(found.shard, { name: 'ack', atMs: nowMs, ...itemOf(item) }).outcome;
  }

  /** Leases up to the request's bounds, lowest sequence numbers first; damaged payloads go to the dead letters (IN1). */
  private lease(request: RecvRequest, nowMs: number, firstAlways = true): { outcome: Outcome; deliveries: Delivery[] } {
    const shard = this.shardFor(request.topic);
    this.advanceShard(shard, nowMs);
    const deliveries: Delivery[] = [];
    const inflightElsewhere = this.inflight - shard.leases.size;
    const visibilityMs = request.visibilityMs ?? shard.limits.defaultVisibilityMs;
    let bytesLeft = request.bytesMax;
    while (deliveries.length < request.messagesMax) {
      const receipt = this.random.token(RECEIPT_BYTES);
      const bytesMax = firstAlways && deliveries.length === 0 ? Number.POSITIVE_INFINITY : bytesLeft;
      const atMs = shard.nowMs;
      const { topic } = request;
      const decision = this.take(
        shard,
        decide(shard, { name: 'recv', atMs, topic, receipt, visibilityMs, bytesMax, inflightElsewhere }),
      );
      if (decision.outcome !== 'ok') return { outcome: decision.outcome, deliveries };
      const message = decision.message as Message;
      const payload = message.payload as Uint8Array;
      if (!this.isIntact(message)) {
        this.take(
          shard,
          decide(shard, {
            ...NACK,
            atMs,
            msgId: message.msgId,
            receipt,
            deadLetter: true,
            damaged: true,
            reason: 'integrity',
          }),
        );
        continue;
      }
      bytesLeft -= payload.byteLength;
      deliveries.push(deliveryOf(message, shard.shard, this.integrity.sigOf?.(message.hashChain) ?? null));
    }
    return { outcome: 'ok', deliveries };
  }

  /** At rest too (IN1). */
  private isIntact({ payload, payloadHash }: Message): boolean {
    return payload !== null && this.integrity.payloadHashOf(payload) === payloadHash;
  }

  private settle(item: AckItem, caller: Caller, nowMs: number, command: (atMs: number) => Command): Reply {
    const down = this.refuseDown(item.msgId, caller, nowMs);
    if (down !== null) return down;
    const found = this.locate(item.msgId, caller);
    if (found === null) return this.find(item.msgId) === undefined ? NOT_FOUND : OUT_OF_SCOPE;
    const refusal = this.admit(caller, found.topic.name, 0, nowMs);
    if (refusal !== null) return refusal;
    const { outcome, settled } = this.run(found.shard, command(nowMs));
    return settled === null ? { outcome } : { outcome, state: settled };
  }

  private nackCommand(request: NackRequest, atMs: number): Command {
    const { reason, retryAfterMs, deadLetter } = request;
    return { ...NACK, atMs, ...itemOf(request), jitter: this.jitter(), reason, retryAfterMs, deadLetter };
  }

  private extend(request: ExtendRequest, caller: Caller, nowMs: number): Reply {
    const reply = this.settle(request, caller, nowMs, (atMs) => ({
      name: 'extend',
      atMs,
      ...itemOf(request),
      visibilityMs: request.visibilityMs,
    }));
    if (reply.outcome !== 'ok') return reply;
    const message = this.find(request.msgId) as Message;
    return { outcome: 'ok', deadlineInMs: message.timerAtMs - nowMs };
  }

  private reprocess(
    request: ReprocessRequest,
    caller: Caller,
    nowMs: number,
    reply: (reply: Reply) => void,
  ): Reply | null {
    const refusal = this.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    const { limit, ratePerS } = request;
    if (ratePerS !== null && this.paced.size >= PACED_MAX) {
      return { outcome: 'quota', retryAfterMs: Math.min(...[...this.paced].map(msLeft)) };
    }
    const shard = this.shardFor(request.topic);
    const paced: Paced = {
      shard,
      msgIds: this.chosenDead(shard, request, nowMs),
      limit,
      ratePerS: ratePerS ?? Number.POSITIVE_INFINITY,
      startedMs: nowMs,
      caller,
      reply,
      count: { moved: 0, skipped: 0, failed: 0 },
      tried: 0,
    };
    if (ratePerS !== null) {
      this.paced.add(paced);
      this.move(paced, nowMs);
      return null;
    }
    while (!isDone(paced)) this.reprocessNext(paced, nowMs);
    return { outcome: 'ok', ...paced.count };
  }

  /** Moves as many as the rate allows by now. */
  private move(paced: Paced, nowMs: number): void {
    if (!paced.caller.isValid(nowMs)) return this.endPaced(paced, 'cap_auth');
    for (let allowed = allowedBy(paced, nowMs); paced.tried < allowed && !isDone(paced); ) {
      this.reprocessNext(paced, nowMs);
    }
    if (isDone(paced)) this.endPaced(paced, 'ok');
  }

  private reprocessNext(paced: Paced, nowMs: number): void {
    const msgId = paced.msgIds[paced.tried++] as string;
    const { outcome } = this.run(paced.shard, { name: 'reprocess', atMs: nowMs, msgId });
    paced.count[outcome === 'ok' ? 'moved' : outcome === 'skipped' ? 'skipped' : 'failed']++;
  }

  private endPaced(paced: Paced, outcome: Outcome): void {
    this.paced.delete(paced);
    this.answer(paced.reply, outcome === 'ok' ? { outcome, ...paced.count } : { outcome });
  }

  private purge(request: PurgeRequest, caller: Caller, nowMs: number): Reply {
    const refusal = this.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    const shard = this.shardFor(request.topic);
    let purged = 0;
    for (const msgId of this.chosenDead(shard, { ...request, reason: null }, nowMs)) {
      if (this.run(shard, { name: 'purge', atMs: nowMs, msgId, reason: 'admin' }).outcome === 'ok') purged++;
    }
    return { outcome: 'ok', purged };
  }

  /** The dead letters a request names, by id or by a bounded look along the topic's line. */
  private chosenDead(
    shard: ShardState,
    by: { topic: string; msgIds: readonly string[] | null; reason: string | null; olderThanMs?: number | null },
    nowMs: number,
  ): string[] {
    this.advanceShard(shard, nowMs);
    const chosen: string[] = [];
    if (by.msgIds !== null) {
      for (const msgId of by.msgIds) {
        const message = shard.find(msgId);
        chosen.push(message !== undefined && message.topic.name === by.topic ? msgId : '');
      }
      return chosen;
    }
    let looked = 0;
    for (const message of shard.topics.get(by.topic)?.dead.after(0) ?? []) {
      if (looked++ >= DLQ_STEP_MAX) break;
      if (by.reason !== null && message.deadReason !== by.reason) continue;
      if (by.olderThanMs != null && message.deadAtMs + by.olderThanMs > nowMs) break;
      chosen.push(message.msgId);
    }
    return chosen;
  }

  private listDead(request: DlqListRequest, caller: Caller, nowMs: number): Reply {
    const refusal = this.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    const shard = this.shardFor(request.topic);
    this.advanceShard(shard, nowMs);
    const deadLetters = [];
    let looked = 0;
    let bytes = 0;
    let next: number | null = null;
    let last = request.after;
    for (const message of shard.topics.get(request.topic)?.dead.after(request.after) ?? []) {
      if (deadLetters.length >= request.limit || looked++ >= DLQ_STEP_MAX) {
        next = last;
        break;
      }
      if (request.reason !== null && message.deadReason !== request.reason) {
        last = message.ageNumber;
        continue;
      }
      bytes += request.withPayload ? (message.payload?.length ?? 0) : 0;
      if (bytes > DLQ_PAGE_BYTES && deadLetters.length > 0) {
        next = last;
        break;
      }
      last = message.ageNumber;
      deadLetters.push(deadLetterOf(message, shard.shard, request.withPayload && this.isIntact(message)));
    }
    return { outcome: 'ok', deadLetters, next };
  }

  private stats(request: StatsRequest, caller: Caller, nowMs: number): Reply {
    const refusal = this.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    const shard = this.shardFor(request.topic);
    this.advanceShard(shard, nowMs);
    return { outcome: 'ok', stats: statsOf(request.topic, shard, nowMs) };
  }

  private openStream(stream: Stream, nowMs: number): Reply {
    const { request, caller } = stream;
    const refusal = this.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    if (this.writesRefused === 'draining') return { outcome: 'draining', retryAfterMs: RETRY_SATURATED_MS };
    if (this.streams.size >= this.streamsMax) return { outcome: 'saturated_streams', retryAfterMs: RETRY_SATURATED_MS };
    const acks = this.ackItems(request.acks, caller, nowMs);
    this.streams.add(stream);
    return { outcome: 'ok', ...acks };
  }

  // ---- helpers

  /** A refusal at a bound, with the wait that the rate at which it drains makes likely (D5). */
  private saturated(outcome: Outcome, shard: ShardState, nowMs: number): Reply {
    const bound = BOUND_OF[outcome];
    const retryAfterMs = bound === undefined ? RETRY_SATURATED_MS : this.drains.retryAfterMs(bound, shard, nowMs);
    return { outcome, retryAfterMs };
  }

  private find(msgId: string): Message | undefined {
    return this.shards[shardOf(msgId)]?.find(msgId);
  }

  private shardFor(topic: string): ShardState {
    return this.shards[shardOfTopic(topic, this.shards.length)] as ShardState;
  }

  /** The message a verb names, unless it is unknown or outside the caller's topics: the same answer (LE3). */
  private locate(msgId: string, caller: Caller): { shard: ShardState; topic: Topic } | null {
    const shard = this.shards[shardOf(msgId)];
    const message = this.find(msgId);
    if (shard === undefined || message === undefined || !caller.allowsTopic(message.topic.name)) return null;
    return { shard, topic: message.topic };
  }

  /** Gives long polls what has become available, first come first served, and ends those whose time is over. */
  private servePolls(nowMs: number): void {
    this.nowMs = nowMs;
    this.streams.step(nowMs);
    if (this.polls.size === 0) return;
    for (const polls of this.polls.takeTouched()) {
      for (const poll of polls) {
        if (this.isDown(poll.request.topic)) break;
        if (!poll.caller.isValid(nowMs)) this.endPoll(poll, 'cap_auth', []);
        else if (!this.attempt(() => this.servePoll(poll, nowMs), false)) break;
      }
    }
    for (let poll = this.polls.takeEnded(nowMs); poll !== undefined; poll = this.polls.takeEnded(nowMs)) {
      this.endPoll(poll, 'ok', []);
    }
  }

  /** Gives one poll what there is; false when there is nothing for those behind it either. */
  private servePoll(poll: LongPoll, nowMs: number): boolean {
    const { stream } = poll;
    const step = stream?.step();
    const { outcome, deliveries } = this.lease(step ?? poll.request, nowMs, step?.firstAlways);
    if (outcome === 'saturated_inflight') this.starved = true;
    // A stream may have found what is next too large for its credit: another one may take it.
    if (deliveries.length === 0) return stream !== null;
    if (stream !== null) this.streams.leased(stream, deliveries);
    this.endPoll(poll, 'ok', deliveries);
    return true;
  }

  private endPoll(poll: LongPoll, outcome: Outcome, deliveries: readonly Delivery[]): void {
    this.polls.remove(poll);
    this.answer(poll.reply, { outcome, deliveries, ...poll.acks });
  }
}

/** The bytes whose message this fact ends. */
function payloadSpentBy(fact: Fact, shard: ShardState, message?: Message): Uint8Array | null | undefined {
  if (fact.name !== 'acked' && fact.name !== 'purged') return null;
  return (message?.msgId === fact.msgId ? message : shard.find(fact.msgId))?.payload;
}

function mayNotWait(): never {
  throw new Error('service: a request of a batch waits');
}
const NOT_FOUND: Reply = { outcome: 'not_found' };
const OUT_OF_SCOPE: Reply = { outcome: 'not_found', outOfScope: true };
/** To the one whose request a shard fell over. */
const FELL: Reply = { outcome: 'internal' };
const JOURNAL_FAILED: Reply = { outcome: 'journal', retryAfterMs: RETRY_SATURATED_MS };
const itemOf = (item: AckItem): AckItem => ({ msgId: item.msgId, receipt: item.receipt });
const NACK = { name: 'nack', jitter: 0, reason: null, retryAfterMs: null, deadLetter: false, damaged: false } as const;
