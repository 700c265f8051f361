import { describe, expect, it } from 'vitest';
import type { Disk } from '../../sim/disk.ts';
import { FILE_HEADER_BYTES, filesOf, segmentFile, snapshotFile } from '../../src/journal/layout.ts';
import { type Recovered, recover } from '../../src/journal/recover.ts';
import { firstWritten } from '../../src/journal/segment-file.ts';
import { JournalBench, RECOVERING } from '../support/journal.ts';

/** A journal of a few frames, at rest, and where the last of them stands. */
function written(appends: number, segmentBytes: number, payloadBytes = 30) {
  const bench = new JournalBench(3, { segmentBytes }).open();
  bench.start();
  bench.queue.run();
  let lastAt = 0;
  for (let i = 0; i < appends; i++) {
    lastAt = bench.journal.end.at;
    while (bench.states.length < i + 2) bench.step(2, payloadBytes);
    bench.queue.run();
  }
  const { segment, at } = bench.journal.end;
  return { bench, whole: bench.look(), file: segmentFile(segment), lastAt, end: at };
}

/** What is said of the disk after each change, which is undone again. */
function* looks(bench: JournalBench, change: (disk: Disk) => void): Generator<string> {
  const disk = bench.disk;
  bench.disk = disk.copy();
  change(bench.disk);
  yield bench.look();
  bench.disk = disk;
}
const changed = (bench: JournalBench, change: (disk: Disk) => void): string => [...looks(bench, change)][0] as string;

describe('damage', () => {
  it('a torn last frame, cut at each of its bytes: what is before it is there, put aside, and it goes on (journal rule 3)', () => {
    const { bench, file, lastAt, end } = written(4, 4096);
    const before = bench.states.at(-2) as string;
    const disk = bench.disk;
    for (let cut = lastAt; cut < end; cut++) {
      bench.disk = disk.copy();
      for (let at = cut; at < end; at++) bench.disk.put(file, at, 0);
      expect(bench.look(), `cut at ${cut}`).toBe(before);
      bench.open();
      const torn = bench.disk.files('').filter((name) => name.startsWith('torn-'));
      const nothing = disk.read(file, lastAt, cut - lastAt).every((byte) => byte === 0);
      expect(torn).toHaveLength(nothing ? 0 : 1);
      expect(bench.disk.read(file, lastAt, 4096).every((byte) => byte === 0)).toBe(true);
      bench.start();
      bench.queue.run();
      expect(bench.look()).toBe(bench.states.at(-1));
      bench.states.pop();
    }
    expect(end - lastAt).toBeGreaterThan(100);
  });

  it('a torn write with more than a MiB of nothing in it: put aside to its last byte, and it goes on (journal rule 3)', () => {
    const bench = new JournalBench(3, { segmentBytes: 8 << 20, isQuick: true }).open();
    bench.start();
    bench.queue.run();
    for (let i = 0; i < 5; i++) {
      bench.step();
      bench.queue.run();
    }
    const before = bench.look();
    const { at } = bench.journal.end;
    const [farAt, far] = [at + (2 << 20), new Uint8Array(3000).fill(0x5a)];
    bench.disk.now({ op: 'write', file: segmentFile(1), at: farAt, bytes: far, durable: true });
    bench.disk.kill();
    bench.queue.clear();
    expect(bench.look()).toBe(before);
    bench.open();
    const torn = bench.disk.files('').filter((name) => name.startsWith('torn-'));
    expect(torn.map((file) => bench.disk.size(file))).toEqual([farAt + far.length - at]);
    expect(firstWritten(bench.disk, segmentFile(1), at)).toBe(-1);
    bench.start();
    bench.queue.run();
    expect(bench.look()).not.toMatch(/^refused/);
  });

  it('every bit of the log: noticed, named with file and place, nothing acknowledged is dropped (journal rule 3)', () => {
    const { bench, whole, file, end } = written(3, 4096);
    const disk = bench.disk.copy();
    bench.disk = disk;
    let refused = 0;
    for (let at = 0; at < end; at++) {
      for (let bit = 0; bit < 8; bit++) {
        disk.flip(file, at, bit);
        expect(bench.look(), `byte ${at}, bit ${bit}`).toMatch(new RegExp(`^refused: ${file} at \\d+: `));
        refused++;
        disk.flip(file, at, bit);
      }
    }
    expect(bench.look()).toBe(whole);
    expect(refused).toBeGreaterThan(5_000);
    // Past the end there is nothing to lose: what stands there is put aside like a torn write. But for what says that
    // a header is whole: that is refused, to be on the safe side.
    for (let at = end; at < end + 200; at++) {
      const found = changed(bench, (d) => d.flip(file, at, 3));
      if (at === end + 63) expect(found).toMatch(/^refused/);
      else expect(found).toBe(whole);
    }
  });

  it('a missing, shortened or foreign segment: refused', () => {
    const { bench } = written(66, 2048);
    const recovered = recover(bench.disk, RECOVERING) as Recovered;
    const needed = (recovered.snapshot?.segment ?? 0) as number;
    expect(needed).toBeGreaterThan(2);
    expect(needed).toBeLessThan(recovered.tail.segment);
    const remove = (disk: Disk): void => void disk.now({ op: 'remove', file: segmentFile(needed) });
    expect(changed(bench, remove)).toMatch(/^refused: log-\d+ at 0: missing: log-\d+ is there/);
    const shorten = (disk: Disk): void => disk.shorten(segmentFile(needed), 700);
    expect(changed(bench, shorten)).toMatch(/700 bytes long, and made with 2048: it was cut off/);
    expect(
      changed(bench, (d) => {
        const bytes = new Uint8Array(bench.disk.read(segmentFile(needed - 1), 0, 2048));
        d.now({ op: 'write', file: segmentFile(needed), at: 0, bytes, durable: true });
      }),
    ).toMatch(/under a wrong name/);
  });

  it('snapshots: a damaged one is passed over for the other, whichever byte it is; both damaged is refused', () => {
    const { bench, whole } = written(60, 2048);
    const [older, newer] = filesOf(bench.disk).snapshots as [number, number];
    const disk = bench.disk.copy();
    bench.disk = disk;
    const size = disk.size(snapshotFile(newer));
    for (let at = 0; at < size; at += at < FILE_HEADER_BYTES + 64 ? 5 : 61) {
      disk.flip(snapshotFile(newer), at, at % 8);
      expect(bench.look(), `byte ${at}`).toBe(whole);
      disk.flip(snapshotFile(newer), at, at % 8);
    }
    disk.shorten(snapshotFile(newer), size - 64);
    expect(bench.look()).toBe(whole);
    disk.flip(snapshotFile(older), 600, 1);
    expect(bench.look()).toMatch(/^refused: snapshot-\d+ at \d+: /);
  });

  it('a write that went elsewhere: refused, or it did no harm (journal rule 3)', () => {
    let refused = 0;
    for (let n = 1; n < 60; n++) {
      let writes = 0;
      const bench = new JournalBench(n, {
        segmentBytes: 4096,
        fault: (op) => {
          if (op.op !== 'write' || !op.durable || ++writes !== 12) return null;
          const files = bench.disk.files('').filter((name) => name.startsWith('log-'));
          const file = files[n % files.length] as string;
          return { kind: 'misdirected', file, at: 64 * (n % 60) };
        },
      }).open();
      bench.start();
      bench.queue.run();
      for (let i = 0; i < 12; i++) {
        bench.step();
        bench.queue.run();
      }
      const found = bench.look();
      if (bench.disk.injected['misdirected'] !== 1) continue;
      if (found.startsWith('refused')) refused++;
      else expect(found).toBe(bench.states.at(-1));
    }
    expect(refused).toBeGreaterThan(20);
  });

  it('payload files: one that is damaged or gone marks its message, and no other (IN1)', () => {
    const { bench } = written(12, 16384, 400);
    const { recovered } = bench.open().journal;
    expect(recovered?.damagedPayloads).toEqual([]);
    const files = bench.disk.files('payloads');
    expect(files.length).toBeGreaterThan(1);
    bench.disk.flip(`payloads/${files[0]}`, 5, 1);
    bench.disk.now({ op: 'remove', file: `payloads/${files[1]}` });
    const damaged = bench.open().journal.recovered?.damagedPayloads ?? [];
    expect(damaged.map(({ why }) => why).sort()).toEqual(['does not match its hash', 'missing']);
    for (const { msgId } of damaged) {
      const message = bench.shards.map((shard) => shard.find(msgId)).find((found) => found !== undefined);
      expect(files.slice(0, 2).map((name) => `b3:${name}`)).toContain(message?.payloadHash);
      expect(Buffer.from(message?.payload ?? []).toString()).toBe('damaged');
    }
  });
});
