/**
 * What is remembered of ended messages, by the million (ID1, LE4): how long the event loop would be held up at most while rows fill, grow and
 * expire, and what a row takes.
 */
import { randomUUID } from 'node:crypto';
import { execute } from '../src/core/execute.ts';
import { DEFAULT_LIMITS } from '../src/core/limits.ts';
import { ShardState } from '../src/core/state.ts';
import { quantile } from './measure.ts';

const PER_MS = 100;
const MANY = 10_000_000;
const HASH = `b3:${'0123456789abcdef'.repeat(4)}`;
const PAYLOAD = new Uint8Array(0);

export interface WindowResult {
  readonly rows: number;
  /** Heap and outside of it, a row. */
  readonly bytes: number;
  readonly lifecyclesPerSecond: number;
  /** A send, recv and ack, and what ends by then: the middle, the 99th of a hundred, the longest. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly mostMs: number;
}

/** Fills a shard up to so many rows, then goes on as long again while they expire. */
export function benchWindow(rows: number): WindowResult {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('run with --expose-gc');
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const limits = { shardCapacity: MANY, dedupCapacity: 2 * MANY, settledCapacity: 2 * MANY, tReplayMs: rows / PER_MS };
  const state = new ShardState(0, { ...DEFAULT_LIMITS, ...limits, tenantShare: 0 });
  const samples = new Float64Array(rows);
  const before = used();
  for (let i = 0; i < rows; i++) lifecycle(state, i);
  const bytes = (used() - before) / rows;
  const startMs = performance.now();
  for (let i = 0; i < rows; i++) {
    const beganMs = performance.now();
    lifecycle(state, rows + i);
    samples[i] = performance.now() - beganMs;
  }
  const seconds = (performance.now() - startMs) / 1000;
  const all = [...samples.subarray(0, Math.min(rows, 1_000_000))];
  return {
    rows,
    bytes,
    lifecyclesPerSecond: rows / seconds,
    p50Us: 1000 * quantile(all, 0.5),
    p99Us: 1000 * quantile(all, 0.99),
    mostMs: samples.reduce((most, ms) => Math.max(most, ms), 0),
  };
}

function lifecycle(state: ShardState, i: number): void {
  const atMs = 1_700_000_000_000 + Math.floor(i / PER_MS);
  const receipt = i.toString(16).padStart(32, '0');
  execute(state, {
    ...{ name: 'send', atMs, tsMs: atMs, topic: 'orders', idemKey: randomUUID(), payload: PAYLOAD, payloadHash: HASH },
    ...{ hashChain: HASH, attrs: {}, corrId: '0190c2a0-0000-7000-8000-000000000000', delayMs: 0, random: 1 },
    ttlMs: Number.POSITIVE_INFINITY,
  });
  const { message } = execute(state, {
    ...{ name: 'recv', atMs, topic: 'orders', receipt, visibilityMs: 5000, bytesMax: Number.POSITIVE_INFINITY },
    ...{ inflightElsewhere: 0, tenantInflightElsewhere: 0 },
  });
  execute(state, { name: 'ack', atMs, msgId: message!.msgId, receipt });
}
