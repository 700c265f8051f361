import type { Outcome } from '../../spec/vocabulary.ts';
import type { Command } from '../core/commands.ts';
import { decide } from '../core/decide.ts';
import type { Fact } from '../core/facts.ts';
import type { Message } from '../core/message.ts';
import { shardOf } from '../core/msg-id.ts';
import type { ShardState } from '../core/state.ts';
import { deliveryOf } from './answers.ts';
import { LookedAhead } from './looked-ahead.ts';
import type { Caller, Delivery, RecvRequest, Reply } from './messages.ts';
import type { Settling } from './settling.ts';
import { JOURNAL_FAILED, NACK, RETRY_SATURATED_MS, type Spine } from './spine.ts';
import type { LongPoll, Stream } from './stream.ts';
import { LEASE_ENDS, Streams } from './streams.ts';
import { mayTenantTake } from './tenant-share.ts';

const RECEIPT_BYTES = 16;
const STREAMS_MAX = 64;

/** Gives messages out (LE1, LE2, LE6, LE7): at once, to those who wait for them, and along streams. */
export class Receiving {
  readonly streams: Streams;
  /** Streams that may be open at once (D4). */
  streamsMax = STREAMS_MAX;
  private readonly spine: Spine;
  private readonly settling: Settling;
  /** A waiting recv found `global_inflight` used up, or its tenant's share of it: any lease that ends is news for it. */
  private starved = false;

  constructor(spine: Spine, settling: Settling) {
    this.spine = spine;
    this.settling = settling;
    this.streams = new Streams(spine.polls, (deliveries, caller) => this.release(deliveries, spine.nowMs, caller));
  }

  recv(request: RecvRequest, caller: Caller, nowMs: number, reply: (reply: Reply) => void): Reply | null {
    const refusal = this.spine.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    const acks = this.settling.ackItems(request.acks, caller, nowMs);
    const { outcome, deliveries } = this.lease(request, caller, nowMs);
    const found = deliveries.length > 0;
    if (!found && request.waitMs > 0 && outcome === 'empty' && this.spine.writesRefused !== 'draining') {
      const endMs = nowMs + request.waitMs;
      this.spine.polls.add({ request, caller, acks, endMs, reply, stream: null, place: -1 });
      return null;
    }
    if (!found && outcome !== 'empty') {
      return { ...this.spine.saturated(outcome, this.spine.shardFor(request.topic), nowMs), deliveries, ...acks };
    }
    return { outcome: 'ok', deliveries, ...acks };
  }

  open(stream: Stream, nowMs: number): Reply {
    const { request, caller } = stream;
    const refusal = this.spine.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    if (this.spine.writesRefused === 'draining') return { outcome: 'draining', retryAfterMs: RETRY_SATURATED_MS };
    if (this.streams.size >= this.streamsMax) return { outcome: 'saturated_streams', retryAfterMs: RETRY_SATURATED_MS };
    const ofTenant = this.streams.openOf(this.spine.tenantOf(request.topic));
    if (!mayTenantTake(this.spine.limits, this.streamsMax, this.streams.size, ofTenant))
      return { outcome: 'saturated_tenant', retryAfterMs: RETRY_SATURATED_MS };
    const acks = this.settling.ackItems(request.acks, caller, nowMs);
    this.streams.add(stream, this.spine.tenantOf(request.topic));
    return { outcome: 'ok', ...acks };
  }

  /** Leases up to the request's bounds, lowest sequence numbers first; damaged payloads go to the dead letters (IN1). */
  private lease(
    request: RecvRequest,
    caller: Caller,
    nowMs: number,
    firstAlways = true,
  ): { outcome: Outcome; deliveries: Delivery[] } {
    const shard = this.spine.shardFor(request.topic);
    this.spine.advance(shard, nowMs);
    const deliveries: Delivery[] = [];
    const elsewhere = this.spine.leasedElsewhere(shard, request.topic, request.messagesMax);
    const visibilityMs = request.visibilityMs ?? shard.limits.defaultVisibilityMs;
    const ahead = new LookedAhead(this.spine.integrity, shard, request.topic);
    let bytesLeft = request.bytesMax;
    while (deliveries.length < request.messagesMax) {
      const receipt = this.spine.random.token(RECEIPT_BYTES);
      const bytesMax = firstAlways && deliveries.length === 0 ? Number.POSITIVE_INFINITY : bytesLeft;
      const atMs = shard.nowMs;
      const { topic } = request;
      const decision = this.spine.take(
        shard,
        decide(shard, { name: 'recv', atMs, topic, receipt, visibilityMs, bytesMax, ...elsewhere }),
        caller,
      );
      if (decision.outcome !== 'ok') return { outcome: decision.outcome, deliveries };
      const message = decision.message as Message;
      const payload = message.payload as Uint8Array;
      if (!ahead.isIntact(message, request.messagesMax - deliveries.length - 1)) {
        this.spine.take(
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
          caller,
        );
        continue;
      }
      bytesLeft -= payload.byteLength;
      deliveries.push(deliveryOf(message, shard.shard, this.spine.integrity.sigOf?.(message.hashChain) ?? null));
    }
    return { outcome: 'ok', deliveries };
  }

  /** Leases of this caller whose bytes were provably never written go back at once (LE7). */
  release(deliveries: readonly Delivery[], nowMs: number, caller: Caller): void {
    if (this.spine.failed) return;
    this.spine.observer.released?.(deliveries);
    for (const { msgId, receipt } of deliveries) {
      const shard = this.spine.shards[shardOf(msgId)] as ShardState;
      if (this.spine.down.has(shard.shard)) continue;
      const command: Command = { name: 'release', atMs: nowMs, msgId, receipt, jitter: this.spine.jitter() };
      this.spine.attempt(() => this.spine.run(shard, command, caller), null, caller);
    }
    this.serve(nowMs);
    this.spine.commit.pump();
  }

  // ---- those who wait

  /** Gives long polls what has become available, first come first served, and ends those whose time is over. */
  serve(nowMs: number): void {
    this.spine.nowMs = nowMs;
    this.streams.step(nowMs);
    if (this.spine.polls.size === 0) return;
    this.spine.polls.inTurns((poll) => this.serveTurn(poll, nowMs), this.spine.limits.tenantLabels);
    this.spine.commit.begin();
    for (let poll = this.spine.polls.takeEnded(nowMs); poll !== undefined; poll = this.spine.polls.takeEnded(nowMs)) {
      this.endPoll(poll, 'ok', []);
    }
  }

  /** The turn of one poll; false when there is nothing for those behind it either. */
  private serveTurn(poll: LongPoll, nowMs: number): boolean {
    if (this.spine.isDown(poll.request.topic)) return false;
    this.spine.commit.begin();
    if (poll.caller.isValid(nowMs)) return this.spine.attempt(() => this.servePoll(poll, nowMs), false, poll.caller);
    this.endPoll(poll, 'cap_auth', []);
    return true;
  }

  /** Gives one poll what there is; false when there is nothing for those behind it either. */
  private servePoll(poll: LongPoll, nowMs: number): boolean {
    const { stream } = poll;
    const step = stream?.step();
    const { outcome, deliveries } = this.lease(step ?? poll.request, poll.caller, nowMs, step?.firstAlways);
    if (outcome === 'saturated_inflight' || outcome === 'saturated_tenant') this.starved = true;
    // A stream may have found what is next too large for its credit: another one may take it.
    if (deliveries.length === 0) return stream !== null;
    if (stream !== null) this.streams.leased(stream, deliveries);
    this.endPoll(poll, 'ok', deliveries);
    return true;
  }

  private endPoll(poll: LongPoll, outcome: Outcome, deliveries: readonly Delivery[]): void {
    this.spine.polls.remove(poll);
    this.spine.answer(poll.reply, { outcome, deliveries, ...poll.acks }, poll.request.topic);
  }

  /** A fact came true: credit of streams, and room under `global_inflight` for whoever waits. */
  fact(fact: Fact): void {
    if (this.streams.size > 0) this.streams.fact(fact);
    if (!this.starved || !LEASE_ENDS.has(fact.name)) return;
    this.spine.polls.touchAll();
    this.starved = false;
  }

  /** Ends what waits where `which` says so: streams with `why`, recvs with `outcome` and nothing. */
  endIf(which: (waiting: Stream | LongPoll) => boolean, outcome: Outcome, why: Outcome): void {
    this.streams.endIf(which, why);
    for (const poll of this.spine.polls.takeIf(which)) this.endPoll(poll, outcome, []);
  }

  /** The journal failed: everybody is told so. */
  fail(): void {
    this.streams.endIf(() => true, 'journal');
    for (const poll of this.spine.polls.takeIf(() => true)) poll.reply(JOURNAL_FAILED);
  }

  /** When it next has something to do by time alone. */
  nextWakeMs(): number {
    return Math.min(this.spine.polls.nextEndMs(), this.streams.nextResumeMs());
  }
}
