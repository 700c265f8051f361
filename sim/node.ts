import { Authority, type Capability, type Session } from '../src/auth/authorize.ts';
import type { Limits } from '../src/core/limits.ts';
import { replay } from '../src/core/replay.ts';
import type { Batch, Random } from '../src/ports.ts';
import type { Caller, Reply, Request } from '../src/service/messages.ts';
import { Service } from '../src/service/service.ts';
import { type Call, copyId, type Exchange, OP_OF } from './call.ts';
import { headerOf, keyringOf } from './capabilities.ts';
import type { NodeClock } from './clock.ts';
import type { Disk } from './disk.ts';
import type { FaultLog } from './fault-log.ts';
import { integrity } from './integrity.ts';
import { type Loop, RECORDS } from './loop.ts';
import type { Watch } from './watch.ts';

/** Deliberate defects of the world around the shipped code, so that negative schedules can prove that the checkers see them. */
export const DEFECTS = ['reply_before_sync', 'forget_acks', 'stuck_clock', 'deaf_to_revocation'] as const;
export type Defect = (typeof DEFECTS)[number];

/** So that the timers of all nodes have ids of their own. */
const NODES_MAX = 16;

/** The defect: a caller that is asked once. */
const deaf = (capability: Capability): Caller => ({
  allowsTopic: (topic) => capability.allowsTopic(topic),
  charge: (bytes, nowMs) => capability.charge(bytes, nowMs),
  isValid: () => true,
});

export interface NodeParts {
  readonly index: number;
  readonly loop: Loop;
  readonly clock: NodeClock;
  readonly disk: Disk;
  readonly random: Random;
  readonly watch: Watch;
  readonly faults: FaultLog;
  readonly limits: Limits;
  readonly cacheTtlMs: number;
  readonly connectionsMax: number;
  readonly defect: Defect | null;
}

/** A mailbox process: the shipped service and authority over simulated clocks, disk and network. A crash loses it. */
export class MailboxNode {
  readonly index: number;
  readonly clock: NodeClock;
  readonly authority: Authority;
  private readonly parts: NodeParts;
  private service: Service | null = null;
  /** What each client presented last, as a kept connection remembers it. */
  private sessions = new Map<string, Session>();
  private open = new Set<Exchange>();
  private flood = 0;
  private generation = 0;
  private wakeAtMs = Number.POSITIVE_INFINITY;
  private wakes = 0;
  private pausedUntilMs = -1;
  private isGone = false;

  constructor(parts: NodeParts) {
    this.parts = parts;
    this.index = parts.index;
    this.clock = parts.clock;
    // Revocations outlive a restart here; the server's list lives in its process until the journal holds it.
    this.authority = new Authority(keyringOf([1]), parts.clock, parts.cacheTtlMs);
  }

  get isUp(): boolean {
    return this.service !== null;
  }

  get inflight(): number {
    return this.service?.inflight ?? 0;
  }

  // ---- the process

  start(): void {
    if (this.service !== null || this.isGone) return;
    const { disk, limits, defect, watch, loop, random } = this.parts;
    loop.record(RECORDS.start, this.index, this.generation);
    this.clock.anchor();
    if (defect === 'stuck_clock') this.clock.freeze(true);
    const shards = disk.durable.map((facts, shard) =>
      replay(shard, limits, defect === 'forget_acks' ? facts.filter((fact) => fact.name !== 'acked') : facts),
    );
    watch.started(this.index, shards, this.generation === 0);
    this.service = new Service({
      shards,
      random,
      integrity,
      observer: { fact: (shard, fact) => watch.fact(this.index, shard, fact) },
      effects: { append: (batches) => this.append(batches) },
    });
    this.service.start(this.clock.nowMs());
    this.arm();
  }

  /** The process dies at once. Whatever the disk had under way may or may not have been written. */
  crash(): void {
    if (this.service === null) return;
    const { loop, disk, watch } = this.parts;
    loop.record(RECORDS.crash, this.index, this.generation);
    this.service = null;
    this.generation++;
    this.wakeAtMs = Number.POSITIVE_INFINITY;
    this.sessions.clear();
    this.open.clear();
    for (const { shard, facts } of disk.crash()) watch.synced(this.index, shard, facts);
    watch.crashed(this.index);
  }

  /** Stops taking sends and ends what waits; `exit` is called when `forMs` have passed and the process is gone. */
  drain(forMs: number, exit: () => void): void {
    const { service, generation } = this;
    if (service === null) return;
    this.parts.watch.draining(this.index);
    service.refuseWrites('draining');
    service.endWaiting(this.clock.nowMs(), true);
    this.parts.loop.after(forMs, 'end', this.timerId(), () => {
      if (generation !== this.generation) return;
      this.crash();
      exit();
    });
  }

  /** Nothing is done until `forMs` have passed; what comes meanwhile waits at the door. */
  pause(forMs: number): void {
    this.pausedUntilMs = Math.max(this.pausedUntilMs, this.parts.loop.nowMs + forMs);
  }

  private get isPaused(): boolean {
    return this.parts.loop.nowMs < this.pausedUntilMs;
  }

  /** The keyring is loaded anew: capabilities of other keys are no good any more. */
  useKeys(keys: readonly number[]): void {
    this.authority.keyring = keyringOf(keys);
    this.parts.watch.rekeyed(this.index, keys);
    this.service?.endWaiting(this.clock.nowMs());
    this.arm();
  }

  /** The faults are over: up, awake, on time, with all keys. */
  settle(keys: readonly number[]): void {
    this.pausedUntilMs = -1;
    this.flood = 0;
    this.clock.drift(1);
    this.clock.freeze(this.parts.defect === 'stuck_clock');
    this.start();
    this.useKeys(keys);
    this.clockChanged();
  }

  /** The machine never comes back. */
  vanish(): void {
    this.crash();
    this.isGone = true;
  }

  // ---- the journal

  private append(batches: readonly Batch[]): void {
    const { service, generation } = this;
    const { disk, watch, loop, defect } = this.parts;
    const hear = (): void => {
      if (generation !== this.generation) return;
      if (this.isPaused) return loop.at(this.pausedUntilMs, 'sync', this.timerId(), hear);
      service?.durable();
      this.arm();
    };
    disk.append(batches, () => {
      loop.mark('sync', this.index);
      for (const { shard, facts } of batches) watch.synced(this.index, shard, facts);
      if (defect !== 'reply_before_sync') hear();
    });
    // The defect: what must wait for the sync does not.
    if (defect === 'reply_before_sync') loop.after(0, 'wake', this.timerId(), hear);
  }

  // ---- time

  private timerId(): number {
    return ++this.wakes * NODES_MAX + this.index;
  }

  private tick(): void {
    this.service?.tick(this.clock.nowMs());
    this.arm();
  }

  /** Asks for a wake-up when the service needs one earlier than the one that is coming. */
  private arm(): void {
    const { service, generation } = this;
    const { loop, watch } = this.parts;
    if (service === null) return;
    const dueMs = service.nextWakeMs();
    if (dueMs >= this.wakeAtMs) return;
    const delayMs = this.clock.untilMs(dueMs);
    if (delayMs === Number.POSITIVE_INFINITY) return;
    this.wakeAtMs = dueMs;
    const id = this.timerId();
    const wake = (): void => {
      if (generation !== this.generation || this.wakeAtMs !== dueMs) return;
      if (this.isPaused) return loop.at(this.pausedUntilMs, 'wake', id, wake);
      loop.mark('wake', this.index);
      watch.ticked();
      this.wakeAtMs = Number.POSITIVE_INFINITY;
      this.tick();
    };
    loop.after(delayMs, 'wake', id, wake);
  }

  /** The clock runs differently from now on: wake-ups are planned anew. */
  clockChanged(): void {
    this.wakeAtMs = Number.POSITIVE_INFINITY;
    this.arm();
  }

  // ---- requests

  /** Idle connections that someone keeps open. */
  floodBy(connections: number): void {
    this.flood += connections;
  }

  arrive(exchange: Exchange): void {
    const { loop, watch, connectionsMax } = this.parts;
    const { call, copy } = exchange;
    if (this.isPaused) {
      return loop.at(this.pausedUntilMs, 'request', copyId(call, copy), () => this.arrive(exchange));
    }
    loop.mark('request', copyId(call, copy));
    if (this.service === null || this.open.size + this.flood >= connectionsMax) return exchange.reply(null);
    const capability = this.authority.authenticate(headerOf(call.capability), this.sessionOf(call));
    if (capability === 'expired') this.parts.faults.began('expired', loop.nowMs);
    watch.arrived(this.index, exchange, typeof capability === 'string' ? capability : null);
    this.open.add(exchange);
    if (typeof capability === 'string') return this.leave(exchange, { outcome: 'cap_auth' });
    const { ask } = call;
    if (!capability.allowsOp(OP_OF[ask.verb])) return this.leave(exchange, { outcome: 'cap_scope' });
    if (ask.verb === 'revoke') return this.revoke(exchange, capability, ask.nonce);
    this.serve(exchange, capability, ask);
    this.arm();
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
    const { service, generation } = this;
    const caller = this.parts.defect === 'deaf_to_revocation' ? deaf(capability) : capability;
    const answer = (reply: Reply): void => {
      if (generation !== this.generation) return;
      const deliveries = reply.deliveries ?? [];
      if (deliveries.length > 0 && (exchange.closed || !caller.isValid(this.clock.nowMs()))) {
        this.parts.watch.released(this.index, deliveries);
        service?.release(deliveries, this.clock.nowMs());
        this.arm();
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
    service?.request(request, caller, this.clock.nowMs(), held);
    deciding = false;
    this.parts.watch.served(this.index, exchange);
    if (early !== null) answer(early);
  }

  private revoke(exchange: Exchange, capability: Capability, nonce: string): void {
    if (!capability.allowsTopic('mailbox.admin')) return this.leave(exchange, { outcome: 'cap_scope' });
    this.authority.revoke('nonce', nonce);
    this.parts.faults.began('revoke', this.parts.loop.nowMs);
    this.parts.watch.revoked(this.index, nonce);
    if (this.parts.defect !== 'deaf_to_revocation') this.service?.endWaiting(this.clock.nowMs());
    this.leave(exchange, { outcome: 'ok' });
    this.arm();
  }

  /** A reply leaves the process, unless nobody is there to take it. */
  private leave(exchange: Exchange, reply: Reply): void {
    if (!this.open.delete(exchange)) return;
    exchange.held = null;
    if (exchange.closed) return this.parts.faults.began('gone', this.parts.loop.nowMs);
    this.parts.watch.replied(this.index, exchange, reply);
    exchange.reply(reply);
  }

  /** The client closed its connection. */
  hangUp(exchange: Exchange): void {
    const { loop } = this.parts;
    const { call, copy } = exchange;
    if (this.isPaused) {
      return loop.at(this.pausedUntilMs, 'hangup', copyId(call, copy), () => this.hangUp(exchange));
    }
    if (!this.open.delete(exchange)) return;
    loop.mark('hangup', copyId(call, copy));
    this.parts.watch.hungUp();
    exchange.closed = true;
    if (call.ask.verb !== 'recv' && call.ask.verb !== 'reprocess') return;
    if (exchange.held !== null) this.service?.cancel(exchange.held);
  }
}
