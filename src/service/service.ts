import { ADMIN_TOPIC, type Outcome } from '../../spec/vocabulary.ts';
import { nextDueMs } from '../core/due.ts';
import type { Limits } from '../core/limits.ts';
import { shardOf } from '../core/msg-id.ts';
import { ShardState } from '../core/state.ts';
import type { Grant, ProcessFact, Started } from '../ports/process-facts.ts';
import { statsOf } from './answers.ts';
import type { Drains } from './backpressure.ts';
import { DeadLetters } from './dead-letters.ts';
import type { DownShards, WhyDown } from './down-shards.ts';
import { Feed, type FeedConsumer, Feeds } from './feeds.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type {
  BatchItem,
  Caller,
  Delivery,
  FeedRequest,
  Reply,
  Request,
  StatsRequest,
  StreamRequest,
} from './messages.ts';
import { Receiving } from './receiving.ts';
import { RecentFacts } from './recent-facts.ts';
import { Redrives } from './redrives.ts';
import { type Hashed, Sending } from './sending.ts';
import { Settling } from './settling.ts';
import { JOURNAL_FAILED, RETRY_SATURATED_MS, Spine, type SpineOptions, type WritesRefused } from './spine.ts';
import { Stream, type StreamConsumer } from './stream.ts';
import { mayTenantTake } from './tenant-share.ts';
import { Timelines } from './timelines.ts';
import { Viewing } from './viewing.ts';

/**
 * The mailbox, sans-I/O: requests, durable acknowledgements and time go in; appends, replies and the next wake-up come out. Every
 * request goes one way, that of the spine: parse -> admit -> decide -> journal -> reply. One instance owns all shards of a process.
 */
export class Service {
  readonly shards: readonly ShardState[];
  /** Those that serve nothing at the moment. */
  readonly down: DownShards;
  readonly drains: Drains;
  readonly memory: MemoryBudget;
  /** What became durable of late. */
  readonly recent: RecentFacts;
  private readonly spine: Spine;
  private readonly sending: Sending;
  private readonly settling: Settling;
  private readonly receiving: Receiving;
  private readonly deadLetters: DeadLetters;
  private readonly redrives: Redrives;
  private readonly viewing: Viewing;
  private readonly timelines: Timelines;
  private readonly feeds: Feeds;
  /** What was decided of late of who may do what, and who reads it. */
  private readonly decided: RecentFacts;
  private readonly decisions: Feeds;

  constructor(options: SpineOptions) {
    const spine = new Spine(options, {
      fact: (fact) => this.receiving.fact(fact),
      fell: (state, outcome) => this.endWaitingFor(state, outcome),
    });
    this.spine = spine;
    this.shards = spine.shards;
    this.down = spine.down;
    this.drains = spine.drains;
    this.memory = spine.memory;
    this.sending = new Sending(spine);
    this.settling = new Settling(spine);
    this.receiving = new Receiving(spine, this.settling);
    this.deadLetters = new DeadLetters(spine);
    this.redrives = new Redrives(spine);
    this.viewing = new Viewing(spine);
    this.timelines = new Timelines(spine, this.viewing);
    this.recent = spine.recent;
    this.feeds = new Feeds(spine.recent, spine.instantOf, spine.reader);
    this.decided = new RecentFacts(DECISIONS_MAX, 0);
    this.decisions = new Feeds(this.decided, spine.instantOf);
  }

  static empty(count: number, limits: Limits): ShardState[] {
    return Array.from({ length: count }, (_, shard) => new ShardState(shard, limits));
  }

  // ---- what outlives a process

  /** Redrives that the process before had begun (DL5): before `start`. */
  restoreRedrives(
    facts: readonly ProcessFact[],
    callerOf: (grant: Grant, topic: string) => Caller | null,
    nowMs: number,
  ): void {
    this.redrives.restore(facts, callerOf, nowMs);
  }

  /** What is to be remembered of them with the next append. */
  redriveChanges(): Iterable<ProcessFact> {
    return this.redrives.changes();
  }

  // ---- inputs

  /** Takes over shards that were replayed and serve, at the time that it is by the service clock, which went on since (RT4, TM1). */
  start(nowMs: number, started?: Started, done: (durable: boolean) => void = () => {}): void {
    const beganMs = started?.atMs ?? this.spine.instantOf(nowMs);
    this.spine.recent.began(beganMs);
    this.decided.began(beganMs);
    if (started !== undefined) {
      this.spine.commit.note(started);
      this.spine.useLimits(started.limits);
    }
    for (const shard of this.spine.shards)
      if (shard.nowMs > 0) this.spine.make(shard, [{ name: 'recovered', atMs: nowMs }]);
    this.tick(nowMs);
    this.spine.commit.whenNoted(done);
  }

  /** Takes over one shard as it was replayed: it serves when it is durable that we did. `done`: whether it came to that. */
  takeOver(state: ShardState, nowMs: number, done: (durable: boolean) => void): void {
    const { spine } = this;
    spine.replace(state);
    spine.nowMs = nowMs;
    spine.recent.missed(state.shard, nowMs);
    if (state.nowMs > 0) spine.make(state, [{ name: 'recovered', atMs: nowMs }]);
    // What fell due while nobody had it is done before any time passes (RT3), and goes with the announcement.
    spine.advance(state, nowMs);
    spine.commit.whenShardDurable(state.shard, (durable) => {
      if (durable) spine.down.remove(state.shard);
      done(durable);
    });
    spine.commit.pump();
  }

  /** The shard that a request is for; null where it is for none, or for more than one. A redrive is where it began, or at whoever has its shard. */
  shardFor(
    request: object | { readonly topic: string } | { readonly msgId: string } | { readonly id: string },
  ): number | null {
    if ('topic' in request) return this.spine.shardOfTopic(request.topic);
    const isRedrive = 'id' in request && !this.redrives.has(request.id);
    const shard = 'msgId' in request ? shardOf(request.msgId) : isRedrive ? shardOf(request.id) : -1;
    return shard >= 0 && shard < this.spine.shards.length ? shard : null;
  }

  /** Calls back when everything decided so far is durable, with false when that will never be known. */
  whenDurable(done: (durable: boolean) => void): void {
    this.spine.commit.whenAllDurable(done);
  }

  /** The same for what was decided in this shard. */
  whenShardDurable(shard: number, done: (durable: boolean) => void): void {
    this.spine.commit.whenShardDurable(shard, done);
  }

  /** Journals what happened to the process; `done` as for a reply: true when all is durable, it and what was before (AC1). */
  remember(fact: ProcessFact, done: (durable: boolean) => void): void {
    if (this.spine.failed) return done(false);
    this.spine.commit.note(fact);
    this.spine.commit.whenNoted(done);
    this.spine.commit.pump();
  }

  /** Other limits from now on; a replay must know from when. */
  changeLimits(limits: Limits): void {
    this.spine.useLimits(limits);
    this.remember({ name: 'limited', limits }, () => {});
  }

  /** One parsed and authenticated request; `reply` is called once, when everything it rests on is durable (AC1). */
  request(request: Request, caller: Caller, nowMs: number, reply: (reply: Reply) => void): void {
    if (this.spine.failed) return reply(JOURNAL_FAILED);
    this.spine.commit.begin();
    const answer = this.spine.attempt(() => this.handle(request, caller, nowMs, reply), FELL, caller);
    this.spine.observer.decided?.();
    if (answer !== null) this.spine.answer(reply, answer);
    this.receiving.serve(nowMs);
    this.spine.commit.pump();
  }

  /**
   * Several requests, each decided alone and in order, answered together when the last of them is durable. None of them
   * may wait.
   */
  batch(items: readonly BatchItem[], nowMs: number, reply: (replies: readonly Reply[]) => void): void {
    if (this.spine.failed) return reply(items.map(() => JOURNAL_FAILED));
    this.spine.commit.begin();
    const hashes = this.sending.hashesOf(items, nowMs);
    const replies = items.map(({ request, caller }, i) => {
      const one = this.spine.attempt(() => this.handle(request, caller, nowMs, mayNotWait, hashes?.[i]), FELL, caller);
      this.spine.observer.decided?.();
      return one ?? mayNotWait();
    });
    this.spine.commit.whenDurable((durable) => reply(durable ? replies : items.map(() => JOURNAL_FAILED)));
    this.receiving.serve(nowMs);
    this.spine.commit.pump();
  }

  /** Opens a stream: the consumer is told so, or why not, and then gets what the stream gives. */
  stream(request: StreamRequest, caller: Caller, nowMs: number, consumer: StreamConsumer): void {
    const stream = new Stream(request, caller, consumer);
    this.spine.commit.begin();
    const opened = this.spine.failed
      ? JOURNAL_FAILED
      : this.spine.attempt(() => this.receiving.open(stream, nowMs), FELL, caller);
    this.spine.answer((reply) => consumer.opened(reply, stream), opened);
    this.receiving.serve(nowMs);
    this.spine.commit.pump();
  }

  /** The consumer has written what it was given: it may get more. */
  streamReady(stream: Stream, nowMs: number): void {
    if (this.spine.failed || stream.closed) return;
    this.receiving.streams.ready(stream);
    this.receiving.serve(nowMs);
    this.spine.commit.pump();
  }

  /** The consumer is gone; `unwritten` is what it provably never got (LE7). */
  closeStream(stream: Stream, unwritten: readonly Delivery[], nowMs: number): void {
    this.receiving.streams.remove(stream);
    this.release(unwritten, nowMs, stream.caller);
  }

  /** Opens a feed: whoever reads is told so, or why not, and then what happened and happens. */
  feed(request: FeedRequest, caller: Caller, nowMs: number, consumer: FeedConsumer): void {
    // A prefix is of a tenant where it names one; those that go beyond one count as one together.
    const feed = new Feed(request, caller, consumer, this.tenantOf(request.topic ?? request.prefix));
    // Facts that are told are durable: nothing is waited for.
    const reply = this.spine.failed ? JOURNAL_FAILED : this.openFeed(feed, nowMs);
    if (reply !== null) consumer.opened(reply, feed);
    if (!feed.closed) this.feedsOf(feed).serve(nowMs);
  }

  private feedsOf({ request }: Feed): Feeds {
    return request.ofDecisions === true ? this.decisions : this.feeds;
  }

  get hasDecisionReaders(): boolean {
    return this.decisions.size > 0;
  }

  /** Something was decided of who may do what: whoever reads that is told with the next tick. */
  decide(event: string, said: Readonly<Record<string, unknown>>, atMs: number): void {
    this.decided.decide({ event, said, atMs });
  }

  private openFeed(feed: Feed, nowMs: number): Reply | null {
    const { request, caller } = feed;
    const { topic } = request;
    if (topic !== null && !caller.allowsTopic(topic))
      return { outcome: 'cap_scope', message: 'topic: outside the capability' };
    // Named by the capability itself: neither one for every topic, nor one for a topic whose name begins so.
    if (request.ofDecisions === true && !(caller.reach === ADMIN_TOPIC && caller.allowsTopic(ADMIN_TOPIC)))
      return { outcome: 'cap_scope', message: `decisions: need a capability for topic ${ADMIN_TOPIC}` };
    const retryAfterMs = caller.charge(0, nowMs);
    if (retryAfterMs > 0) return { outcome: 'quota', retryAfterMs };
    if (this.spine.writesRefused === 'draining') return { outcome: 'draining', retryAfterMs: RETRY_SATURATED_MS };
    const refusal = topic === null ? null : this.elsewhere(topic, nowMs);
    if (refusal !== null) return refusal;
    if (this.streamCount >= this.streamsMax) return { outcome: 'saturated_streams', retryAfterMs: RETRY_SATURATED_MS };
    const ofTenant = this.receiving.streams.openOf(feed.tenant) + this.feedsOf(feed).openOf(feed.tenant);
    if (!this.mayTenantTake(this.streamsMax, this.streamCount, ofTenant))
      return { outcome: 'saturated_tenant', retryAfterMs: RETRY_SATURATED_MS };
    return this.feedsOf(feed).add(feed, nowMs);
  }

  /** Of a topic that another node serves nothing becomes durable here. */
  private elsewhere(topic: string, nowMs: number): Reply | null {
    const { down } = this.spine;
    const shard = this.spine.shardOfTopic(topic);
    return down.why(shard) === 'not_owner' ? down.refusal(shard, nowMs) : null;
  }

  /** How far it has come. */
  feedCursor(feed: Feed): string {
    return this.feedsOf(feed).cursorOf(feed);
  }

  /** Its reader has taken what it was told. */
  feedReady(feed: Feed, nowMs: number): void {
    this.feedsOf(feed).setReady(feed, nowMs);
  }

  closeFeed(feed: Feed): void {
    this.feedsOf(feed).remove(feed);
  }

  /** The journal has made the outstanding append of this log durable. */
  durable(log = 0): void {
    this.spine.recent.durable(log);
    this.spine.commit.durable(log);
    if (this.feeds.size > 0) this.feeds.serve(this.spine.nowMs);
  }

  /** This log is not ours any more, or cannot be gone on with: whoever waits for its shards gets a 503, and they serve nothing. */
  giveUp(log: number, shards: readonly number[], why: WhyDown, nowMs: number): void {
    this.spine.nowMs = nowMs;
    this.spine.giveUp(log, shards, why);
    const isTheirs = ({ request: { topic } }: Feed): boolean =>
      topic !== null && shards.includes(this.spine.shardOfTopic(topic));
    if (why === 'not_owner') this.feeds.endIf(isTheirs, 'not_owner');
  }

  /** The journal has failed: nothing more is promised (journal rule 4). Whoever waits, and replies held back, get 503. */
  journalFailed(): void {
    this.spine.failed = true;
    this.spine.writesRefused = 'journal';
    this.spine.commit.fail();
    this.receiving.fail();
    this.deadLetters.fail();
    this.timelines.fail();
    for (const feeds of [this.feeds, this.decisions]) feeds.endIf(() => true, 'journal');
    this.redrives.leave('journal', this.spine.nowMs);
  }

  /** Time has passed: expiries, retentions and long polls that ended. */
  tick(nowMs: number): void {
    if (this.spine.failed) return;
    for (const shard of this.spine.shards) {
      if (!this.spine.down.has(shard.shard)) this.spine.attempt(() => this.spine.advance(shard, nowMs), undefined);
    }
    this.deadLetters.tick(nowMs);
    this.redrives.tick(nowMs);
    this.receiving.streams.watch(nowMs);
    this.feeds.watch(nowMs);
    this.decisions.watch(nowMs);
    this.timelines.tick(nowMs);
    this.receiving.serve(nowMs);
    this.spine.commit.pumpNotes(nowMs);
    if (this.spine.stamps?.isDue(nowMs) === true) this.spine.commit.stampAlone();
    this.spine.commit.pump();
  }

  /** Has the journal say what both clocks show: the last thing that a process does (TM1). */
  stampClocks(nowMs: number): void {
    this.spine.nowMs = nowMs;
    if (this.spine.stamps !== null) this.spine.commit.stampAlone();
  }

  /** When `tick` is next needed, Infinity for never. */
  nextWakeMs(): number {
    const { stamps, commit } = this.spine;
    const stampMs = stamps === null || commit.isBusy ? Number.POSITIVE_INFINITY : stamps.dueMs;
    let wakeMs = Math.min(stampMs, this.receiving.nextWakeMs(), this.deadLetters.nextWakeMs(this.spine.nowMs));
    wakeMs = Math.min(wakeMs, this.redrives.nextWakeMs(this.spine.nowMs));
    wakeMs = Math.min(wakeMs, this.timelines.nextWakeMs());
    if (this.feeds.size > 0) wakeMs = Math.min(wakeMs, this.feeds.nextWakeMs(this.spine.nowMs));
    if (this.decisions.size > 0) wakeMs = Math.min(wakeMs, this.decisions.nextWakeMs(this.spine.nowMs));
    for (const shard of this.shards) if (!this.down.has(shard.shard)) wakeMs = Math.min(wakeMs, nextDueMs(shard));
    return wakeMs;
  }

  /** Leases of this caller whose bytes were provably never written go back at once (LE7). */
  release(deliveries: readonly Delivery[], nowMs: number, caller: Caller): void {
    this.receiving.release(deliveries, nowMs, caller);
  }

  /** Sends are refused from now on with this outcome, or taken again with null (BD3). */
  refuseWrites(outcome: WritesRefused): void {
    this.spine.writesRefused = outcome;
  }

  /** Ends what waits under a capability that is no longer valid (AU3), or all that waits when the process drains. */
  endWaiting(nowMs: number, all = false): void {
    const isOver = ({ caller }: { readonly caller: Caller }): boolean => all || !caller.isValid(nowMs);
    this.deadLetters.endIf(isOver, all ? 'ok' : 'cap_auth');
    this.receiving.endIf(isOver, all ? 'ok' : 'cap_auth', all ? 'draining' : 'cap_auth');
    for (const feeds of [this.feeds, this.decisions]) feeds.endIf(isOver, all ? 'draining' : 'cap_auth');
    if (all) this.redrives.leave('draining', nowMs);
    else this.redrives.endIf(isOver, 'cap_auth', nowMs);
  }

  /** A shard serves nothing: who waits for it may ask again (BD3). */
  private endWaitingFor(state: ShardState, outcome: Outcome): void {
    this.spine.commit.begin();
    this.deadLetters.endIf(({ shard }) => shard === state, outcome);
    this.redrives.endIf(({ topic }) => this.spine.isDown(topic), outcome, this.spine.nowMs);
    this.receiving.endIf(({ request }) => this.spine.isDown(request.topic), outcome, outcome);
  }

  /** The client that waits for this reply is gone: nothing more is done for it. */
  cancel(reply: (reply: Reply) => void): void {
    this.spine.polls.takeIf((poll) => poll.reply === reply);
    this.deadLetters.cancel(reply);
    this.timelines.cancel(reply);
  }

  /** The shard as it was made anew of all that is durable: it serves again. */
  revive(state: ShardState): void {
    this.spine.revive(state);
  }

  // ---- what it is like

  /** Streams that may be open at once (D4). */
  get streamsMax(): number {
    return this.receiving.streamsMax;
  }
  set streamsMax(most: number) {
    this.receiving.streamsMax = most;
  }

  get inflight(): number {
    return this.spine.inflight;
  }

  get isFailed(): boolean {
    return this.spine.failed;
  }

  /** Something that was decided is not durable yet. */
  get isBusy(): boolean {
    return this.spine.commit.isBusy;
  }

  /** Receives that wait, steps of streams among them. */
  get pollCount(): number {
    return this.spine.polls.size;
  }

  /** Whose a topic is, or all topics that begin so (BD5). */
  tenantOf(topic: string): string {
    return this.spine.tenantOf(topic);
  }

  /** Whether a tenant that has so much of a bound, of which so much is used, may have more (BD5). */
  mayTenantTake(bound: number, used: number, ofTenant: number): boolean {
    return mayTenantTake(this.spine.limits, bound, used, ofTenant);
  }

  /** Feeds among them. */
  get streamCount(): number {
    return this.receiving.streams.size + this.feeds.size + this.decisions.size;
  }

  // ---- verbs

  /** Admit and decide. Null when the request became a long poll that will reply itself. */
  private handle(
    request: Request,
    caller: Caller,
    nowMs: number,
    reply: (reply: Reply) => void,
    hashed?: Hashed,
  ): Reply | null {
    switch (request.verb) {
      case 'send':
        return this.sending.send(request, caller, nowMs, hashed);
      case 'recv':
        return this.receiving.recv(request, caller, nowMs, reply);
      case 'ack':
        return this.settling.ack(request, caller, nowMs);
      case 'nack':
        return this.settling.nack(request, caller, nowMs);
      case 'extend':
        return this.settling.extend(request, caller, nowMs);
      case 'reprocess':
        return this.deadLetters.reprocess(request, caller, nowMs, reply);
      case 'purge':
        return this.deadLetters.purge(request, caller, nowMs);
      case 'dlq_list':
        return this.deadLetters.list(request, caller, nowMs);
      case 'stats':
        return this.stats(request, caller, nowMs);
      case 'topics':
        return this.viewing.topics(request, caller, nowMs);
      case 'peek':
        return this.viewing.peek(request, caller, nowMs);
      case 'show':
        return this.timelines.show(request, caller, nowMs, reply);
      case 'redrive':
        return this.redrives.start(request, caller, nowMs);
      case 'redrive_show':
        return this.redrives.show(request.id, caller, nowMs);
      case 'redrive_cancel':
        return this.redrives.cancel(request.id, caller, nowMs);
    }
  }

  private stats(request: StatsRequest, caller: Caller, nowMs: number): Reply {
    const refusal = this.spine.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    const shard = this.spine.shardFor(request.topic);
    this.spine.advance(shard, nowMs);
    return { outcome: 'ok', stats: statsOf(request.topic, shard, nowMs) };
  }
}

/** Decisions that are remembered for those who look. */
const DECISIONS_MAX = 4096;

function mayNotWait(): never {
  throw new Error('service: a request of a batch waits');
}
/** To the one whose request a shard fell over. */
const FELL: Reply = { outcome: 'internal' };
