import { describe, expect, it } from 'vitest';
import type { ShardState } from '../../src/core/state.ts';
import { imagesIn, restoreLater, type ServedEnd, shardPieces } from '../../src/journal/shard-images.ts';
import { digestOf, JournalBench, LIMITS, RECOVERING } from '../support/journal.ts';

/** One shard as it is made anew while the journal goes on. */
const rebuilt = (bench: JournalBench, shard: number, end: ServedEnd): Promise<ShardState> =>
  new Promise((resolve, reject) => {
    const pieces = [...shardPieces(bench.disk, shard, end, RECOVERING)];
    restoreLater(imagesIn(pieces), shard, LIMITS, (error, state) => (state === null ? reject(error) : resolve(state)));
  });

describe('a shard made anew', () => {
  it('is what the journal says at the place where its log ended, over segments, snapshots and payload files; what is written after does not count (PrefixProp)', async () => {
    const bench = new JournalBench(4).open();
    bench.start();
    bench.queue.run();
    let compared = 0;
    for (let i = 0; i < 150; i++) {
      bench.step(2, 400);
      bench.queue.run();
      if (i % 10 !== 9) continue;
      const end = { ...bench.journal.end };
      const before = [0, 1].map((shard) => digestOf([bench.mirror[shard] as ShardState]));
      bench.step(1);
      for (const shard of [0, 1]) {
        const state = await rebuilt(bench, shard, end);
        expect([state.shard, digestOf([state])]).toEqual([shard, before[shard]]);
        compared++;
      }
      bench.queue.run();
    }
    expect(compared).toBe(30);
    expect(bench.events.some((event) => event.startsWith('compacted'))).toBe(true);
    expect(bench.journal.end.segment).toBeGreaterThan(3);
  });

  it('while the log is compacted: what was asked for may be gone by then, and is there when it is asked for again', async () => {
    const bench = new JournalBench(4).open();
    bench.start();
    bench.queue.run();
    const early = { ...bench.journal.end };
    const compacted = (): number => bench.events.filter((event) => event.startsWith('compacted')).length;
    for (let i = 0; i < 400 && compacted() < 3; i++) {
      bench.step(2, 400);
      bench.queue.run();
    }
    expect(compacted()).toBe(3);
    await expect(rebuilt(bench, 0, early)).rejects.toThrow(/log-000000000000001|missing|ends with frame/);
    const state = await rebuilt(bench, 0, { ...bench.journal.end });
    expect(digestOf([state])).toBe(digestOf([bench.mirror[0] as ShardState]));
  });

  it('is refused where the log is damaged, where it does not reach so far, and where there is no such shard', () => {
    const bench = new JournalBench(4).open();
    bench.start();
    bench.queue.run();
    for (let i = 0; i < 5; i++) {
      bench.step();
      bench.queue.run();
    }
    const end = { ...bench.journal.end };
    const pieces = (shard: number, more: Partial<ServedEnd> = {}) => [
      ...shardPieces(bench.disk, shard, { ...end, ...more }, RECOVERING),
    ];
    expect(pieces(0).length).toBeGreaterThan(0);
    expect(() => pieces(7)).toThrow('no shard 7');
    const beyond = { at: end.at + 512, sequence: end.sequence + 1 };
    expect(() => pieces(0, beyond)).toThrow(`log-000000000000001 at ${end.at}: ends with frame ${end.sequence}`);
    bench.disk.flip('log-000000000000001', 600, 3);
    expect(() => pieces(0)).toThrow(/log-000000000000001 at \d+: /);
  });
});
