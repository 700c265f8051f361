import type { Authority } from '../src/auth/authorize.ts';
import type { Limits } from '../src/core/limits.ts';
import { replay } from '../src/core/replay.ts';
import type { Batch, Clock, Integrity } from '../src/ports.ts';
import type { Reply, Request } from '../src/service/messages.ts';
import { Service } from '../src/service/service.ts';
import type { LifecycleChecker } from './checkers/lifecycle.ts';
import type { Disk } from './disk.ts';
import type { Loop } from './loop.ts';
import type { Stream } from './random.ts';

/** Deliberate defects of a node, so that negative schedules can prove that the checkers see them. */
export const DEFECTS = ['reply_before_sync', 'forget_acks'] as const;
export type Defect = (typeof DEFECTS)[number];

/** Real hashes would cost more than everything else together; this one notices any change of these small payloads. */
const integrity: Integrity = {
  payloadHashOf: (payload) => {
    let hash = 0x811c9dc5;
    for (let i = 0; i < payload.length; i++) hash = Math.imul(hash ^ payload[i]!, 0x01000193);
    return `b3:${(hash >>> 0).toString(16).padStart(64, '0')}`;
  },
  hashChainOf: (_topic, _sentAtMs, _idemKey, payloadHash) => payloadHash,
};

/** Wall time when a simulation begins; any value does. */
const EPOCH_MS = 1_800_000_000_000;

/** A mailbox process: the shipped service over a simulated disk. A crash loses it, a restart replays the disk. */
export class MailboxNode implements Clock {
  private service: Service | null = null;
  private readonly loop: Loop;
  private readonly disk: Disk;
  private readonly random: Stream;
  private readonly checker: LifecycleChecker;
  private readonly limits: Limits;
  private readonly defect: Defect | null;
  private authority: Authority | null = null;
  private clockOffsetMs = 0;
  /** A step of the wall clock that the next start will see (TM1). */
  private stepMs = 0;
  private generation = 0;
  private wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(parts: {
    readonly loop: Loop;
    readonly disk: Disk;
    readonly random: Stream;
    readonly checker: LifecycleChecker;
    readonly limits: Limits;
    readonly defect: Defect | null;
  }) {
    this.loop = parts.loop;
    this.disk = parts.disk;
    this.random = parts.random;
    this.checker = parts.checker;
    this.limits = parts.limits;
    this.defect = parts.defect;
    this.checker.inflight = () => this.service?.inflight ?? 0;
  }

  useAuthority(authority: Authority): void {
    this.authority = authority;
  }

  nowMs(): number {
    return EPOCH_MS + this.loop.nowMs + this.clockOffsetMs;
  }
  wallMs(): number {
    return this.nowMs();
  }

  get isUp(): boolean {
    return this.service !== null;
  }

  start(): void {
    if (this.service !== null) return;
    this.clockOffsetMs += this.stepMs;
    this.stepMs = 0;
    const shards = this.disk.durable.map((facts, shard) => {
      const kept = this.defect === 'forget_acks' ? facts.filter((fact) => fact.name !== 'acked') : facts;
      return replay(shard, this.limits, kept);
    });
    if (this.generation > 0) this.checker.recovered(shards);
    this.service = new Service({
      shards,
      random: this.random,
      integrity,
      observer: this.checker,
      effects: { append: (batches) => this.append(batches) },
    });
    this.service.start(this.nowMs());
    this.arm();
  }

  private append(batches: readonly Batch[]): void {
    const { service, generation } = this;
    const done = (): void => {
      for (const { facts } of batches) for (const fact of facts) this.checker.synced(fact);
      if (this.defect === 'reply_before_sync' || generation !== this.generation) return;
      service?.durable();
      this.arm();
    };
    this.disk.append(batches, done);
    // The defect: what must wait for the sync does not.
    if (this.defect === 'reply_before_sync') this.loop.after(0, 'wake', 0, () => service?.durable());
  }

  /** The process dies at once. Whatever the disk had under way may or may not have been written. */
  crash(): void {
    if (this.service === null) return;
    this.service = null;
    this.generation++;
    this.wakeAtMs = Number.POSITIVE_INFINITY;
    for (const fact of this.disk.crash()) this.checker.synced(fact);
  }

  /** The wall clock is set; the running process does not notice, the next start does. */
  stepClock(byMs: number): void {
    this.stepMs += byMs;
  }

  /** One request from the network; `reply` is called at most once, and never after a crash. */
  request(token: string, request: Request, reply: (reply: Reply) => void): void {
    const { service, generation } = this;
    if (service === null || this.authority === null) return;
    const capability = this.authority.authenticate(`Bearer ${token}`);
    if (typeof capability === 'string') return reply({ outcome: 'cap_auth' });
    service.request(request, capability, this.nowMs(), (answer) => {
      if (generation !== this.generation) return;
      this.checker.replied(request, answer);
      reply(answer);
    });
    this.arm();
  }

  /** A recv whose client was gone before the first byte (LE7). */
  release(reply: Reply): void {
    if (reply.deliveries === undefined || reply.deliveries.length === 0) return;
    this.service?.release(reply.deliveries, this.nowMs());
    this.arm();
  }

  /** Asks for a wake-up when the service needs one earlier than the one that is coming. */
  private arm(): void {
    const { service, generation } = this;
    if (service === null) return;
    const dueMs = service.nextWakeMs();
    if (dueMs >= this.wakeAtMs || dueMs === Number.POSITIVE_INFINITY) return;
    this.wakeAtMs = dueMs;
    this.loop.after(Math.max(0, dueMs - this.nowMs()), 'wake', 1, () => {
      if (generation !== this.generation || this.wakeAtMs !== dueMs) return;
      this.wakeAtMs = Number.POSITIVE_INFINITY;
      service.tick(this.nowMs());
      this.arm();
    });
  }

  revoke(nonce: string): void {
    this.authority?.revoke('nonce', nonce);
    this.service?.endWaiting(this.nowMs());
  }
}
