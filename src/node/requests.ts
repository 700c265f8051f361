import { ADMIN_TOPIC, type Op } from '../../spec/vocabulary.ts';
import type { Authority, Capability } from '../auth/authorize.ts';
import type { Need } from '../auth/quota-parts.ts';
import type { Revocation } from '../auth/revocation.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { Revoked } from '../ports/process-facts.ts';
import type { FeedRequest, Reply, Request, StreamRequest } from '../service/messages.ts';
import type { Service } from '../service/service.ts';
import { authorize, authorizeOps, endOf, NODE_OPS, opOf } from './authorize.ts';
import type { Client, Exchange } from './exchange.ts';
import { type FeedReader, FeedWriter } from './feed-writer.ts';
import type { NodeObserver } from './observer.ts';
import { RequestCaller } from './request-caller.ts';
import { type StreamReader, StreamWriter } from './stream-writer.ts';

interface Parts {
  readonly service: Service;
  readonly authority: Authority;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: NodeObserver;
  /** An input is about to be taken: what is ours to answer may have changed. */
  readonly before: () => void;
  /** An input was taken: what time has to do next may have changed. */
  readonly after: () => void;
  /** Tells the other nodes of a revocation, and calls back with whether all of them will know. None where there are none. */
  readonly tellOthers?: TellOthers;
}
export type TellOthers = (revoked: Revoked, done: (isTold: boolean) => void) => void;

/** A request, and the capability that it is asked under. */
export interface Item {
  readonly request: Request;
  readonly capability: Capability;
}

/** What is to end, and why. */
type Revoking = Pick<Revocation, 'kind' | 'value'> & { readonly note: string };

/** How a feed is to be told. */
interface FeedOpening {
  readonly heartbeatMs: number;
  /** What comes within so long is told together; at once without it. */
  readonly gatherMs?: number;
  readonly reader: FeedReader;
}

/** A response with payloads that waits for its reader: cut when the capability behind it ends (AU3). */
interface Unwritten {
  readonly holders: readonly Capability[];
  readonly client: Client;
}

/** Room in the list comes when keys go, not by waiting. */
const REVOKE_AGAIN_MS = 3_600_000;
const UNCOUNTED = 'nobody can say at the moment how far a quota of this capability is used: nothing was done';
const ONE: Need = { ops: 1, bytes: 0 };
const UNTOLD = 'revoked at this node, and perhaps not at the others: say it again';
const FULL = {
  nonce: 'the list of revoked nonces is full, nothing was revoked: revoke the key_id, or rotate the root key',
  key_id: 'the list of revoked key_ids is full, nothing was revoked: take the key out of the keyring',
} as const;

/**
 * Requests of those whose capability is known: authorize, ask the service (which finds the shard, charges and decides), hand out. One
 * way for all, whatever they came in: no payload goes to a client that left, or under a capability that ended meanwhile.
 */
export class Requests {
  private readonly parts: Parts;
  private readonly unwritten = new Set<Unwritten>();

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** The body of a request took its time: what its capability was then is not what it is now (AU3). Null when it is. */
  ended(exchange: Exchange, op: Op): Reply | null {
    const failure = exchange.capability?.failure() ?? null;
    if (failure === null) return null;
    exchange.denied(op, failure);
    return { outcome: endOf(failure) };
  }

  /** Asks one request. It may wait: its client may leave meanwhile, and its capability may end (LE7, AU3). */
  ask(exchange: Exchange, { request, capability }: Item, then: (reply: Reply) => void): void {
    const refused = authorize(exchange, capability, request);
    if (refused !== null) return then(refused);
    this.prepare(exchange, capability, needOf(request), (unprepared) => {
      if (unprepared !== null) return then(unprepared);
      this.askNow(exchange, { request, capability }, then);
    });
  }

  /**
   * Where other nodes count on the same quotas, what is to be charged is fetched first. What takes its time: the client may be gone then, and
   * the capability over (AU3). Null where it may go on.
   */
  private prepare(exchange: Exchange, capability: Capability, need: Need, then: (refused: Reply | null) => void): void {
    let isLater = false;
    capability.prepare(need, (isKnown) => {
      if (!isLater && isKnown) return then(null);
      const failure = capability.failure();
      if (failure !== null) return then({ outcome: endOf(failure) });
      then(isKnown && !exchange.client.gone() ? null : { outcome: 'journal', message: UNCOUNTED });
    });
    isLater = true;
  }

  private askNow(exchange: Exchange, { request, capability }: Item, then: (reply: Reply) => void): void {
    const { service, clock, after } = this.parts;
    this.parts.before();
    const nowMs = clock.nowMs();
    let waits = true;
    const reply = (answer: Reply): void => {
      waits = false;
      then(this.handedOut(exchange, capability, request, answer));
    };
    service.request(vouchedFor(request, capability, nowMs), new RequestCaller(capability, exchange), nowMs, reply);
    if (waits) exchange.client.onGone(() => service.cancel(reply));
    after();
  }

  /** Asks several that are answered together; none of them may wait, but one that is alone. */
  askAll(exchange: Exchange, items: readonly Item[], then: (replies: readonly Reply[]) => void): void {
    if (items.length === 0) return then([]);
    if (items.length === 1) return this.ask(exchange, items[0] as Item, (reply) => then([reply]));
    const refused = items.map(({ request, capability }) => authorize(exchange, capability, request));
    const needs = new Map<Capability, Need>();
    for (const [i, { request, capability }] of items.entries())
      if (refused[i] === null) needs.set(capability, sumOf(needs.get(capability), needOf(request)));
    let left = needs.size;
    const prepared = (): void => {
      if (left === 0) this.askAllNow(exchange, items, refused, then);
    };
    if (left === 0) return prepared();
    for (const [capability, need] of needs)
      this.prepare(exchange, capability, need, (unprepared) => {
        if (unprepared !== null)
          for (const [i, item] of items.entries()) if (item.capability === capability) refused[i] ??= unprepared;
        left--;
        prepared();
      });
  }

  private askAllNow(
    exchange: Exchange,
    items: readonly Item[],
    refused: readonly (Reply | null)[],
    then: (replies: readonly Reply[]) => void,
  ): void {
    const { service, clock, after } = this.parts;
    const asked = items.filter((_, i) => refused[i] === null);
    let caller: RequestCaller | null = null;
    const batch = asked.map(({ request, capability }) => {
      if (caller?.isOf(capability) !== true) caller = new RequestCaller(capability, exchange);
      return { request, caller };
    });
    this.parts.before();
    service.batch(batch, clock.nowMs(), (replies) => {
      let next = 0;
      then(
        items.map(({ request, capability }, i) => {
          return refused[i] ?? this.handedOut(exchange, capability, request, replies[next++] as Reply);
        }),
      );
    });
    after();
  }

  /** Opens a stream, or says why not. */
  openStream(
    exchange: Exchange,
    request: StreamRequest,
    { heartbeatMs, reader }: { readonly heartbeatMs: number; readonly reader: StreamReader },
  ): void {
    const { service, clock, timers, after } = this.parts;
    const capability = exchange.capability as Capability;
    const refused = authorize(exchange, capability, { verb: 'recv', acks: request.acks });
    if (refused !== null) return reader.refused(refused);
    this.prepare(exchange, capability, { ops: 1 + request.acks.length, bytes: 0 }, (unprepared) => {
      if (unprepared !== null) return reader.refused(unprepared);
      this.parts.before();
      const writer = new StreamWriter({ service, clock, timers, heartbeatMs, exchange, capability, reader, after });
      service.stream(request, new RequestCaller(capability, exchange), clock.nowMs(), writer);
      after();
    });
  }

  /** Opens a feed, or says why not. */
  openFeed(exchange: Exchange, request: FeedRequest, { heartbeatMs, gatherMs = 0, reader }: FeedOpening): void {
    const { service, clock, timers, after } = this.parts;
    const capability = exchange.capability as Capability;
    const refused = authorizeOps(exchange, capability, FEED_OPS);
    if (refused !== null) return reader.refused(refused);
    this.prepare(exchange, capability, ONE, (unprepared) => {
      if (unprepared !== null) return reader.refused(unprepared);
      const writer = new FeedWriter({
        ...{ service, clock, timers, heartbeatMs, gatherMs },
        ...{ exchange, capability, reader, after },
      });
      service.feed(request, new RequestCaller(capability, exchange), clock.nowMs(), writer);
      after();
    });
  }

  /** Whether a look at the process itself is let in and paid for; null when it is. */
  admitLook(exchange: Exchange, then: (refused: Reply | null) => void): void {
    const capability = exchange.capability as Capability;
    const refused = authorizeOps(exchange, capability, NODE_OPS);
    if (refused !== null) return then(refused);
    this.prepare(exchange, capability, ONE, (unprepared) => then(unprepared ?? this.charged(capability)));
  }

  /** Takes one operation; null when there was one. */
  private charged(capability: Capability): Reply | null {
    const retryAfterMs = capability.charge(0, this.parts.clock.nowMs());
    return retryAfterMs > 0 ? { outcome: 'quota', retryAfterMs } : null;
  }

  /** Ends a capability at once, and says so when it will stay ended (AU3, AU4): in this order. */
  revoke(exchange: Exchange, { kind, value, note }: Revoking, then: (reply: Reply) => void): void {
    const capability = exchange.capability as Capability;
    if (!capability.allowsTopic(ADMIN_TOPIC)) {
      exchange.denied('admin', 'topic');
      return then({ outcome: 'cap_scope' });
    }
    capability.prepare(ONE, (isKnown) => {
      const failure = capability.failure();
      if (failure !== null) return then({ outcome: endOf(failure) });
      // Where nobody can say how far a quota is used: what may have leaked is ended all the same.
      const refused = isKnown ? this.charged(capability) : null;
      if (refused !== null) return then(refused);
      this.revokeNow(exchange, { kind, value, note }, then);
    });
  }

  private revokeNow(exchange: Exchange, { kind, value, note }: Revoking, then: (reply: Reply) => void): void {
    const { service, authority, clock, observer, after, tellOthers } = this.parts;
    const capability = exchange.capability as Capability;
    const atMs = clock.nowMs();
    if (!authority.revoke(kind, value)) {
      return then({ outcome: 'saturated_revocations', message: FULL[kind], retryAfterMs: REVOKE_AGAIN_MS });
    }
    const revoked: Revoked = { name: 'revoked', kind, value, atMs };
    observer.revoked?.(revoked, exchange.causeOf(capability), note);
    this.endInvalid();
    // At once: neither waits for the other, and the first that fails is the answer.
    let left = tellOthers === undefined ? 1 : 2;
    const ended = (failed: Reply | null): void => {
      if (left === 0) return;
      left = failed === null ? left - 1 : 0;
      if (left === 0) then(failed ?? { outcome: 'ok' });
    };
    service.remember(revoked, (isDurable) => ended(isDurable ? null : { outcome: 'journal' }));
    tellOthers?.(revoked, (isTold) => ended(isTold ? null : { outcome: 'journal', message: UNTOLD }));
    after();
  }

  /** Ends everything that waits under a capability that is no longer valid, responses on their way included (AU3). */
  endInvalid(): void {
    const { service, clock, after } = this.parts;
    service.endWaiting(clock.nowMs());
    for (const { holders, client } of this.unwritten) if (holders.some((holder) => !holder.isValid())) client.cut();
    after();
  }

  /** A response that hands out messages waits for its reader: cut when its capability ends, taken back when nothing of it could be written. */
  written(exchange: Exchange): void {
    const { holders, client, leased } = exchange;
    if (holders.length === 0) return;
    const entry: Unwritten = { holders, client };
    this.unwritten.add(entry);
    client.onWritten((nothing) => {
      this.unwritten.delete(entry);
      if (nothing && leased.length > 0)
        this.release(exchange, holders[0] as Capability, { outcome: 'ok', deliveries: leased });
    });
  }

  /** What a reply comes to now. */
  private handedOut(exchange: Exchange, capability: Capability, request: Request, reply: Reply): Reply {
    const { deliveries = [] } = reply;
    if (shows(reply)) {
      const ended = capability.failure();
      if (ended !== null) {
        exchange.denied(opOf(request), 'ended');
        return { outcome: endOf(ended) };
      }
      exchange.holders = [capability];
    }
    if (deliveries.length > 0) {
      const ended = capability.failure();
      if (ended !== null || exchange.client.gone()) {
        this.release(exchange, capability, reply);
        if (ended === null) return { outcome: 'ok' };
        exchange.denied('recv', 'ended');
        return { outcome: endOf(ended) };
      }
      exchange.leased = exchange.leased.length === 0 ? deliveries : [...exchange.leased, ...deliveries];
      exchange.holders = exchange.holders.length === 0 ? [capability] : [...exchange.holders, capability];
    }
    if (reply.outcome === 'cap_scope' || reply.outOfScope === true) exchange.denied(opOf(request), 'topic');
    else if (reply.outcome === 'cap_auth') {
      exchange.denied(opOf(request), 'ended');
      return { ...reply, outcome: endOf(capability.failure() ?? 'revoked') };
    }
    return reply;
  }

  private release(exchange: Exchange, capability: Capability, reply: Reply): void {
    const { service, clock, after } = this.parts;
    service.release(reply.deliveries ?? [], clock.nowMs(), new RequestCaller(capability, exchange));
    after();
  }
}

/** What a reply shows of messages is under its capability until it is written, like what is leased (AU3). */
const shows = ({ peeked, shown, topics, deadLetters }: Reply): boolean =>
  (peeked ?? shown ?? topics ?? deadLetters) !== undefined;

const FEED_OPS: readonly Op[] = ['view'];

/** Nobody waits for longer than the capability counts (RevokedProp). */
function vouchedFor(request: Request, capability: Capability, nowMs: number): Request {
  if (request.verb !== 'recv') return request;
  const waitMs = Math.min(request.waitMs, capability.vouchedForMs(nowMs));
  return waitMs < request.waitMs ? { ...request, waitMs } : request;
}

/** What a request is charged: its acks are operations, too. */
function needOf(request: Request): Need {
  if (request.verb === 'send') return { ops: 1, bytes: request.payload.byteLength };
  return request.verb === 'recv' ? { ops: 1 + request.acks.length, bytes: 0 } : ONE;
}
const sumOf = (one: Need | undefined, { ops, bytes }: Need): Need => ({
  ...{ ops: (one?.ops ?? 0) + ops, bytes: (one?.bytes ?? 0) + bytes },
});
