import { describe, expect, it } from 'vitest';
import { filesOf, PAYLOADS } from '../../src/journal/layout.ts';
import { loadSnapshot, recover } from '../../src/journal/recover.ts';
import { isRefusal } from '../../src/journal/refusal.ts';
import type { Clocks } from '../../src/ports/process-facts.ts';
import { digestOf, JournalBench, RECOVERING } from '../support/journal.ts';

const SEGMENT_BYTES = 8192;

describe('compaction', () => {
  it('at a steady depth the disk holds what is live, however much went through (journal rule 6)', () => {
    const bench = new JournalBench(21, { segmentBytes: SEGMENT_BYTES });
    bench.open();
    bench.start();
    bench.queue.run();
    const bytesAt: number[] = [];
    for (let i = 0; i < 1500; i++) {
      bench.step(3, 60);
      bench.queue.run(bench.random);
      if (i % 100 === 99) bytesAt.push(bench.journal.bytesOnDisk());
    }
    const segments = filesOf(bench.disk).segments.at(-1) as number;
    expect(segments, 'much went through').toBeGreaterThan(60);
    // Two snapshots, the log since the older one, segments made beforehand, the reserve.
    const snapshots = filesOf(bench.disk).snapshots.map((n) =>
      bench.disk.size(`snapshot-${String(n).padStart(15, '0')}`),
    );
    expect(snapshots).toHaveLength(2);
    const largest = Math.max(...snapshots, 2 * SEGMENT_BYTES);
    for (const bytes of bytesAt) expect(bytes).toBeLessThan(5 * largest + 5 * SEGMENT_BYTES);
    expect(Math.max(...bytesAt.slice(5))).toBeLessThan(1.5 * (bytesAt[4] as number));
  });

  it('a snapshot says what the clocks showed at its end: enough to go on from, where the log after it is empty (TM1)', () => {
    const bench = new JournalBench(7).open();
    bench.start();
    bench.queue.run();
    const made = () => bench.events.find((event) => event.startsWith('compacted'));
    for (let steps = 0; made() === undefined && steps < 1000; steps++) {
      bench.step();
      bench.queue.run();
    }
    const sequence = Number(made()?.slice('compacted '.length));
    let clocks: Clocks | null = null;
    recover(bench.disk, {
      ...{ ...RECOVERING, oldest: true },
      visited: (replica, frame) => {
        if (frame.sequence === sequence) clocks = replica.clocks;
      },
    });
    const loaded = loadSnapshot(bench.disk, sequence, RECOVERING.hash);
    expect(isRefusal(loaded)).toBe(false);
    expect(clocks).not.toBeNull();
    expect('replica' in loaded && loaded.replica.clocks).toEqual(clocks);
  });

  it('a snapshot that came out damaged counts for none: the log that it says is kept, and the next one does (rule 6)', () => {
    let damaged = 0;
    const bench: JournalBench = new JournalBench(23, {
      isQuick: true,
      fault: (op) => {
        if (op.op === 'rename' && op.to.startsWith('snapshot-') && damaged < 2) {
          bench.disk.flip(op.file, bench.disk.size(op.file) >> 1, 1);
          damaged++;
        }
        return null;
      },
    }).open();
    const compacted = (): string[] => bench.events.filter((event) => event.startsWith('compact'));
    const until = (count: number): void => {
      for (let steps = 0; compacted().length < count && steps < 2000; steps++) {
        bench.step();
        bench.queue.run();
      }
    };
    bench.start();
    bench.queue.run();
    until(2);
    expect([damaged, compacted()]).toEqual([2, Array(2).fill(expect.stringMatching(/^compaction failed .*snapshot-/))]);
    expect(filesOf(bench.disk).segments[0]).toBe(1);
    expect(bench.look()).toBe(digestOf(bench.mirror));
    until(4);
    expect(compacted().slice(2)).toEqual(Array(2).fill(expect.stringMatching(/^compacted /)));
    expect(filesOf(bench.disk).segments[0]).toBeGreaterThan(1);
    expect(bench.look()).toBe(digestOf(bench.mirror));
  });

  it('payload files: there are those of live messages and no others, over restarts and snapshots (rule 6, item 1)', () => {
    const bench = new JournalBench(22);
    for (let process = 0; process < 3; process++) {
      bench.open();
      bench.start();
      bench.queue.run();
      for (let i = 0; i < 80; i++) {
        bench.step(3, 400);
        bench.queue.run(bench.random);
        const live = bench.shards.flatMap(({ living }) =>
          [...living.all()].filter(({ payload }) => (payload as Uint8Array).byteLength > 200),
        );
        const needed = new Set(live.map((message) => message.payloadHash.slice(3)));
        expect(new Set(bench.disk.files(PAYLOADS))).toEqual(needed);
      }
      bench.disk.kill();
    }
  });
});
