import { describe, expect, it } from 'vitest';
import type { Disk } from '../../sim/disk.ts';
import { filesOf, RESERVE, segmentFile } from '../../src/journal/layout.ts';
import { JournalBench } from '../support/journal.ts';

/** A journal whose last write was cut off, on a disk with no room and no reserve. */
function torn(): { readonly bench: JournalBench; readonly disk: Disk; readonly before: string } {
  const bench = new JournalBench(3, { segmentBytes: 16_384 }).open();
  bench.start();
  bench.queue.run();
  let lastAt = 0;
  for (let i = 0; i < 6; i++) {
    lastAt = bench.journal.end.at;
    bench.step(2, 150);
    bench.queue.run();
  }
  const before = bench.states.at(-2) as string;
  const { disk } = bench;
  const { segment, at } = bench.journal.end;
  for (let cut = lastAt + 128; cut < at; cut++) disk.put(segmentFile(segment), cut, 0);
  disk.kill();
  bench.queue.clear();
  disk.now({ op: 'remove', file: RESERVE });
  disk.now({ op: 'sync_folder', folder: '' });
  disk.capacityBytes = disk.used();
  return { bench, disk, before };
}

describe('a start on a full disk', () => {
  it('a write that was cut off, and no room to put it aside: it starts all the same, and says so (journal rules 3, 5)', () => {
    const { bench, disk, before } = torn();
    bench.open();
    expect(bench.journal.isTornKept).toBe(false);
    expect(filesOf(disk).torn).toEqual([]);
    expect(bench.look()).toBe(before);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    bench.start();
    bench.queue.run();
    expect(bench.look()).toBe(bench.states.at(-1));
  });
});
