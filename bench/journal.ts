/**
 * What durability costs and how fast it is undone: facts appended to the log against what `dd` reaches with the same pattern of
 * syncs, and recovery of a journal of a million facts.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { advance } from '../src/core/advance.ts';
import { apply } from '../src/core/apply.ts';
import { decide } from '../src/core/decide.ts';
import type { Received } from '../src/core/facts.ts';
import { DEFAULT_LIMITS, type Limits } from '../src/core/limits.ts';
import { ShardState } from '../src/core/state.ts';
import { integrity } from '../src/integrity/hash-chain.ts';
import type { JournalEvents } from '../src/journal/compaction.ts';
import { RECOVERING } from '../src/journal/durable.ts';
import { EmbeddedJournal } from '../src/journal/embedded.ts';
import { FileStorage } from '../src/journal/file-storage.ts';
import { PAYLOADS, SALT_BYTES } from '../src/journal/layout.ts';
import { recover } from '../src/journal/recover.ts';
import { systemRandom } from '../src/platform/system.ts';
import type { Batch } from '../src/ports/journal.ts';
import { median } from './measure.ts';

const SEGMENT_BYTES = 32 << 20;
const MANY = 10_000_000;
const LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  shardCapacity: MANY,
  globalInflight: MANY,
  dedupCapacity: MANY,
  settledCapacity: MANY,
  tReplayMs: 10_000,
};
const MS_PER_FACT = 0.02;
const TOPIC = 'bench';
const CORR_ID = '01890a5d-ac96-774b-bcce-b302099a8057';

/** Work on a data directory of its own. */
export async function inFolder<T>(work: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-journal-'));
  try {
    return await work(join(folder, 'data'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const EVENTS: JournalEvents = {
  room: () => {},
  compacted: () => {},
  compactionFailed: (error) => console.error(error.message),
};

/** A journal that makes no snapshots, so that all of it is replayed. */
function openWhole(folder: string, syncs: number[] = []): EmbeddedJournal {
  mkdirSync(join(folder, PAYLOADS), { recursive: true });
  return new EmbeddedJournal({
    storage: new FileStorage(folder, { onDurableWrite: (seconds) => syncs.push(seconds) }),
    recovering: RECOVERING,
    segmentBytes: SEGMENT_BYTES,
    freshSalt: () => randomBytes(SALT_BYTES),
    compactor: () => {},
    events: EVENTS,
  });
}

export const append = (journal: EmbeddedJournal, batches: readonly Batch[]): Promise<void> =>
  new Promise((resolve, reject) => journal.append(batches, (error) => (error === null ? resolve() : reject(error))));

export const started = (term: number, limits = LIMITS, shards = 1): Batch => ({
  shard: null,
  facts: [{ name: 'started', atMs: 0, term, shards, limits }],
});

/** Facts of messages that are sent, received and acked, shard after shard, with so many waiting in all at any time. */
export class Life {
  private readonly states: readonly ShardState[];
  private readonly msPerFact: number;
  private readonly payload: Uint8Array;
  private readonly depth: number;
  /** Messages so far. */
  sent = 0;
  private facts = 0;

  constructor(payloadBytes: number, depth: number, { limits = LIMITS, msPerFact = MS_PER_FACT, shards = 1 } = {}) {
    this.states = Array.from({ length: shards }, (_, shard) => new ShardState(shard, limits));
    this.msPerFact = msPerFact;
    this.payload = new Uint8Array(payloadBytes).map((_, i) => i % 251);
    this.depth = depth;
  }

  get waiting(): number {
    return this.states.reduce((sum, { depth }) => sum + depth, 0);
  }

  private take(state: ShardState, command: Parameters<typeof decide>[1]): Batch {
    advance(state, command.atMs);
    const { facts, message } = decide(state, command);
    for (const fact of facts) apply(state, fact, message);
    this.facts += facts.length;
    return { shard: state.shard, facts };
  }

  next(): Batch[] {
    const state = this.states[this.sent % this.states.length] as ShardState;
    const atMs = 1_700_000_000_000 + Math.floor(this.facts * this.msPerFact);
    const payload = new Uint8Array(this.payload);
    new DataView(payload.buffer).setUint32(0, ++this.sent);
    const idemKey = `key-${this.sent}`;
    const payloadHash = integrity.payloadHashOf(payload);
    const hashChain = integrity.hashChainOf(TOPIC, atMs, idemKey, payloadHash, {});
    const rest = { attrs: {}, corrId: CORR_ID, delayMs: 0, ttlMs: Number.POSITIVE_INFINITY };
    const random = systemRandom.below(2 ** 34);
    const sent = this.take(state, {
      name: 'send',
      atMs,
      tsMs: atMs,
      topic: TOPIC,
      idemKey,
      payload,
      payloadHash,
      hashChain,
      random,
      ...rest,
    });
    if (this.waiting <= this.depth) return [sent];
    const receipt = systemRandom.token(16);
    const lease = { visibilityMs: 30_000, bytesMax: MANY, inflightElsewhere: 0, tenantInflightElsewhere: 0 };
    const received = this.take(state, { name: 'recv', atMs, topic: TOPIC, receipt, ...lease });
    const { msgId } = received.facts[0] as Received;
    return [sent, received, this.take(state, { name: 'ack', atMs, msgId, receipt })];
  }
}

export interface RecoveryFigures {
  readonly facts: number;
  readonly mib: number;
  readonly factsPerSecond: number;
}

/** A journal of sends, receives and acks, all of it in the log. Gives its bytes. */
export async function writeJournal(
  folder: string,
  facts: number,
  depth: number,
  payloadBytes: number,
): Promise<number> {
  const journal = openWhole(folder);
  const life = new Life(payloadBytes, depth);
  await append(journal, [started(journal.term)]);
  for (let made = 0; made < facts; ) {
    const batches: Batch[] = [];
    while (batches.length < 3000) batches.push(...life.next());
    made += batches.length;
    await append(journal, batches);
  }
  journal.close();
  return (journal.end.segment - 1) * SEGMENT_BYTES + journal.end.at;
}

/** It is read back: medians of rounds. */
export function benchRecovery({ facts = 1_000_000, depth = 10_000, payloadBytes = 256, rounds = 3 } = {}) {
  return inFolder(async (folder): Promise<RecoveryFigures> => {
    const bytes = await writeJournal(folder, facts, depth, payloadBytes);
    const rates: number[] = [];
    let replayed = 0;
    for (let round = -1; round < rounds; round++) {
      const startedMs = performance.now();
      const found = recover(new FileStorage(folder), RECOVERING);
      if (found.kind !== 'recovered') throw new Error(`bench: ${found.kind}`);
      const seconds = (performance.now() - startedMs) / 1000;
      replayed = found.replica.facts;
      if (round >= 0) rates.push(replayed / seconds);
    }
    return { facts: replayed, mib: bytes / 2 ** 20, factsPerSecond: median(rates) };
  });
}

export interface AppendFigures {
  readonly factsPerSync: number;
  readonly mbPerSecond: number;
  /** The same bytes by `dd`, as many at a time, each write synced. */
  readonly ddMbPerSecond: number;
  readonly syncP50Ms: number;
  readonly syncP99Ms: number;
}

/** Sends of 1 KiB appended in full batches, one after the other. */
export function benchAppend({ mib = 256, factsPerSync = 256, rounds = 3 } = {}) {
  return inFolder(async (folder): Promise<AppendFigures> => {
    const syncs: number[] = [];
    const journal = openWhole(folder, syncs);
    const life = new Life(1024, MANY);
    await append(journal, [started(journal.term)]);
    const rates: number[] = [];
    const dds: number[] = [];
    const batchBytes = factsPerSync * 1280;
    const count = Math.ceil((mib << 20) / rounds / batchBytes);
    for (let round = 0; round < rounds; round++) {
      const batches = Array.from({ length: count }, () => {
        const batch: Batch[] = [];
        while (batch.length < factsPerSync) batch.push(...life.next());
        return batch;
      });
      const before = journal.end;
      const from = (before.segment - 1) * SEGMENT_BYTES + before.at;
      const startedMs = performance.now();
      for (const batch of batches) await append(journal, batch);
      const seconds = (performance.now() - startedMs) / 1000;
      const after = journal.end;
      rates.push(((after.segment - 1) * SEGMENT_BYTES + after.at - from) / 1e6 / seconds);
      dds.push(ddRate(join(folder, '..', 'dd'), batchBytes, count));
    }
    journal.close();
    syncs.sort((a, b) => a - b);
    const syncMs = (share: number): number => (syncs[Math.floor(syncs.length * share)] as number) * 1000;
    return {
      factsPerSync,
      mbPerSecond: median(rates),
      ddMbPerSecond: median(dds),
      syncP50Ms: syncMs(0.5),
      syncP99Ms: syncMs(0.99),
    };
  });
}

/** MB/s of `dd` over a file that is there already, every write synced. */
function ddRate(file: string, bytes: number, count: number): number {
  const dd = (...args: string[]): void =>
    void execFileSync('dd', ['if=/dev/zero', `of=${file}`, `bs=${bytes}`, `count=${count}`, 'conv=notrunc', ...args], {
      stdio: 'ignore',
    });
  dd('conv=notrunc,fsync');
  const startedMs = performance.now();
  dd('oflag=dsync');
  const seconds = (performance.now() - startedMs) / 1000;
  rmSync(file);
  return (bytes * count) / 1e6 / seconds;
}
