/**
 * How fast is the core? Lifecycles (send, recv, ack) through decide/apply/advance at several queue depths, one core.
 * Time is virtual: a millisecond passes every hundred lifecycles, and the replay window is set so that the idempotency
 * table and the settled receipts hold as many entries as `window` says at every depth.
 */
import { execFileSync } from 'node:child_process';
import { execute } from '../src/core/execute.ts';
import { DEFAULT_LIMITS } from '../src/core/limits.ts';
import { ShardState } from '../src/core/state.ts';
import { median } from './measure.ts';

/** How the program asks itself for a child. */
export const CORE_CHILD = 'core-child';
const LIFECYCLES_PER_MS = 100;
const INPUTS = 1 << 20;
const KEYS = Array.from({ length: INPUTS }, (_, i) => `key-${i}`);
const RECEIPTS = Array.from({ length: INPUTS }, (_, i) => `receipt-${i}`);
const HASH = `b3:${'0'.repeat(64)}`;
const ATTRS = {};

class Driver {
  readonly state: ShardState;
  private atMs = 1_700_000_000_000;
  private sent = 0;
  private leased = 0;

  constructor(window: number) {
    const limits = { shardCapacity: 10_000_000, dedupCapacity: 10_000_000, settledCapacity: 10_000_000 };
    this.state = new ShardState(0, { ...DEFAULT_LIMITS, ...limits, tReplayMs: window / LIFECYCLES_PER_MS });
  }

  send(payload: Uint8Array): void {
    const outcome = execute(this.state, {
      name: 'send',
      atMs: this.atMs,
      tsMs: this.atMs,
      topic: 'orders',
      idemKey: KEYS[this.sent++ % INPUTS] as string,
      payload,
      payloadHash: HASH,
      hashChain: HASH,
      attrs: ATTRS,
      corrId: '0190c2a0-0000-7000-8000-000000000000',
      delayMs: 0,
      ttlMs: Number.POSITIVE_INFINITY,
      random: 1,
    }).outcome;
    if (outcome !== 'ok') throw new Error(outcome);
  }

  consume(): void {
    const receipt = RECEIPTS[this.leased++ % INPUTS] as string;
    const { message } = execute(this.state, {
      name: 'recv',
      atMs: this.atMs,
      topic: 'orders',
      receipt,
      visibilityMs: 5000,
      bytesMax: Number.POSITIVE_INFINITY,
      inflightElsewhere: 0,
      tenantInflightElsewhere: 0,
    });
    const { outcome } = execute(this.state, { name: 'ack', atMs: this.atMs, msgId: message!.msgId, receipt });
    if (outcome !== 'ok') throw new Error(outcome);
  }

  tick(): void {
    if (this.sent % LIFECYCLES_PER_MS === 0) this.atMs++;
  }

  lifecycles(count: number, payload: Uint8Array): number {
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      this.send(payload);
      this.consume();
      this.tick();
    }
    return count / ((performance.now() - start) / 1000);
  }
}

export interface CoreResult {
  readonly depth: number;
  readonly window: number;
  readonly lifecyclesPerSecond: number;
}

/** The child's side: lifecycles a second over a shard of this depth, after a warm-up. */
export function runCore(depth: number, window: number, count = 1_000_000): number {
  const payload = new Uint8Array(256);
  const driver = new Driver(window);
  for (let i = 0; i < depth; i++) {
    driver.send(payload);
    driver.tick();
  }
  driver.lifecycles(count, payload);
  return driver.lifecycles(3 * count, payload);
}

/** Rounds alternate between the depths, each sample in a fresh process: a heap full of one must not slow the other. */
export function benchCore(depths: readonly number[], window: number, rounds = 3): CoreResult[] {
  const samples = depths.map((depth) => ({ depth, rates: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (const { depth, rates } of samples) {
      const args = [...process.execArgv, process.argv[1] as string, CORE_CHILD, String(depth), String(window)];
      rates.push(Number(execFileSync(process.execPath, args, { encoding: 'utf8' })));
    }
  }
  return samples.map(({ depth, rates }) => ({ depth, window, lifecyclesPerSecond: median(rates) }));
}

/** Bytes of heap and buffers per queued message of 256 bytes, everything included. */
export function benchMemory(count = 200_000): number {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('run with --expose-gc');
  const used = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const driver = new Driver(60_000);
  const before = used();
  for (let i = 0; i < count; i++) driver.send(Buffer.allocUnsafeSlow(256));
  const bytes = (used() - before) / count;
  driver.tick();
  return bytes;
}
