import type { Fact } from '../../src/core/facts.ts';
import type { Delivery, StreamRequest } from '../../src/service/messages.ts';
import type { Exchange, Reply } from '../call.ts';
import { PLENTY } from '../capabilities.ts';
import { Breach } from './breach.ts';
import type { LifecycleChecker } from './lifecycle.ts';

/** A stream under watch. */
interface Watched {
  readonly request: StreamRequest;
  /** Its leases in force, with their payloads' bytes. */
  readonly leases: Map<string, number>;
  /** Leases that ran out since its consumer settled one. */
  lapsed: number;
  given: number;
  /** Leases of its topic that had run out when it was asked for. */
  readonly expiredBefore: number;
  /** Its reader has what it was given, since then; Infinity while it has not. */
  readySinceMs: number;
}

/** The window of the quota that a paced stream has. */
const WINDOW_MS = 1_000;

/** So long a stream may be given nothing that has room for what is there, by the node's clock. */
const PATIENCE_MS = 5_000;

/** What streams give (B3): never more than their credit, and what there is. */
export class StreamsChecker {
  private readonly lifecycle: LifecycleChecker;
  private readonly open = new Map<Exchange, Watched>();
  private readonly asked = new WeakMap<Exchange, number>();
  /** Leases that ran out, by topic. */
  private readonly expired = new Map<string, number>();
  private readonly byMsgId = new Map<string, Watched>();
  /** Pieces of late that went out under a quota, by capability. */
  private readonly steps = new Map<string, { readonly atMs: number; readonly exchange: Exchange }[]>();

  constructor(lifecycle: LifecycleChecker) {
    this.lifecycle = lifecycle;
  }

  private expiredOf(topic: string): number {
    return this.expired.get(topic) ?? 0;
  }

  /** It is decided whether it opens. */
  askedFor(exchange: Exchange): void {
    if (exchange.call.ask.verb === 'stream') this.asked.set(exchange, this.expiredOf(exchange.call.ask.topic));
  }

  opened(exchange: Exchange, nowMs: number): void {
    const { ask } = exchange.call;
    if (ask.verb !== 'stream') return;
    this.open.set(exchange, {
      request: ask,
      leases: new Map(),
      lapsed: 0,
      given: 0,
      expiredBefore: this.asked.get(exchange) ?? 0,
      readySinceMs: nowMs,
    });
  }

  isOpen(exchange: Exchange): boolean {
    return this.open.has(exchange);
  }

  /**
   * Two windows of its quota may lie in the time of one, and each stream may have paid for a step before: with a credit of one piece at most
   * a step is a piece. @throws Breach
   */
  private paced(exchange: Exchange, nowMs: number): void {
    const { name, added = [] } = exchange.call.capability;
    const max = Number(/^quota_ops = ([0-9]+)\/1$/.exec(added[0] ?? '')?.[1] ?? Number.NaN);
    if (Number.isNaN(max)) return;
    const steps = (this.steps.get(name) ?? []).filter(({ atMs }) => atMs > nowMs - WINDOW_MS);
    steps.push({ atMs: nowMs, exchange });
    this.steps.set(name, steps);
    const streams = new Set(steps.map((step) => step.exchange)).size;
    if (steps.length > 2 * max + streams)
      throw new Breach(
        'AU2',
        `${steps.length} steps of ${streams} streams in ${WINDOW_MS} ms, and their quota is ${max}`,
      );
  }

  /** A piece leaves the node. @throws Breach */
  gave(exchange: Exchange, deliveries: readonly Delivery[], nowMs: number): void {
    this.paced(exchange, nowMs);
    const stream = this.open.get(exchange);
    if (stream === undefined) throw new Breach('LE1', 'a stream gives that is not open', deliveries[0]?.msgId ?? null);
    const { leases, request } = stream;
    stream.readySinceMs = Number.POSITIVE_INFINITY;
    for (const { msgId, epoch, payload, topic } of deliveries) {
      if (topic !== request.topic) throw new Breach('LE1', 'a stream gives what is of another topic', msgId);
      stream.given++;
      const live = this.lifecycle.messages.get(msgId)?.live;
      // What ran out while its reader was busy is not worth writing: whoever is given it loses it with the first word.
      if (live?.state !== 'leased' || live.epoch !== epoch)
        throw new Breach('B3', 'a stream gives a lease that is over', msgId);
      leases.set(msgId, payload.byteLength);
      this.byMsgId.set(msgId, stream);
    }
    const held = leases.size + stream.lapsed;
    let bytes = 0;
    for (const each of leases.values()) bytes += each;
    const id = deliveries[0]?.msgId ?? null;
    if (held > request.credit) throw new Breach('B3', `${held} unsettled of a credit of ${request.credit}`, id);
    // One always goes, and what has no bytes does besides.
    if (bytes > request.bytesMax && [...leases.values()].filter((each) => each > 0).length > 1) {
      throw new Breach('B3', `${bytes} bytes unsettled of ${request.bytesMax}`, id);
    }
    if (stream.given > request.messagesMax)
      throw new Breach('B3', `gives ${stream.given} of ${request.messagesMax}`, id);
  }

  /** Its reader has taken all that it was given. */
  taken(exchange: Exchange, nowMs: number): void {
    const stream = this.open.get(exchange);
    if (stream !== undefined) stream.readySinceMs = nowMs;
  }

  fact(fact: Fact): void {
    if (fact.name === 'recovered') return;
    if (fact.name === 'expired') {
      const topic = this.lifecycle.topicNameOf(fact.msgId) ?? '';
      this.expired.set(topic, this.expiredOf(topic) + 1);
    }
    const stream = this.byMsgId.get(fact.msgId);
    const { name } = fact;
    if (stream === undefined || name === 'extended' || name === 'received') return;
    this.byMsgId.delete(fact.msgId);
    stream.leases.delete(fact.msgId);
    if (name === 'expired') stream.lapsed++;
    else if (name === 'released') stream.given--;
    else stream.lapsed = 0;
  }

  /** Nothing is under way at the node: no stream that has room goes without what is there. @throws Breach */
  idle(nowMs: number): void {
    for (const [{ call }, { request, leases, lapsed, given, readySinceMs }] of this.open) {
      const hasRoom = leases.size === 0 && lapsed < request.credit && given < request.messagesMax;
      const isPaced = call.capability.quotaOps < PLENTY || call.capability.added !== undefined;
      if (!hasRoom || isPaced || nowMs - readySinceMs < PATIENCE_MS) continue;
      const { inflightFullMs } = this.lifecycle;
      if (this.lifecycle.isInflightTight || nowMs - inflightFullMs < PATIENCE_MS) continue;
      const waits = this.lifecycle.topicOf(request.topic).firstAvailable(nowMs - PATIENCE_MS);
      if (waits !== undefined) throw new Breach('LE1', 'a stream is given nothing, and it is available', waits.msgId);
    }
  }

  /** Why it ended must be so. @throws Breach */
  ended(exchange: Exchange, { outcome }: Reply): void {
    const stream = this.open.get(exchange);
    if (stream === undefined) return;
    const { request } = stream;
    // A stream knows of its leases before its reader does.
    const expired = this.expiredOf(request.topic) - stream.expiredBefore;
    if (outcome === 'lease_lost' && expired < request.credit) {
      throw new Breach('B3', `given up as abandoned with ${expired} lapsed of a credit of ${request.credit}`);
    }
  }

  closed(exchange: Exchange): void {
    const stream = this.open.get(exchange);
    if (stream === undefined) return;
    for (const msgId of stream.leases.keys()) this.byMsgId.delete(msgId);
    this.open.delete(exchange);
  }

  /** The process is gone. */
  crashed(): void {
    this.open.clear();
    this.byMsgId.clear();
    this.steps.clear();
  }
}
