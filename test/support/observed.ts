import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { execute } from '../../src/core/execute.ts';
import type { Fact } from '../../src/core/facts.ts';
import type { Message } from '../../src/core/message.ts';
import type { ShardState } from '../../src/core/state.ts';
import { ROUTES } from '../../src/http/routes.ts';
import { createLog } from '../../src/observe/log.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { FactObserver } from '../../src/observe/observer.ts';
import { Drains } from '../../src/service/backpressure.ts';
import { MemoryBudget } from '../../src/service/memory-budget.ts';
import { sendOf, shardOf } from './shard.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A shard with everything that watches its facts. */
export class WatchedShard {
  readonly shard: ShardState;
  readonly metrics = new Metrics(
    ROUTES.map(({ path }) => path),
    ['orders.'],
    1,
  );
  private readonly observer = new FactObserver(
    this.metrics,
    createLog('error', 'json', () => {}),
  );
  private readonly drains: Drains;

  constructor(shard: ShardState) {
    this.shard = shard;
    this.drains = new Drains([shard], new MemoryBudget([shard], false));
    const nothing = { cache: { size: 0, evictions: 0 }, purges: 0, revocations: { size: 0 }, keyring: null };
    this.metrics.watch({
      shards: [shard],
      inflight: () => 0,
      shardsDown: () => 0,
      memory: { payloadBytes: 0, liveBytes: 0, endedBytes: 0 },
      pollCount: () => 0,
      streamCount: () => 0,
      authority: { ...nothing, clock: { wallMs: () => 0 } },
      state: () => 'ready',
      connections: () => 0,
      bodyBytes: () => 0,
      nowMs: () => shard.nowMs,
    });
  }

  seen(facts: readonly Fact[]): void {
    for (const fact of facts) {
      this.observer.fact(this.shard, fact, null);
      this.drains.note(fact, 0);
    }
  }

  async series(): Promise<Map<string, number>> {
    const lines = (await this.metrics.registry.metrics()).split('\n').filter((line) => line !== '' && line[0] !== '#');
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
  }
}

/** The life of a message on each of `count` topics: neither series nor memory may grow with their number. */
export async function manyTopics(count: number): Promise<void> {
  const bench = new WatchedShard(shardOf({ tReplayMs: 500, settledCapacity: 1000 }));
  const { shard } = bench;
  let atMs = 1_000_000;
  const lifecycles = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      atMs++;
      const topic = `orders.customer-${i}`;
      bench.seen(execute(shard, sendOf(atMs, topic, 'k')).facts);
      const recv = {
        name: 'recv',
        atMs,
        topic,
        visibilityMs: 1000,
        bytesMax: 1e9,
        inflightElsewhere: 0,
        tenantInflightElsewhere: 0,
      } as const;
      const { facts, message } = execute(shard, { ...recv, receipt: 'r' });
      bench.seen(facts);
      bench.seen(execute(shard, { name: 'ack', atMs, msgId: (message as Message).msgId, receipt: 'r' }).facts);
    }
  };
  lifecycles(0, 50_000);
  const series = (await bench.series()).size;
  collectGarbage();
  const heap = process.memoryUsage().heapUsed;
  lifecycles(50_000, count);
  collectGarbage();
  expect((await bench.series()).size).toBe(series);
  expect((await bench.series()).get('enqueued_total')).toBe(count);
  expect(shard.topics.size).toBeLessThanOrEqual(1001);
  expect(shard.slotCount).toBeLessThanOrEqual(2000);
  expect(process.memoryUsage().heapUsed - heap).toBeLessThan(16 * 1024 ** 2);
}
