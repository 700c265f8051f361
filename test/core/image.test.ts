import { describe, expect, it } from 'vitest';
import { advance } from '../../src/core/advance.ts';
import { execute } from '../../src/core/execute.ts';
import { type Image, imagesOf, Restoration } from '../../src/core/image.ts';
import type { Line } from '../../src/core/line.ts';
import type { Message } from '../../src/core/message.ts';
import type { ShardState } from '../../src/core/state.ts';
import { Writer } from '../../src/journal/bytes.ts';
import { writeRecord } from '../../src/journal/record.ts';
import { JournalBench } from '../support/journal.ts';
import { sendOf, shardOf } from '../support/shard.ts';

const again = (images: Iterable<Image>, state = shardOf()) => {
  const restoration = new Restoration(state.shard, state.limits);
  for (const image of images) restoration.take(image);
  return restoration.done();
};

const slotsIn = (line: Line<Message>): number[] => [...line.after(0)].map(({ slot }) => slot);

function bytesOf(image: Image): string {
  const w = new Writer();
  writeRecord(w, 0, image);
  return w.buffer.toString('hex', 0, w.length);
}

/** All of a shard, with every line in its order and every heap place by place. */
function portraitOf(state: ShardState) {
  const topics = [...state.topics.values()].map((topic) => ({
    ...topic,
    tenant: topic.tenant.name,
    number: 0,
    fresh: slotsIn(topic.fresh),
    returned: topic.returned.values().map(({ slot }) => slot),
    dead: slotsIn(topic.dead),
  }));
  const tenants = [...state.tenants.values()].map((tenant) => ({ ...tenant, rank: 0, dead: slotsIn(tenant.dead) }));
  return {
    tenants: tenants.sort((a, b) => (a.name < b.name ? -1 : 1)),
    mostDead: state.holders.first()?.name,
    pieces: [...imagesOf(state)].map((image) => bytesOf(image)),
    topics: topics.sort((a, b) => (a.name < b.name ? -1 : 1)),
    heaps: [state.leases, state.waiting, state.ttls].map((heap) => heap.values().map(({ slot }) => slot)),
    lines: [[...state.windows.values()], slotsIn(state.ready), slotsIn(state.dead)],
    settled: [...state.settledReceipts()].map(([{ slot }, { receipt, untilMs }]) => [slot, receipt, untilMs]),
    counts: [state.queued, state.redelivered, state.lastSeq, state.lastNumber, state.depth, state.nowMs],
  };
}

describe('image', () => {
  it('a shard and what is made of its images are the same, to the place in every heap and line (PrefixProp)', () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 8; seed++) {
      const bench = new JournalBench(seed, { segmentBytes: 65_536 }).open();
      bench.start();
      for (let i = 0; i < 60; i++) {
        bench.queue.run();
        bench.step();
        for (const state of bench.shards) {
          const same = again(imagesOf(state), state);
          for (const message of state.messages()) seen.add(message.state);
          if (state.waiting.size > 0) seen.add('waiting');
          if (state.settled.size > 0) seen.add('settled');
          if (state.freeSlots.length > 0) seen.add('free slots');
          expect(portraitOf(same)).toEqual(portraitOf(state));
        }
      }
    }
    expect([...seen].sort()).toEqual([
      'acked',
      'dead_lettered',
      'free slots',
      'leased',
      'queued',
      'redelivered',
      'settled',
      'waiting',
    ]);
  });

  it('goes on as the shard itself would', () => {
    const state = shardOf();
    for (const key of ['a', 'b', 'c']) execute(state, sendOf(10, 't', key));
    const same = again(imagesOf(state), state);
    for (const shard of [state, same]) advance(shard, 20);
    expect(execute(same, sendOf(20, 't', 'd')).facts).toEqual(execute(state, sendOf(20, 't', 'd')).facts);
    expect(execute(same, sendOf(21, 't', 'a')).outcome).toBe('duplicate');
  });

  it('images that do not fit throw: two messages in a slot, a receipt of nobody', () => {
    const state = shardOf();
    execute(state, sendOf(10, 't', 'a'));
    const images = [...imagesOf(state)];
    expect(() => again([...images, images.at(-1) as Image])).toThrow('slot 0 is taken');
    const settled = { name: 'settled', slot: 7, receipt: 'r', verb: 'ack', state: 'acked', untilMs: 5 } as const;
    expect(() => again([...images, settled])).toThrow('nothing in slot 7');
  });
});
