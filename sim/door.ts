import { ADMIN_TOPIC } from '../spec/vocabulary.ts';
import { Authority, type Capability, type Session } from '../src/auth/authorize.ts';
import type { ProcessFact } from '../src/ports.ts';
import type { Caller, Reply, Request } from '../src/service/messages.ts';
import type { Service } from '../src/service/service.ts';
import { type Call, copyId, type Exchange, OP_OF } from './call.ts';
import { headerOf, keyringOf } from './capabilities.ts';
import type { NodeParts } from './node.ts';
import type { ShardKills } from './shard-kills.ts';

/** The process behind the door, as it is at the moment. */
export interface Host {
  /** Null while the process is down. */
  readonly service: Service | null;
  readonly kills: ShardKills | null;
  /** Counts processes: an answer of one that died goes nowhere. */
  readonly generation: number;
  readonly isServing: boolean;
  /** Nothing is done until `pausedUntilMs`. */
  readonly isPaused: boolean;
  readonly pausedUntilMs: number;
  live(run: () => void): void;
  arm(): void;
}

/** The defect: a caller that is asked once. */
const deaf = (capability: Capability): Caller => ({
  allowsTopic: (topic) => capability.allowsTopic(topic),
  charge: (bytes, nowMs) => capability.charge(bytes, nowMs),
  isValid: () => true,
});

/** Where requests come into a node and answers leave it: connections, and the shipped authority. */
export class Door {
  private readonly parts: NodeParts;
  private readonly host: Host;
  private authority: Authority;
  private keys: readonly number[] = [1];
  /** What each client presented last, as a kept connection remembers it. */
  private readonly sessions = new Map<string, Session>();
  private readonly open = new Set<Exchange>();
  private readonly floods = new Set<{ readonly connections: number }>();

  constructor(parts: NodeParts, host: Host) {
    this.parts = parts;
    this.host = host;
    this.authority = new Authority(keyringOf(this.keys), parts.clock, parts.cacheTtlMs);
  }

  /** Another process: it knows of capabilities what the journal says. How far quotas were used is not noted here. */
  renew(processFacts: readonly ProcessFact[]): void {
    const { clock, cacheTtlMs } = this.parts;
    this.authority = new Authority(keyringOf(this.keys), clock, cacheTtlMs);
    for (const fact of processFacts) if (fact.name === 'revoked') this.authority.revocations.add(fact);
  }

  /** The keyring is loaded anew: capabilities of other keys are no good any more. */
  useKeys(keys: readonly number[]): void {
    this.keys = keys;
    this.authority.useKeyring(keyringOf(keys));
  }

  /** The process is gone, and its connections with it. */
  close(): void {
    this.sessions.clear();
    this.open.clear();
  }

  /** Someone opens so many idle connections; what is returned closes those that are still there. */
  flood(connections: number): () => void {
    const one = { connections };
    this.floods.add(one);
    return () => this.floods.delete(one);
  }

  /** All that were kept idle are closed. */
  endFloods(): void {
    this.floods.clear();
  }

  private get connections(): number {
    let sum = this.open.size;
    for (const { connections } of this.floods) sum += connections;
    return sum;
  }

  arrive(exchange: Exchange): void {
    const { loop } = this.parts;
    const { call, copy } = exchange;
    if (!this.host.isPaused) return this.host.live(() => this.take(exchange));
    loop.at(this.host.pausedUntilMs, 'request', copyId(call, copy), () => this.arrive(exchange));
  }

  private take(exchange: Exchange): void {
    const { loop, watch, connectionsMax } = this.parts;
    const { call, copy } = exchange;
    loop.mark('request', copyId(call, copy));
    if (this.host.service === null || !this.host.isServing || this.connections >= connectionsMax)
      return exchange.reply(null);
    const capability = this.authority.authenticate(headerOf(call.capability), this.sessionOf(call));
    if (capability === 'expired') this.parts.faults.began('expired', loop.nowMs);
    watch.arrived(this.parts.index, exchange, typeof capability === 'string' ? capability : null);
    this.open.add(exchange);
    if (typeof capability === 'string') return this.leave(exchange, { outcome: 'cap_auth' });
    const { ask } = call;
    if (!capability.allowsOp(OP_OF[ask.verb])) return this.leave(exchange, { outcome: 'cap_scope' });
    if (ask.verb === 'revoke') return this.revoke(exchange, capability, ask.nonce);
    this.serve(exchange, capability, ask);
    this.host.arm();
  }

  private sessionOf({ by }: Call): Session {
    let session = this.sessions.get(by.name);
    if (session === undefined) {
      session = this.authority.newSession();
      this.sessions.set(by.name, session);
    }
    return session;
  }

  /** As `src/http/gateway.ts` does it: a client that is gone gives back what it was leased, an ended capability gets no payload. */
  private serve(exchange: Exchange, capability: Capability, request: Request): void {
    const { service, generation } = this.host;
    const caller = this.parts.defect === 'deaf_to_revocation' ? deaf(capability) : capability;
    const answer = (reply: Reply): void => {
      if (generation !== this.host.generation) return;
      const deliveries = reply.deliveries ?? [];
      if (deliveries.length > 0 && (exchange.closed || !caller.isValid(this.parts.clock.nowMs()))) {
        this.parts.watch.released(this.parts.index, deliveries);
        service?.release(deliveries, this.parts.clock.nowMs(), caller);
        this.host.arm();
        return this.leave(exchange, { outcome: 'cap_auth' });
      }
      this.leave(exchange, reply);
    };
    // What is answered at once is looked at when the whole decision is known.
    let early: Reply | null = null;
    let deciding = true;
    const held = (reply: Reply): void => {
      if (deciding) early = reply;
      else answer(reply);
    };
    exchange.held = held;
    if (this.host.kills !== null) this.host.kills.handling = request;
    service?.request(request, caller, this.parts.clock.nowMs(), held);
    if (this.host.kills !== null) this.host.kills.handling = null;
    deciding = false;
    this.parts.watch.served(this.parts.index, exchange);
    if (early !== null) answer(early);
  }

  private revoke(exchange: Exchange, capability: Capability, nonce: string): void {
    if (!capability.allowsTopic(ADMIN_TOPIC)) return this.leave(exchange, { outcome: 'cap_scope' });
    const { generation } = this.host;
    this.authority.revoke('nonce', nonce);
    this.parts.faults.began('revoke', this.parts.loop.nowMs);
    this.parts.watch.revoked(this.parts.index, nonce);
    if (this.parts.defect !== 'deaf_to_revocation') this.host.service?.endWaiting(this.parts.clock.nowMs());
    const fact = { name: 'revoked', kind: 'nonce', value: nonce, atMs: this.parts.clock.nowMs() } as const;
    this.host.service?.remember(fact, (durable) => {
      if (generation === this.host.generation) this.leave(exchange, { outcome: durable ? 'ok' : 'journal' });
    });
    this.host.arm();
  }

  /** A reply leaves the process, unless nobody is there to take it. */
  private leave(exchange: Exchange, reply: Reply): void {
    if (!this.open.delete(exchange)) return;
    exchange.held = null;
    if (exchange.closed) return this.parts.faults.began('gone', this.parts.loop.nowMs);
    this.parts.watch.replied(this.parts.index, exchange, reply);
    exchange.reply(reply);
  }

  /** The client closed its connection. */
  hangUp(exchange: Exchange): void {
    const { loop } = this.parts;
    const { call, copy } = exchange;
    if (this.host.isPaused) {
      return loop.at(this.host.pausedUntilMs, 'hangup', copyId(call, copy), () => this.hangUp(exchange));
    }
    if (!this.open.delete(exchange)) return;
    loop.mark('hangup', copyId(call, copy));
    this.parts.watch.hungUp();
    exchange.closed = true;
    if (call.ask.verb !== 'recv' && call.ask.verb !== 'reprocess') return;
    const { held } = exchange;
    if (held !== null) this.host.live(() => this.host.service?.cancel(held));
  }
}
