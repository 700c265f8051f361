import { createHash } from 'node:crypto';
import { Disk, type DiskOptions } from '../../sim/disk.ts';
import { Stream } from '../../sim/random.ts';
import { apply } from '../../src/core/apply.ts';
import type { Command } from '../../src/core/commands.ts';
import { due } from '../../src/core/due.ts';
import { execute } from '../../src/core/execute.ts';
import type { Fact } from '../../src/core/facts.ts';
import { imagesOf } from '../../src/core/image.ts';
import type { Limits } from '../../src/core/limits.ts';
import { ShardState } from '../../src/core/state.ts';
import { Writer } from '../../src/journal/bytes.ts';
import { EmbeddedJournal } from '../../src/journal/embedded.ts';
import { runLater } from '../../src/journal/file-work.ts';
import { writeRecord } from '../../src/journal/record.ts';
import { type Recovered, type RecoverOptions, recover } from '../../src/journal/recover.ts';
import { compact } from '../../src/journal/snapshot.ts';
import type { Batch } from '../../src/ports/journal.ts';
import type { Storage, StorageOp } from '../../src/ports/storage.ts';
import { limitsOf, sendOf } from './shard.ts';

export const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
export const hashOf = (payload: Uint8Array): string => `b3:${Buffer.from(sha256(payload)).toString('hex')}`;
export const RECOVERING: RecoverOptions = { hash: sha256, payloadHashOf: hashOf };
export const SALT = new Uint8Array(16).fill(5);
export const LIMITS = limitsOf({ maxAttempts: 3, tReplayMs: 300, settledCapacity: 20, dlqMaxPerTopic: 3 });
const SHARDS = 2;
/** What the wall clock shows more than the service clock. */
const WALL_AHEAD_MS = 3_600_000;
/** Messages a shard is kept at. */
const DEPTH = 12;
/** Small, so that payloads in files of their own are common. */
const INLINE_BYTES_MAX = 200;

/** What shards hold, in short: equal when they are. Where a message stands in a heap says no more than its times do. */
export function digestOf(shards: readonly ShardState[]): string {
  const w = new Writer();
  for (const shard of shards) {
    for (const image of imagesOf(shard)) {
      const placeless =
        image.name === 'message' ? { ...image, message: Object.create(image.message, PLACELESS) } : image;
      writeRecord(w, shard.shard, placeless);
    }
  }
  const depth = shards.map((shard) => `${shard.depth}+${shard.dead.size}`).join(' ');
  return `${depth} ${hashOf(w.buffer.subarray(0, w.length)).slice(3, 15)}`;
}
const PLACELESS = { place: { value: 0 }, ttlPlace: { value: 0 } };

/** The first append of a process, and what it does to the shards. */
export function takenOver(shards: readonly ShardState[], term: number, atMs: number, limits: Limits): Batch[] {
  const batches: Batch[] = [{ shard: null, facts: [{ name: 'started', atMs, term, shards: shards.length, limits }] }];
  for (const shard of shards) {
    if (shard.nowMs === 0) continue;
    const fact = { name: 'recovered', atMs } as const;
    apply(shard, fact);
    batches.push({ shard: shard.shard, facts: [fact] });
  }
  return batches;
}

/** More than any test does in one go. */
const OPS_MAX = 1_000_000;

/** Ops of a disk that wait to be done. */
export class Queue {
  private readonly waiting: (() => void)[] = [];
  readonly schedule = (_op: StorageOp, run: () => void): void => {
    this.waiting.push(run);
  };

  /**
   * Runs what waits and what comes of it, in an order that `random` chooses, until nothing does or `enough` says so.
   * @throws Error where that has no end
   */
  run(random?: Stream, enough: () => boolean = () => false): void {
    for (let ops = 0; this.waiting.length > 0 && !enough(); ops++) {
      if (ops === OPS_MAX)
        throw new Error(`the disk still has work to do after ${OPS_MAX} ops: it goes round in circles`);
      const at = random === undefined ? 0 : random.below(this.waiting.length);
      (this.waiting.splice(at, 1)[0] as () => void)();
    }
  }

  clear(): void {
    this.waiting.length = 0;
  }
}

/** A journal on a simulated disk, with shards whose facts it keeps: what was appended, what was said to be durable. */
export class JournalBench {
  readonly queue = new Queue();
  readonly random: Stream;
  disk: Disk;
  journal!: EmbeddedJournal;
  shards: ShardState[] = [];
  /** The same, knowing the facts only: a live shard also knows how time passes without any. */
  mirror: ShardState[] = [];
  /** The state after each append, the first before any. */
  readonly states: string[] = [];
  /** How many appends were durable. */
  durable = 0;
  readonly events: string[] = [];
  readonly segmentBytes: number;
  /** What a service makes of the journal's word about space. */
  takesSends = true;
  private readonly heedsRoom: boolean;
  private readonly historyBytes: number;
  /** The state after each append is not asked for: it takes longer than the append. */
  private readonly isQuick: boolean;
  private nowMs = 1_000_000;
  private drawn = 0;

  constructor(
    seed: number,
    options: Partial<DiskOptions> & {
      segmentBytes?: number;
      heedsRoom?: boolean;
      isQuick?: boolean;
      historyBytes?: number;
    } = {},
  ) {
    this.isQuick = options.isQuick ?? false;
    this.historyBytes = options.historyBytes ?? 0;
    this.heedsRoom = options.heedsRoom ?? true;
    this.random = new Stream(seed, 'journal bench');
    this.disk = new Disk({ schedule: this.queue.schedule, ...options });
    this.segmentBytes = options.segmentBytes ?? 8192;
  }

  /** Opens what is on the disk and takes it over, as a process does. */
  open(more: Partial<RecoverOptions> = {}): this {
    const recovering = { ...RECOVERING, ...more };
    this.takesSends = true;
    this.journal = new EmbeddedJournal({
      storage: this.disk,
      recovering,
      segmentBytes: this.segmentBytes,
      historyBytes: this.historyBytes,
      inlineBytesMax: INLINE_BYTES_MAX,
      freshSalt: () => SALT,
      compactor: (covered, done) => runLater(this.disk as Storage, compact(this.disk, covered, recovering), done),
      events: {
        room: (lack) => {
          this.takesSends = lack === null || !this.heedsRoom;
          this.events.push(`room ${lack ?? 'again'}`);
        },
        compacted: ({ sequence }) => this.events.push(`compacted ${sequence}`),
        compactionFailed: (error) => this.events.push(`compaction failed ${error.message}`),
      },
    });
    this.shards = this.found(this.journal.recovered);
    const again = recover(this.disk, recovering);
    this.mirror = this.found(again.kind === 'recovered' ? again : null);
    return this;
  }

  private found(recovered: Recovered | null): ShardState[] {
    const shards = recovered?.replica.shards ?? [];
    return shards.length > 0 ? shards : Array.from({ length: SHARDS }, (_, i) => new ShardState(i, LIMITS));
  }

  /** What the disk says now, or why it is refused. */
  look(more: Partial<RecoverOptions> = {}): string {
    const found = recover(this.disk, { ...RECOVERING, ...more });
    if (found.kind === 'recovered') return digestOf(this.found(found));
    return found.kind === 'empty' ? digestOf(this.found(null)) : `refused: ${found.file} at ${found.at}: ${found.why}`;
  }

  /** The first append of a process. */
  start(): void {
    this.append([this.clocks(), ...takenOver(this.shards, this.journal.term, this.nowMs, LIMITS)]);
  }

  /** As every append of a process begins. */
  private clocks(): Batch {
    const before = this.journal.recovered?.replica.clocks?.serviceMs ?? 0;
    const serviceMs = Math.max(this.nowMs, before, ...this.shards.map(({ nowMs }) => nowMs));
    return { shard: null, facts: [{ name: 'clocks', serviceMs, wallMs: serviceMs + WALL_AHEAD_MS }] };
  }

  /** One append of a few decisions. */
  step(decisions = 1 + this.random.below(4), payloadBytes = 40): void {
    const batches: Batch[] = [];
    for (let tries = 0; batches.length < decisions && tries < 1000; tries++) {
      const shard = this.shards[this.random.below(SHARDS)] as ShardState;
      const facts = this.decide(shard, payloadBytes);
      if (facts.length > 0) batches.push({ shard: shard.shard, facts });
    }
    this.append([this.clocks(), ...batches]);
  }

  /** One command, decided and appended. */
  run(shard: number, command: Command): readonly Fact[] {
    const { facts } = execute(this.shards[shard] as ShardState, command);
    this.append([{ shard, facts }]);
    this.queue.run();
    return facts;
  }

  /** What a process does every second. */
  tick(nowMs = this.nowMs): void {
    this.journal.retry(nowMs);
  }

  append(batches: readonly Batch[], then: (error: Error | null) => void = () => {}): void {
    for (const batch of batches) {
      if (batch.shard === null) continue;
      for (const fact of batch.facts) apply(this.mirror[batch.shard] as ShardState, fact);
    }
    this.states.push(this.isQuick ? '' : digestOf(this.mirror));
    this.journal.append(batches, (error) => {
      if (error === null) this.durable++;
      else this.events.push(`failed ${error.message}`);
      then(error);
    });
  }

  private decide(shard: ShardState, payloadBytes: number): readonly Fact[] {
    const { random } = this;
    this.nowMs += random.below(20);
    const atMs = this.nowMs;
    const topic = `t${random.below(2)}`;
    const overdue = shard.nowMs < atMs ? null : due(shard, 0);
    const leased = shard.leases.values();
    const { msgId, receipt } = leased[random.below(Math.max(1, leased.length))] ?? { msgId: '', receipt: '' };
    const roll = this.takesSends && shard.depth < DEPTH ? random.below(10) : 4 + random.below(6);
    let command: Command;
    if (overdue !== null) command = overdue;
    else if (roll < 4) {
      const payload = new Uint8Array(random.below(payloadBytes + 1)).map(() => random.below(256));
      const payloadHash = hashOf(payload);
      const attrs = roll === 0 ? { kind: 'ü' } : {};
      command = sendOf(atMs, topic, `k${++this.drawn}`, { payload, payloadHash, hashChain: payloadHash, attrs });
    } else if (roll < 7) {
      const bytesMax = Number.POSITIVE_INFINITY;
      const token = random.token(16);
      command = {
        name: 'recv',
        atMs,
        topic,
        receipt: token,
        visibilityMs: 50,
        bytesMax,
        inflightElsewhere: 0,
        tenantInflightElsewhere: 0,
      };
    } else if (roll < 9) command = { name: 'ack', atMs, msgId, receipt: receipt as string };
    else {
      const nack = { reason: null, retryAfterMs: null, deadLetter: random.chance(0.5), damaged: false };
      command = { name: 'nack', atMs, msgId, receipt: receipt as string, jitter: 0.5, ...nack };
    }
    return execute(shard, command).facts;
  }
}

/**
 * Writes this log, append by append, with a journal on a simulated disk, lets the machine stop with nothing unsynced kept, and
 * recovers: the first shard it says there is, null for an empty log. @throws Error
 */
export function recoveredFrom(log: readonly (readonly Batch[])[]): ShardState | null {
  if (log.length === 0) return null;
  const queue = new Queue();
  const disk = new Disk({ schedule: queue.schedule });
  const journal = new EmbeddedJournal({
    storage: disk,
    recovering: RECOVERING,
    segmentBytes: 8192,
    freshSalt: () => SALT,
    compactor: () => {},
    events: { room: () => {}, compacted: () => {}, compactionFailed: () => {} },
  });
  for (const batches of log) {
    let durable = false;
    journal.append(batches, (error) => {
      durable = error === null;
    });
    queue.run();
    if (!durable) throw new Error('an append that is not durable');
  }
  disk.crash({ keeps: () => false });
  const found = recover(disk, RECOVERING);
  if (found.kind !== 'recovered') throw new Error(`the log is ${found.kind}`);
  return found.replica.shards[0] ?? null;
}
