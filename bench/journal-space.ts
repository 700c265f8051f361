/**
 * What the journal holds when much goes through it, and what a large snapshot costs those who are served meanwhile.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_LIMITS, type Limits } from '../src/core/limits.ts';
import type { Compactor } from '../src/journal/compaction.ts';
import { RECOVERING } from '../src/journal/durable.ts';
import { EmbeddedJournal } from '../src/journal/embedded.ts';
import { FileStorage } from '../src/journal/file-storage.ts';
import { PAYLOADS, SALT_BYTES } from '../src/journal/layout.ts';
import type { Snapshot } from '../src/journal/snapshot.ts';
import { workerCompactor } from '../src/journal/worker-compactor.ts';
import type { Batch } from '../src/ports/journal.ts';
import { append, inFolder, Life, started } from './journal.ts';

const MIB = 1 << 20;
const MANY = 10_000_000;
/** Those of the server, in one shard instead of eight. */
const LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  shardCapacity: MANY,
  globalInflight: MANY,
  dedupCapacity: 8 * DEFAULT_LIMITS.dedupCapacity,
};
/** As fast as the idempotency windows allow: nearly all of them are open at any time. */
const MS_PER_FACT = 0.2;

function open(folder: string, segmentBytes: number, compactor: Compactor, onSnapshot: (made: Snapshot) => void) {
  mkdirSync(join(folder, PAYLOADS), { recursive: true });
  return new EmbeddedJournal({
    storage: new FileStorage(folder),
    ...{ recovering: RECOVERING, segmentBytes, compactor },
    freshSalt: () => randomBytes(SALT_BYTES),
    events: { room: () => {}, compacted: onSnapshot, compactionFailed: () => {} },
  });
}

const batchesOf = (life: Life, atLeast: number): Batch[] => {
  const batches: Batch[] = [];
  while (batches.length < atLeast) batches.push(...life.next());
  return batches;
};

export interface SpaceFigures {
  readonly mibMax: number;
  readonly mibLast: number;
  readonly mibWritten: number;
  readonly snapshots: number;
  readonly seconds: number;
}

/** Messages sent, received and acked as fast as it goes, 10,000 waiting at any time; the disk is looked at all the while. */
export function benchSpace({ messages = MANY, depth = 10_000, payloadBytes = 256 } = {}) {
  return inFolder(async (folder): Promise<SpaceFigures> => {
    const segmentBytes = 32 * MIB;
    let snapshots = 0;
    const journal = open(folder, segmentBytes, workerCompactor(folder), () => snapshots++);
    const life = new Life(payloadBytes, depth, { limits: LIMITS, msPerFact: MS_PER_FACT });
    await append(journal, [started(journal.term, LIMITS)]);
    const startedMs = performance.now();
    let most = 0;
    for (let facts = 0, appends = 0; facts < 3 * messages; appends++) {
      const batches = batchesOf(life, 768);
      facts += batches.length;
      await append(journal, batches);
      if (appends % 50 === 0) most = Math.max(most, journal.bytesOnDisk());
    }
    const seconds = (performance.now() - startedMs) / 1000;
    const mibWritten = ((journal.end.segment - 1) * segmentBytes + journal.end.at) / MIB;
    const mibLast = journal.bytesOnDisk() / MIB;
    journal.close();
    return { mibMax: most / MIB, mibLast, mibWritten, snapshots, seconds };
  });
}

export interface SnapshotFigures {
  readonly messages: number;
  readonly p99Ms: number;
  readonly p99SnapshotMs: number;
  /** How long the snapshot took, and how large it is. */
  readonly seconds: number;
  readonly mib: number;
}

/** As by default. */
const SHARDS = 8;
const EVERY_MS = 4;
const BATCH = 48;

/** Facts at a steady pace, committed in groups, without a snapshot and while one of so many messages is made. */
export function benchSnapshot({ messages = 1_000_000, payloadBytes = 256, quietSteps = 1500 } = {}) {
  return inFolder(async (folder): Promise<SnapshotFigures> => {
    const real = workerCompactor(folder);
    const limits = { ...LIMITS, dedupCapacity: MANY };
    let allowed = false;
    let beganMs = 0;
    let made: Snapshot | null = null;
    let endedMs = 0;
    const compactor: Compactor = (covered, done) => {
      if (!allowed || beganMs > 0) return done(new Error('not now'), null);
      beganMs = performance.now();
      real(covered, done);
    };
    const journal = open(folder, 8 * MIB, compactor, (snapshot) => {
      made = snapshot;
      endedMs = performance.now();
    });
    const life = new Life(payloadBytes, messages, { limits, shards: SHARDS });
    await append(journal, [started(journal.term, limits, SHARDS)]);
    // Past the size at which the tables of all shards grow at once: that is a pause of its own.
    while (life.sent < 1.1 * messages) await append(journal, batchesOf(life, 1000));
    // What the filling left to the collector and to the disk is over by then.
    await paced(journal, life, (steps) => steps >= quietSteps);
    const quiet = await paced(journal, life, (steps) => steps >= quietSteps);
    allowed = true;
    const during: number[] = [];
    await paced(
      journal,
      life,
      () => made !== null,
      (tookMs) => {
        if (beganMs > 0) during.push(tookMs);
      },
    );
    journal.close();
    const { bytes } = made as unknown as Snapshot;
    return {
      messages,
      ...{ p99Ms: p99(quiet), p99SnapshotMs: p99(during) },
      ...{ seconds: (endedMs - beganMs) / 1000, mib: bytes / MIB },
    };
  });
}

const p99 = (tookMs: readonly number[]): number =>
  [...tookMs].sort((a, b) => a - b)[Math.floor(tookMs.length * 0.99)] as number;

/** How long each step took from when it was due: those that came due during a sync go into the next append, as in the server. */
async function paced(
  journal: EmbeddedJournal,
  life: Life,
  enough: (steps: number) => boolean,
  seen: (tookMs: number) => void = () => {},
): Promise<number[]> {
  const tookMs: number[] = [];
  const startedMs = performance.now();
  for (let step = 0; !enough(step); ) {
    const dueMs = startedMs + step * EVERY_MS;
    const aheadMs = dueMs - performance.now();
    if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs));
    const due = Math.max(1, Math.floor((performance.now() - startedMs) / EVERY_MS) + 1 - step);
    await append(journal, batchesOf(life, due * BATCH));
    for (const end = step + due; step < end; step++) {
      const took = performance.now() - startedMs - step * EVERY_MS;
      tookMs.push(took);
      seen(took);
    }
  }
  return tookMs;
}
