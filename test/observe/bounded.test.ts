import { describe, expect, it } from 'vitest';
import { apply } from '../../src/core/apply.ts';
import { execute } from '../../src/core/execute.ts';
import type { Fact } from '../../src/core/facts.ts';
import type { Message } from '../../src/core/message.ts';
import { manyTopics, WatchedShard } from '../support/observed.ts';
import { sendOf, shardOf } from '../support/shard.ts';

describe('bounds of what is remembered', () => {
  it('many topics: neither series nor memory grow with their number (I4, D4)', () => manyTopics(150_000));

  it('reorder_depth_max: how many available messages a delivery passed over, 0 in order (O1, LE1)', async () => {
    const bench = new WatchedShard(shardOf());
    const { shard } = bench;
    const depth = async () => (await bench.series()).get('reorder_depth_max{shard="0"}');
    const at = 1_000_000;
    for (let i = 0; i < 40; i++) execute(shard, sendOf(at, 'a', `k${i}`));
    const recv = {
      name: 'recv',
      atMs: at,
      topic: 'a',
      visibilityMs: 1000,
      bytesMax: 1e9,
      inflightElsewhere: 0,
      tenantInflightElsewhere: 0,
    } as const;
    const first = execute(shard, { ...recv, receipt: 'r0' });
    bench.seen(first.facts);
    const nack = {
      name: 'nack',
      atMs: at,
      jitter: 0,
      reason: null,
      retryAfterMs: 0,
      deadLetter: false,
      damaged: false,
    } as const;
    bench.seen(execute(shard, { ...nack, msgId: first.message!.msgId, receipt: 'r0' }).facts);
    expect(await depth()).toBe(0);
    // The core would not do this: a delivery from the middle, past the one that came back and nine others.
    const later = [...shard.messages()][10] as Message;
    const fact: Fact = {
      name: 'received',
      atMs: at,
      msgId: later.msgId,
      receipt: 'x',
      visibilityMs: 1000,
      leaseEndsMs: at + 10_000,
    };
    apply(shard, fact);
    bench.seen([fact]);
    expect(await depth()).toBe(10);
    bench.seen(execute(shard, { ...recv, receipt: 'r1' }).facts);
    expect(await depth()).toBe(10);
  });
});
