import { describe, expect, it } from 'vitest';
import { execute } from '../../src/core/execute.ts';
import { DrainRate, Drains } from '../../src/service/backpressure.ts';
import { MemoryBudget } from '../../src/service/memory-budget.ts';
import { sendOf, shardOf } from '../support/shard.ts';

const START = 1_000_000;

describe('drain', () => {
  it('rate: what left in the last seconds, fading; nothing leaving means never', () => {
    const rate = new DrainRate();
    expect(rate.msUntil(1, START)).toBe(Number.POSITIVE_INFINITY);
    for (let ms = 0; ms < 30_000; ms += 10) rate.note(START + ms);
    // 100 leave a second.
    expect(rate.msUntil(100, START + 30_000)).toBeGreaterThan(900);
    expect(rate.msUntil(100, START + 30_000)).toBeLessThan(1_100);
    expect(rate.msUntil(100, START + 40_000)).toBeGreaterThan(5_000);
    expect(rate.msUntil(100, START + 200_000)).toBe(Number.POSITIVE_INFINITY);
  });

  it('retry: shard by how fast it empties, dedup by its oldest window, inflight by the first lease to end (D5)', () => {
    const shard = shardOf({
      shardCapacity: 100,
      dedupCapacity: 110,
      globalInflight: 10,
      tReplayMs: 300_000,
      tenantShare: 0,
    });
    const drains = new Drains([shard], new MemoryBudget([shard], false));
    for (let i = 0; i < 100; i++) execute(shard, sendOf(START, 'a', `k${i}`));
    expect(drains.filling(START).map(({ name }) => name)).toEqual(['shard_capacity', 'dedup_capacity']);
    expect(drains.retryAfterMs('shard_capacity', shard, START)).toBe(30_000);
    expect(drains.retryAfterMs('dedup_capacity', shard, START + 100_000)).toBe(200_000);

    const recv = {
      name: 'recv',
      topic: 'a',
      visibilityMs: 9_000,
      bytesMax: 1e9,
      inflightElsewhere: 0,
      tenantInflightElsewhere: 0,
    } as const;
    for (let i = 0; i < 10; i++) execute(shard, { ...recv, atMs: START, receipt: `r${i}` });
    expect(drains.retryAfterMs('global_inflight', shard, START)).toBe(9_000);
    for (const message of [...shard.messages()].slice(0, 5)) {
      const { facts } = execute(shard, {
        name: 'ack',
        atMs: START + 1_000,
        msgId: message.msgId,
        receipt: message.receipt as string,
      });
      for (const fact of facts) drains.note(fact, 0);
    }
    // Five left at once: about one a second over the memory of five; 95 are five too many.
    const [after] = drains.filling(START + 1_000);
    expect(after).toMatchObject({ name: 'shard_capacity' });
    expect(after?.retryAfterMs).toBeGreaterThan(4_000);
    expect(after?.retryAfterMs).toBeLessThan(6_000);
    expect(drains.retryAfterMs('global_inflight', shard, START + 1_000)).toBeLessThan(9_000);
  });
});
