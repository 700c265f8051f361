import type { Outcome } from '../../spec/vocabulary.ts';
import type { Fact } from '../core/facts.ts';
import type { LongPolls } from './long-polls.ts';
import type { AcksReply, Caller, Delivery, Reply } from './messages.ts';
import type { Stream } from './stream.ts';
import { TenantCounts } from './tenant-counts.ts';

const NO_ACKS: AcksReply = { ackOutcomes: [] };

/** Facts that end a lease. */
export const LEASE_ENDS: ReadonlySet<Fact['name']> = new Set(['acked', 'nacked', 'expired', 'released']);

/** The open streams, and whose lease a message is under. */
export class Streams {
  /** With the tenant that each is counted under. */
  private readonly open = new Map<Stream, string>();
  private readonly byTenant = new TenantCounts();
  private readonly byMsgId = new Map<string, Stream>();
  /** Those that may have something to do. */
  private touched = new Set<Stream>();
  private readonly polls: LongPolls;
  private readonly release: (deliveries: readonly Delivery[], caller: Caller) => void;

  /** `release`: leases that no one will get go back at once (LE7). */
  constructor(polls: LongPolls, release: (deliveries: readonly Delivery[], caller: Caller) => void) {
    this.polls = polls;
    this.release = release;
  }

  get size(): number {
    return this.open.size;
  }

  /** Those that are open of this tenant's topics (BD5). */
  openOf(tenant: string): number {
    return this.byTenant.of(tenant);
  }

  add(stream: Stream, tenant: string): void {
    this.open.set(stream, tenant);
    this.byTenant.add(tenant, 1);
    this.touched.add(stream);
  }

  /** Closes it without a word to its consumer. */
  remove(stream: Stream): void {
    stream.closed = true;
    const tenant = this.open.get(stream);
    if (tenant !== undefined && this.open.delete(stream)) this.byTenant.add(tenant, -1);
    this.touched.delete(stream);
    for (const msgId of stream.leases.keys()) this.byMsgId.delete(msgId);
    stream.leases.clear();
    if (stream.poll !== null) this.polls.remove(stream.poll);
    stream.poll = null;
  }

  /** The consumer has written what it was given. */
  ready(stream: Stream): void {
    stream.ready = true;
    this.touched.add(stream);
  }

  /** A step leased these; its consumer gets them when that is durable. */
  leased(stream: Stream, deliveries: readonly Delivery[]): void {
    stream.ready = false;
    for (const delivery of deliveries) {
      stream.lease(delivery);
      this.byMsgId.set(delivery.msgId, stream);
    }
  }

  /** Watches leases of streams end. */
  fact(fact: Fact): void {
    if (fact.name === 'recovered' || !LEASE_ENDS.has(fact.name)) return;
    const { msgId, name } = fact;
    const stream = this.byMsgId.get(msgId);
    if (stream === undefined) return;
    this.byMsgId.delete(msgId);
    stream.end(msgId, name);
    this.touched.add(stream);
  }

  /** Lets the streams that can go on wait for their next step. */
  step(nowMs: number): void {
    if (this.touched.size === 0) return;
    const { touched } = this;
    this.touched = new Set();
    for (const stream of touched) this.nextStep(stream, nowMs);
  }

  /** Ends it, or lets it wait when its consumer is ready, its credit leaves room and its quota allows. */
  private nextStep(stream: Stream, nowMs: number): void {
    if (stream.closed || stream.poll !== null) return;
    if (stream.isOver) return this.end(stream, 'ok');
    if (stream.isAbandoned) return this.end(stream, 'lease_lost');
    if (!stream.ready || stream.room <= 0 || nowMs < stream.resumeAtMs) return;
    const waitMs = stream.paid ? 0 : stream.caller.charge(0, nowMs);
    stream.paid = waitMs === 0;
    stream.resumeAtMs = waitMs === 0 ? 0 : nowMs + waitMs;
    if (waitMs > 0) return;
    stream.poll = {
      request: stream.step(),
      caller: stream.caller,
      acks: NO_ACKS,
      endMs: nowMs + stream.request.waitMs,
      reply: (reply) => this.stepped(stream, reply),
      stream,
      place: -1,
    };
    this.polls.add(stream.poll);
    this.polls.touch(stream.request.topic);
  }

  /** A step is over, and what it leased is durable. */
  private stepped(stream: Stream, { outcome, deliveries = [] }: Reply): void {
    if (stream.closed) return this.release(deliveries, stream.caller);
    stream.poll = null;
    if (outcome !== 'ok' || deliveries.length === 0) return this.end(stream, outcome);
    stream.paid = false;
    stream.consumer.deliver(deliveries);
  }

  /** Time has passed: capabilities may have ended (AU3), quotas may allow the next step. */
  watch(nowMs: number): void {
    if (this.open.size === 0) return;
    this.endIf(({ caller }) => !caller.isValid(nowMs), 'cap_auth');
    for (const stream of this.open.keys())
      if (stream.resumeAtMs > 0 && stream.resumeAtMs <= nowMs) this.touched.add(stream);
  }

  /** When `watch` next finds a quota that allows a step; Infinity for none. */
  nextResumeMs(): number {
    let atMs = Number.POSITIVE_INFINITY;
    for (const { resumeAtMs } of this.open.keys()) if (resumeAtMs > 0) atMs = Math.min(atMs, resumeAtMs);
    return atMs;
  }

  endIf(which: (stream: Stream) => boolean, outcome: Outcome): void {
    for (const stream of [...this.open.keys()]) if (which(stream)) this.end(stream, outcome);
  }

  private end(stream: Stream, outcome: Outcome): void {
    this.remove(stream);
    stream.consumer.ended(outcome);
  }
}
