import { describe, expect, it } from 'vitest';
import { halfSip, keyedSharding, shardOfTopic } from '../../src/service/sharding.ts';

const KEY = Uint8Array.from({ length: 8 }, (_, i) => i);
/** The reference's key 00 01 .. 07, as it takes words. */
const [K0, K1] = [0x03020100, 0x07060504];
const SHARDS = 8;

describe('where topics live (BD5)', () => {
  it('the keyed hash is HalfSipHash-2-4: its published vectors', () => {
    const input = Array.from({ length: 4 }, (_, length) => String.fromCharCode(...Array(length).keys()));
    const outputs = input.map((text) => Buffer.from(Int32Array.of(halfSip(K0, K1, text)).buffer).toString('hex'));
    expect(outputs).toEqual(['a9359f5b', '27475ab8', 'fa62a603', '8afee704']);
  });

  it('every shard gets its part, and another key spreads the same topics otherwise', () => {
    const topics = Array.from({ length: 8000 }, (_, i) => `tenant-${i % 50}.topic.${i}`);
    const other = keyedSharding(KEY.map((byte) => byte ^ 0x55));
    const one = keyedSharding(KEY);
    const counts = new Array<number>(SHARDS).fill(0);
    for (const topic of topics) counts[one(topic, SHARDS)]!++;
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1200);
    const same = topics.filter((topic) => one(topic, SHARDS) === other(topic, SHARDS)).length;
    expect(same).toBeLessThan(1200);
    // Topics chosen to live together without the key do not with it.
    const chosen = topics.filter((topic) => shardOfTopic(topic, SHARDS) === 0);
    expect(new Set(chosen.map((topic) => one(topic, SHARDS))).size).toBe(SHARDS);
  });
});
