import { describe, expect, it } from 'vitest';
import { shardViews } from '../../src/node/describe.ts';
import { DownShards } from '../../src/service/down-shards.ts';
import type { Service } from '../../src/service/service.ts';

const CLOCK = { nowMs: () => 0, wallMs: () => 0 };
/** Five shards, two hundredths of each in use; those in `down` serve nothing. */
function serviceWith(down: DownShards): Service {
  const shards = Array.from({ length: 5 }, (_, shard) => ({ shard, depth: 2, limits: { shardCapacity: 100 } }));
  return { down, shards } as unknown as Service;
}

describe('node: its shards as they are told', () => {
  it('says which node has one where another has it and is known, and of no other (B13)', () => {
    const down = new DownShards();
    down.add(1, 0, 'not_owner');
    down.add(2, 0, 'not_owner');
    down.add(3, 0, 'unsure');
    down.add(4, 0, 'halted');
    const holderOf = (shard: number): string | null => (shard === 2 ? null : 'b');
    expect(shardViews(serviceWith(down), [7, null, null, 3, null], holderOf, CLOCK)).toEqual([
      { shard: 0, state: 'serving', term: 7, percent: 2 },
      { shard: 1, state: 'not_owner', term: null, percent: 2, node: 'b' },
      { shard: 2, state: 'not_owner', term: null, percent: 2 },
      { shard: 3, state: 'unsure', term: 3, percent: 2 },
      { shard: 4, state: 'halted', term: null, percent: 2 },
    ]);
  });
});
