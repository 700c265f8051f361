import type { Authority } from '../src/auth/authorize.ts';
import type { Limits } from '../src/core/limits.ts';
import type { ShardState } from '../src/core/state.ts';
import { EmbeddedJournal } from '../src/journal/embedded.ts';
import { compact } from '../src/journal/snapshot.ts';
import { runLater } from '../src/journal/steps.ts';
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

/** Real hashes would cost more than everything else together; this one notices any change of these few bytes. */
function fnv(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash >>> 0;
}
const payloadHashOf = (payload: Uint8Array): string => `b3:${fnv(payload).toString(16).padStart(64, '0')}`;
const integrity: Integrity = {
  payloadHashOf,
  hashChainOf: (_topic, _sentAtMs, _idemKey, payloadHash) => payloadHash,
};

const frameHashOf = (frame: Uint8Array): Uint8Array => new Uint8Array(new Uint32Array(8).fill(fnv(frame)).buffer);
const RECOVERING = { hash: frameHashOf, payloadHashOf };
/** Small, so that segments fill and snapshots are made within a schedule. */
const SEGMENT_BYTES = 64 * 1024;
const INLINE_BYTES_MAX = 1024;
const SALT_BYTES = 16;

/** Wall time when a simulation begins; any value does. */
const EPOCH_MS = 1_800_000_000_000;

/** A journal that loses acks. */
const withoutAcks = (batch: Batch): Batch =>
  batch.shard === null ? batch : { ...batch, facts: batch.facts.filter(({ name }) => name !== 'acked') };

/** A mailbox process: the shipped service over a simulated disk. A crash loses it, a restart replays the disk. */
export class MailboxNode implements Clock {
  private service: Service | null = null;
  private readonly loop: Loop;
  private readonly disk: Disk;
  private readonly random: Stream;
  private readonly checker: LifecycleChecker;
  private readonly limits: Limits;
  private readonly shardCount: number;
  private readonly defect: Defect | null;
  private journal: EmbeddedJournal | null = null;
  /** Appended, and not known to be durable. */
  private inDoubt: readonly Batch[] = [];
  private appends = 0;
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
    readonly shards: number;
    readonly defect: Defect | null;
  }) {
    this.loop = parts.loop;
    this.disk = parts.disk;
    this.random = parts.random;
    this.checker = parts.checker;
    this.limits = parts.limits;
    this.shardCount = parts.shards;
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
    const shards = this.open();
    this.service = new Service({
      shards,
      random: this.random,
      integrity,
      observer: this.checker,
      effects: { append: (batches) => this.append(batches) },
    });
    const { epoch } = this.journal as EmbeddedJournal;
    const { limits, shardCount } = this;
    this.service.start(this.nowMs(), { name: 'started', atMs: this.nowMs(), epoch, shards: shardCount, limits });
    this.arm();
  }

  /** The shipped recovery over what the disk holds. */
  private open(): readonly ShardState[] {
    const { disk, generation } = this;
    this.journal = new EmbeddedJournal({
      storage: disk,
      recovering: RECOVERING,
      segmentBytes: SEGMENT_BYTES,
      inlineBytesMax: INLINE_BYTES_MAX,
      freshSalt: () => new Uint8Array(SALT_BYTES).map(() => this.random.below(256)),
      compactor: (upTo, done) => runLater(disk, compact(disk, upTo, RECOVERING), done),
      events: {
        room: (enough) => {
          if (generation === this.generation) this.service?.refuseWrites(enough ? null : 'degraded_writes');
        },
        compacted: () => this.checker.count('snapshots'),
        compactionFailed: (error) => {
          throw error;
        },
      },
    });
    const { recovered } = this.journal;
    const found = recovered?.replica.shards ?? [];
    const shards = found.length > 0 ? found : Service.empty(this.shardCount, this.limits);
    // The append under way when the process died is a frame: it is there whole or not at all.
    if ((recovered?.tail.sequence ?? 0) > this.appends) this.synced(this.inDoubt);
    this.inDoubt = [];
    this.appends = recovered?.tail.sequence ?? 0;
    if (this.generation > 0) this.checker.recovered(shards);
    return shards;
  }

  private synced(batches: readonly Batch[]): void {
    for (const { shard, facts } of batches) if (shard !== null) for (const fact of facts) this.checker.synced(fact);
  }

  private append(batches: readonly Batch[]): void {
    const { service, generation } = this;
    this.inDoubt = batches;
    const done = (error: Error | null): void => {
      if (generation !== this.generation) return;
      if (error !== null) return service?.journalFailed();
      this.inDoubt = [];
      this.appends++;
      this.synced(batches);
      if (this.defect !== 'reply_before_sync') service?.durable();
      this.arm();
    };
    const written = this.defect === 'forget_acks' ? batches.map(withoutAcks) : batches;
    this.journal?.append(written, done);
    // The defect: what must wait for the sync does not.
    if (this.defect === 'reply_before_sync') this.loop.after(0, 'wake', 0, () => service?.durable());
  }

  /** The process dies at once. Whatever the disk had under way may or may not have been written. */
  crash(): void {
    if (this.service === null) return;
    this.service = null;
    this.generation++;
    this.wakeAtMs = Number.POSITIVE_INFINITY;
    // The process only, or the machine with what was in its caches.
    if (this.random.chance(0.5)) this.disk.kill();
    else this.disk.crash({ keeps: () => this.random.chance(0.5) }, this.random.below(this.disk.unsyncedNames + 1));
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
