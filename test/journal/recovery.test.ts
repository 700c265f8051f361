import { describe, expect, it } from 'vitest';
import { digestOf, JournalBench } from '../support/journal.ts';

describe('recovery', () => {
  it('what was appended is there again, over segments, snapshots and restarts (PrefixProp)', () => {
    const bench = new JournalBench(1);
    let opened = 0;
    for (let round = 0; round < 5; round++) {
      bench.open();
      expect(bench.journal.term).toBe(++opened);
      if (round > 0) expect(digestOf(bench.shards)).toBe(bench.states.at(-1));
      bench.start();
      bench.queue.run(bench.random);
      for (let i = 0; i < 200; i++) {
        bench.step();
        bench.queue.run(bench.random);
      }
      expect(bench.durable).toBe(bench.states.length);
      bench.queue.clear();
      bench.disk.kill();
    }
  });
});
