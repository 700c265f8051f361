import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Disk } from '../../sim/disk.ts';
import type { Command } from '../../src/core/commands.ts';
import { execute } from '../../src/core/execute.ts';
import type { MessageFact } from '../../src/core/facts.ts';
import { imagesOf } from '../../src/core/image.ts';
import { ShardState } from '../../src/core/state.ts';
import { integrity } from '../../src/integrity/hash-chain.ts';
import { RECOVERING } from '../../src/journal/durable.ts';
import { EmbeddedJournal } from '../../src/journal/embedded.ts';
import { runLater } from '../../src/journal/file-work.ts';
import { PAYLOADS } from '../../src/journal/layout.ts';
import { recover } from '../../src/journal/recover.ts';
import type { Replica } from '../../src/journal/replica.ts';
import { compact } from '../../src/journal/snapshot.ts';
import type { Batch } from '../../src/ports/journal.ts';
import { Queue, takenOver } from './journal.ts';
import { limitsOf } from './shard.ts';

const LIMITS = limitsOf({ maxAttempts: 2, dlqMaxPerTopic: 3, tReplayMs: 60_000 });
const SHARDS = 2;
const SEGMENT_BYTES = 16_384;
const INLINE_BYTES_MAX = 1000;
/** What the wall clock shows more than the service clock. */
export const WALL_AHEAD_MS = 86_400_000;

/** What a journal says, as JSON: everything but where things stand in heaps. */
export function storyOf(replica: Replica): object {
  const { shards, term, limits } = replica;
  const told = shards.map((shard) =>
    [...imagesOf(shard)].map((image) => {
      if (image.name !== 'message') return image;
      const { msgId, state, attempt, epoch, redrives, releases, receipt, idemKey, payloadHash, hashChain, attrs } =
        image.message;
      const { corrId, visibilityMs, deadReason, lastError, timerAtMs, leaseEndsMs, ttlAtMs, readyAtMs, idemUntilMs } =
        image.message;
      return {
        ...{ topic: image.topic, at: image.at, msgId, state, attempt, epoch, redrives, releases, receipt, idemKey },
        ...{ payloadHash, hashChain, attrs, corrId, visibilityMs, deadReason, lastError, timerAtMs, leaseEndsMs },
        ...{ ttlAtMs, readyAtMs, idemUntilMs, deadAtMs: image.message.deadAtMs },
        payload: image.message.payload === null ? null : integrity.payloadHashOf(image.message.payload),
      };
    }),
  );
  return JSON.parse(JSON.stringify({ epoch: term, limits, shards: told, processFacts: replica.processFacts() }));
}

/**
 * A journal with every kind of record in it, in a snapshot, in the log, and in files of payloads. Run once a format, by
 * `tsx test/support/yesterday.ts DIRECTORY`: what it wrote then is what every later version must read.
 */
export class Yesterday {
  readonly queue = new Queue();
  readonly disk = new Disk({ schedule: this.queue.schedule });
  readonly shards = Array.from({ length: SHARDS }, (_, i) => new ShardState(i, LIMITS));
  private journal!: EmbeddedJournal;
  private nowMs = 1_700_000_000_000;
  private drawn = 0;

  private open(): void {
    this.journal = new EmbeddedJournal({
      storage: this.disk,
      recovering: RECOVERING,
      segmentBytes: SEGMENT_BYTES,
      inlineBytesMax: INLINE_BYTES_MAX,
      freshSalt: () => new Uint8Array(16).map((_, i) => i + 1),
      compactor: (covered, done) => runLater(this.disk, compact(this.disk, covered, RECOVERING), done),
      events: { room: () => {}, compacted: () => {}, compactionFailed: () => {} },
    });
    this.append(takenOver(this.shards, this.journal.term, this.nowMs, LIMITS));
  }

  private append(batches: readonly Batch[]): void {
    const clocks = { name: 'clocks', serviceMs: this.nowMs, wallMs: this.nowMs + WALL_AHEAD_MS } as const;
    this.journal.append([{ shard: null, facts: [clocks] }, ...batches], (error) => {
      if (error !== null) throw error;
    });
    this.queue.run();
  }

  private run(shard: number, command: Command): readonly MessageFact[] {
    const { facts, outcome } = execute(this.shards[shard] as ShardState, command);
    if (outcome !== 'ok') throw new Error(`${command.name}: ${outcome}`);
    this.append([{ shard, facts }]);
    return facts;
  }

  private send(shard: number, bytes = 30, more: { delayMs?: number; ttlMs?: number } = {}): string {
    const atMs = ++this.nowMs;
    const idemKey = `key-${++this.drawn}`;
    const payload = new Uint8Array(bytes).map((_, i) => (i * this.drawn) % 251);
    const payloadHash = integrity.payloadHashOf(payload);
    const attrs = this.drawn % 2 === 0 ? { kind: 'ünïcode' } : {};
    const topic = `topic-${shard}`;
    const tsMs = atMs + WALL_AHEAD_MS;
    const hashChain = integrity.hashChainOf(topic, tsMs, idemKey, payloadHash, attrs);
    const content = { topic, idemKey, payload, payloadHash, hashChain, attrs, corrId: `corr-${this.drawn}` };
    const times = { delayMs: 0, ttlMs: Number.POSITIVE_INFINITY, ...more };
    const [fact] = this.run(shard, { name: 'send', atMs, tsMs, ...content, ...times, random: this.drawn });
    return (fact as MessageFact).msgId;
  }

  private recv(shard: number): { atMs: number; msgId: string; receipt: string } {
    const atMs = ++this.nowMs;
    const receipt = `receipt-${++this.drawn}`.padEnd(22, '-');
    const lease = {
      visibilityMs: 30_000,
      bytesMax: Number.POSITIVE_INFINITY,
      inflightElsewhere: 0,
      tenantInflightElsewhere: 0,
    };
    const [fact] = this.run(shard, { name: 'recv', atMs, topic: `topic-${shard}`, receipt, ...lease });
    return { atMs, msgId: (fact as MessageFact).msgId, receipt };
  }

  private nack(shard: number, deadLetter: boolean, damaged = false): void {
    const lease = this.recv(shard);
    this.run(shard, { name: 'nack', ...lease, jitter: 0, reason: 'why', retryAfterMs: 0, deadLetter, damaged });
  }

  private everything(shard: number): void {
    for (let i = 0; i < 4; i++) this.send(shard);
    this.run(shard, { name: 'ack', ...this.recv(shard) });
    this.nack(shard, false);
    this.nack(shard, true);
    this.nack(shard, true, true);
    const dead = (this.shards[shard] as ShardState).dead.first()?.msgId as string;
    this.run(shard, { name: 'reprocess', atMs: this.nowMs, msgId: dead });
    const purged = (this.shards[shard] as ShardState).dead.first()?.msgId as string;
    this.run(shard, { name: 'purge', atMs: this.nowMs, msgId: purged, reason: 'admin' });
    this.run(shard, { name: 'release', ...this.recv(shard), jitter: 0.5 });
    this.run(shard, { name: 'extend', ...this.recv(shard), visibilityMs: 40_000 });
    const { atMs, msgId } = this.recv(shard);
    this.nowMs = atMs + 30_000;
    const { epoch } = (this.shards[shard] as ShardState).find(msgId) as { epoch: number };
    this.run(shard, { name: 'expire', atMs: this.nowMs, msgId, epoch, jitter: 0.5 });
    this.send(shard, 2000);
    this.send(shard, 20, { delayMs: 5000 });
    this.send(shard, 20, { ttlMs: 3000 });
    this.send(shard, 0);
  }

  write(): this {
    this.open();
    const window = { used: 3, endMs: this.nowMs + 1e9, windowMs: 1e9 };
    this.append([
      { shard: null, facts: [{ name: 'revoked', kind: 'nonce', value: 'nonce-1', atMs: this.nowMs }] },
      { shard: null, facts: [{ name: 'revoked', kind: 'key_id', value: 'key-1', atMs: this.nowMs }] },
      { shard: null, facts: [{ name: 'charged', nonce: 'nonce-2', line: 'quota_ops = 9/1000000', ...window }] },
    ]);
    this.everything(0);
    for (let i = 0; i < 40; i++) this.send(1, 900);
    for (let i = 0; i < 40; i++) this.run(1, { name: 'ack', ...this.recv(1) });
    // Windows close, and slots come free.
    this.nowMs += LIMITS.tReplayMs;
    for (let i = 0; i < 20; i++) this.send(1, 900);
    for (let i = 0; i < 20; i++) this.run(1, { name: 'ack', ...this.recv(1) });
    this.open();
    const limits = { ...LIMITS, maxAttempts: 3 };
    for (const shard of this.shards) shard.limits = limits;
    this.append([{ shard: null, facts: [{ name: 'limited', limits }] }]);
    this.everything(1);
    return this;
  }

  /** Segments made beforehand hold nothing. */
  save(folder: string): void {
    const { segment } = this.journal.end;
    const names = this.disk.files('').filter((name) => name.startsWith('log-') || name.startsWith('snapshot-'));
    for (const file of [...names, ...this.disk.files(PAYLOADS).map((name) => `${PAYLOADS}/${name}`)]) {
      const number = file.startsWith('log-') ? Number(file.slice(4)) : 0;
      if (number > segment) continue;
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), this.disk.read(file, 0, this.disk.size(file)));
    }
    const found = recover(this.disk, RECOVERING);
    if (found.kind !== 'recovered') throw new Error(found.kind);
    writeFileSync(`${folder}.json`, `${JSON.stringify(storyOf(found.replica), null, 1)}\n`);
  }
}

const [, program, folder] = process.argv;
if (program === import.meta.filename && folder !== undefined) new Yesterday().write().save(folder);
