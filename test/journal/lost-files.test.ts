import { describe, expect, it } from 'vitest';
import { Disk } from '../../sim/disk.ts';
import { audit } from '../../src/journal/audit.ts';
import { runNow } from '../../src/journal/file-work.ts';
import {
  FILE_HEADER_BYTES,
  fileHeader,
  filesOf,
  RESERVE,
  segmentFile,
  snapshotFile,
} from '../../src/journal/layout.ts';
import { mustRecover, UnreadableError } from '../../src/journal/read-live.ts';
import { type Recovered, recover } from '../../src/journal/recover.ts';
import { copySteps, openSegment, type SegmentFile } from '../../src/journal/segment-file.ts';
import { shardPieces } from '../../src/journal/shard-images.ts';
import { compact } from '../../src/journal/snapshot.ts';
import { statOf } from '../../src/journal/stat.ts';
import { hashOf, JournalBench, Queue, RECOVERING, SALT, sha256 } from '../support/journal.ts';

const integrity = { payloadHashOf: hashOf, hashChainOf: (_t: string, _a: number, _k: string, hash: string) => hash };
const SEGMENT_BYTES = 2048;

/** A journal at rest whose log is in its third segment since the last snapshot, with segments ready after it. */
function written(seed = 3): JournalBench {
  const bench = new JournalBench(seed, { segmentBytes: SEGMENT_BYTES }).open();
  bench.start();
  bench.queue.run();
  for (;;) {
    bench.step(2, 30);
    bench.queue.run();
    const { snapshot, tail } = recover(bench.disk, RECOVERING) as Recovered;
    if (snapshot !== null && tail.segment >= snapshot.segment + 1 && tail.at > 1200) return bench;
  }
}

interface Log {
  /** Those with frames that no snapshot covers, and those made beforehand. */
  readonly used: readonly string[];
  readonly spares: readonly string[];
}
function logOf(bench: JournalBench): Log {
  const { snapshot, tail } = recover(bench.disk, RECOVERING) as Recovered;
  const numbers = filesOf(bench.disk).segments.filter((number) => number >= (snapshot?.segment ?? 1));
  const files = (of: readonly number[]) => of.map(segmentFile);
  return {
    used: files(numbers.filter((number) => number <= tail.segment)),
    spares: files(numbers.filter((number) => number > tail.segment)),
  };
}

const remove = (disk: Disk, ...files: readonly string[]): void => {
  for (const file of files) disk.now({ op: 'remove', file });
};
const put = (disk: Disk, file: string, at: number, bytes: Uint8Array): void => {
  disk.now({ op: 'write', file, at, bytes, durable: true });
};
const all = (disk: Disk, file: string): Uint8Array => new Uint8Array(disk.read(file, 0, disk.size(file)));
const numberOf = (file: string): number => Number(file.slice(4));

/** Everything that reads a journal says so, with the file: the start, verify, stat, whatever reads for a backup. */
function mustBeRefused(bench: JournalBench, file: string, why: RegExp): void {
  const found = recover(bench.disk, RECOVERING);
  expect(found).toMatchObject({ kind: 'refused', file, why: expect.stringMatching(why) });
  // It begins further back, where more may be missing.
  const { problems } = audit(bench.disk, { hash: sha256, integrity });
  expect(problems.some((problem) => why.test(problem.why) || problem.why.startsWith('missing: '))).toBe(true);
  expect(() => statOf(bench.disk, RECOVERING)).toThrow(UnreadableError);
  expect(() => mustRecover(bench.disk, RECOVERING)).toThrow(file);
  expect(() => bench.open()).toThrow(file);
}

describe('lost files', () => {
  const cases: [string, (disk: Disk, log: Log) => string, RegExp][] = [
    [
      'the last segment in use, with those made after it still there',
      (disk, { used }) => {
        remove(disk, used.at(-1) as string);
        return used.at(-1) as string;
      },
      /^missing: log-\d+ is there\. Put it back, or restore a backup$/,
    ],
    [
      'the last segment in use and all that were made after it',
      (disk, { used, spares }) => {
        remove(disk, used.at(-1) as string, ...spares);
        return used.at(-1) as string;
      },
      /^missing: log-\d+ is full, and the log goes on\. Put it back/,
    ],
    [
      'a segment between others',
      (disk, { used }) => {
        remove(disk, used.at(-2) as string);
        return used.at(-2) as string;
      },
      /^missing: /,
    ],
    [
      'all segments, with the snapshots still there',
      (disk, { used, spares }) => {
        remove(disk, ...used, ...spares);
        return used[0] as string;
      },
      /^missing: it was made, and is needed/,
    ],
    [
      'a segment made beforehand, with the next one still there',
      (disk, { spares }) => {
        remove(disk, spares[0] as string);
        return spares[0] as string;
      },
      /^missing: log-\d+ is there/,
    ],
    [
      'a segment that never was, far beyond the others',
      (disk, { spares }) => {
        put(disk, 'log-999999999999999', 0, all(disk, spares[0] as string));
        return segmentFile(numberOf(spares.at(-1) as string) + 1);
      },
      /^missing: log-999999999999999 is there/,
    ],
    [
      'the last segment in use, made anew',
      (disk, { used, spares }) => {
        const [file, spare] = [used.at(-1) as string, spares[0] as string];
        remove(disk, file, ...spares.slice(1));
        disk.now({ op: 'rename', file: spare, to: file });
        return file;
      },
      /^under a wrong name$/,
    ],
    [
      'something in a segment that nothing was written to',
      (disk, { spares }) => {
        put(disk, spares.at(-1) as string, 700, Buffer.from('garbage'));
        return spares.at(-1) as string;
      },
      /^holds something, and the log ends before it$/,
    ],
    [
      'something in the next segment, though none is full before it',
      (disk, { spares }) => {
        put(disk, spares[0] as string, 700, Buffer.from('garbage'));
        return spares[0] as string;
      },
      /^holds something, and the log ends before it in log-\d+$/,
    ],
    [
      'a copy of a segment under the next name',
      (disk, { used, spares }) => {
        put(disk, spares[0] as string, 0, all(disk, used.at(-1) as string));
        return spares[0] as string;
      },
      /^under a wrong name$/,
    ],
    [
      'something behind the end of a segment',
      (disk, { used }) => {
        put(disk, used.at(-1) as string, SEGMENT_BYTES, new Uint8Array(1));
        return used.at(-1) as string;
      },
      /^2049 bytes long, and made with 2048: something was added$/,
    ],
  ];

  it.each(cases)('%s: refused with the file, by all that read a journal (journal rule 3)', (_name, harm, why) => {
    const bench = written();
    const log = logOf(bench);
    expect([log.used.length, log.spares.length]).toEqual([2, 2]);
    mustBeRefused(bench, harm(bench.disk, log), why);
  });

  it('all segments of a journal without a snapshot: refused, never taken for a new directory', () => {
    const bench = new JournalBench(1).open();
    bench.start();
    bench.queue.run();
    remove(bench.disk, ...filesOf(bench.disk).segments.map(segmentFile));
    mustBeRefused(bench, segmentFile(1), /^missing: reserve is there, and is made after it/);
    // What is left says nothing of what was: this is what a new directory looks like.
    remove(bench.disk, RESERVE);
    expect(recover(bench.disk, RECOVERING)).toEqual({ kind: 'empty' });
  });

  it('a segment of three tebibytes of nothing, wherever: refused at its size, and not read', () => {
    const bench = written();
    const { used, spares } = logOf(bench);
    const disk = bench.disk;
    for (const file of [...used, ...spares]) {
      bench.disk = disk.copy();
      const { size, read } = bench.disk;
      bench.disk.size = (name) => (name === file ? 3 * 2 ** 40 : size.call(bench.disk, name));
      let reads = 0;
      bench.disk.read = (...of) => {
        reads++;
        return read.apply(bench.disk, of);
      };
      mustBeRefused(bench, file, /^3298534883328 bytes long, more than the 268435456 of any segment$/);
      expect(reads).toBeLessThan(500);
    }
  });

  it('a segment cut off at any byte, in use, full or made beforehand: refused with how long it was made', () => {
    const bench = written();
    const { used, spares } = logOf(bench);
    const disk = bench.disk;
    for (const file of [...used, ...spares]) {
      for (let size = 0; size < SEGMENT_BYTES; size += size % 64 === 0 ? 1 : 63) {
        bench.disk = disk.copy();
        bench.disk.shorten(file, size);
        const why =
          size < FILE_HEADER_BYTES ? /shorter than its header: it was cut off/ : /made with 2048: it was cut off$/;
        expect(bench.look(), `${file} at ${size}`).toMatch(new RegExp(`^refused: ${file} at \\d+: `));
        expect(bench.look()).toMatch(why);
      }
    }
  });

  it('every bit of the only frame of a segment: noticed, though it is the last that was written', () => {
    const bench = written();
    const isSo = (): boolean => {
      const { last } = (recover(bench.disk, RECOVERING) as Recovered).tail;
      return last?.at === FILE_HEADER_BYTES && logOf(bench).used.length === 2;
    };
    while (!isSo()) {
      bench.step(1, 30);
      bench.queue.run();
    }
    const file = logOf(bench).used.at(-1) as string;
    const { at } = (recover(bench.disk, RECOVERING) as Recovered).tail;
    const disk = bench.disk.copy();
    bench.disk = disk;
    for (let place = FILE_HEADER_BYTES; place < at; place++) {
      disk.flip(file, place, place % 8);
      expect(bench.look(), `byte ${place}`).toMatch(new RegExp(`^refused: ${file} at \\d+: `));
      disk.flip(file, place, place % 8);
    }
  });

  it('what is gone while it is served: no snapshot is made of it, and no shard made anew', () => {
    const bench = written();
    const { used, spares } = logOf(bench);
    const { segment, at, sequence } = bench.journal.end;
    const end = { segment, at, sequence };
    const disk = bench.disk;
    for (const harm of ['remove', 'shorten'] as const) {
      bench.disk = disk.copy();
      const file = used[0] as string;
      if (harm === 'remove') remove(bench.disk, file);
      else bench.disk.shorten(file, 1500);
      expect(() => runNow(bench.disk, compact(bench.disk, { ...end, asOfMs: 0 }, RECOVERING))).toThrow(file);
      expect(() => [...shardPieces(bench.disk, 0, end, RECOVERING)]).toThrow(file);
      bench.disk = disk.copy();
      const last = used.at(-1) as string;
      if (harm === 'remove') remove(bench.disk, last, ...spares);
      else bench.disk.shorten(last, 1000);
      expect(() => [...shardPieces(bench.disk, 0, end, RECOVERING)]).toThrow(last);
    }
  });

  it('a snapshot whose next segment holds nothing yet is a journal; one whose next segment is gone is refused', () => {
    const bench = written();
    const { snapshot, salt } = recover(bench.disk, RECOVERING) as Recovered;
    const segment = snapshot?.segment as number;
    const numbers = filesOf(bench.disk).segments.filter((number) => number > segment);
    remove(bench.disk, ...numbers.map(segmentFile));
    put(bench.disk, segmentFile(segment), FILE_HEADER_BYTES, new Uint8Array(SEGMENT_BYTES - FILE_HEADER_BYTES));
    const found = audit(bench.disk, { hash: sha256, integrity });
    expect(found).toMatchObject({ exists: true, problems: [] });
    expect(recover(bench.disk, RECOVERING)).toMatchObject({ tail: { segment, at: FILE_HEADER_BYTES }, salt });
    for (const other of filesOf(bench.disk).segments.filter((number) => number < segment)) {
      remove(bench.disk, segmentFile(other));
    }
    for (const other of filesOf(bench.disk).snapshots.filter((sequence) => sequence !== snapshot?.sequence)) {
      remove(bench.disk, snapshotFile(other));
    }
    expect(audit(bench.disk, { hash: sha256, integrity })).toMatchObject({ exists: true, problems: [], frames: 0 });
    expect(() => bench.open()).not.toThrow();
    bench.queue.run();
    const again = written();
    remove(again.disk, ...logOf(again).used, ...logOf(again).spares);
    expect(audit(again.disk, { hash: sha256, integrity })).toMatchObject({ exists: true, problems: [{}] });
  });
});

describe('power cuts', () => {
  it('a full segment is sealed durably before the next is written: nothing else is kept, and the seal is (journal rule 3)', () => {
    const bench = new JournalBench(3, { isQuick: true }).open();
    bench.start();
    bench.queue.run();
    while (bench.journal.end.segment < 2) {
      bench.step();
      bench.queue.run();
    }
    bench.disk.crash({ keeps: () => false });
    const { seal } = openSegment(bench.disk, 1) as SegmentFile;
    expect(seal({ salt: SALT, hash: RECOVERING.hash })).not.toBeNull();
  });

  it('a segment that was copied, once its name is durable: all of it is', () => {
    const disk = new Disk({ schedule: new Queue().schedule });
    const content = new Uint8Array(SEGMENT_BYTES).fill(7);
    content.set(fileHeader('segment', 3, SALT, SEGMENT_BYTES));
    runNow(disk, copySteps(3, SALT, content));
    disk.now({ op: 'sync_folder', folder: '' });
    const before = all(disk, segmentFile(3));
    expect(before.subarray(FILE_HEADER_BYTES, SEGMENT_BYTES)).toEqual(content.subarray(FILE_HEADER_BYTES));
    disk.crash({ keeps: () => false });
    expect(all(disk, segmentFile(3))).toEqual(before);
  });
});

describe('sizes', () => {
  it('segment_size changes from start to start: every segment keeps its own, and all of it is there', () => {
    const bench = new JournalBench(5, { segmentBytes: SEGMENT_BYTES });
    for (const segmentBytes of [2048, 8192, 4096, 2048, 16_384]) {
      Object.assign(bench, { segmentBytes });
      bench.open();
      bench.start();
      bench.queue.run();
      for (let i = 0; i < 25; i++) {
        bench.step(2, 30);
        bench.queue.run();
      }
      expect(bench.look()).toBe(bench.states.at(-1));
      bench.disk.kill();
    }
    const sizes = new Set(filesOf(bench.disk).segments.map((number) => bench.disk.size(segmentFile(number))));
    expect(sizes.size).toBeGreaterThan(1);
  });
});
