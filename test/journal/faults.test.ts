import { describe, expect, it } from 'vitest';
import type { DiskFault } from '../../sim/disk.ts';
import { RESERVE } from '../../src/journal/layout.ts';
import type { StorageOp } from '../../src/ports/storage.ts';
import { JournalBench } from '../support/journal.ts';

/** A journal in service whose disk does `fault` to some op. */
function serving(fault: (op: StorageOp) => DiskFault | null, seed = 1, more: object = {}): JournalBench {
  let on = false;
  const bench = new JournalBench(seed, { segmentBytes: 4096, fault: (op) => (on ? fault(op) : null), ...more }).open();
  bench.start();
  bench.queue.run();
  on = true;
  return bench;
}
function steps(bench: JournalBench, count: number, payloadBytes = 40): void {
  for (let i = 0; i < count; i++) {
    if (bench.durable === bench.states.length) bench.step(2, payloadBytes);
    bench.queue.run();
  }
}
const isFrame = (op: StorageOp): boolean => op.op === 'write' && op.durable;

describe('disk faults', () => {
  it('an error of a write poisons the journal: the append fails, and every one after it, nothing more is written (rule 4)', () => {
    let writes = 0;
    const bench = serving((op) => (isFrame(op) && ++writes === 5 ? { kind: 'error', code: 'EIO' } : null));
    steps(bench, 4);
    const acknowledged = bench.look();
    bench.step(2);
    bench.queue.run();
    expect(bench.events).toEqual(['failed EIO: write']);
    const { ops } = bench.disk;
    let second: Error | null = null;
    bench.append([{ shard: null, facts: [] }], (error) => {
      second = error;
    });
    bench.queue.run();
    bench.tick();
    bench.queue.run();
    expect(second).toMatchObject({ code: 'EIO' });
    expect(bench.disk.ops).toBe(ops);
    expect(bench.look()).toBe(acknowledged);
  });

  it('a frame that the system only seems to have written is written again by the next process (rule 4)', () => {
    let writes = 0;
    // The write is in the cache, its sync failed, and the system takes it for written.
    const bench = serving((op) => (isFrame(op) && ++writes === 3 ? { kind: 'lost_sync' } : null));
    steps(bench, 3);
    const acknowledged = bench.look();
    expect(acknowledged).toBe(bench.states.at(-1));
    bench.disk.kill();
    bench.queue.clear();
    bench.open();
    bench.disk.crash({ keeps: () => false });
    expect(bench.look()).toBe(acknowledged);
  });

  it('short writes: the rest is written after (rule 5)', () => {
    let n = 0;
    const bench = serving((op) => (op.op === 'write' && ++n % 3 > 0 ? { kind: 'short', bytes: n } : null));
    steps(bench, 80, 300);
    expect(bench.durable).toBe(bench.states.length);
    expect(bench.disk.injected['short']).toBeGreaterThan(100);
    bench.disk.crash({ keeps: () => false }, 0);
    expect(bench.look()).toBe(bench.states.at(-1));
  });

  it('a write that writes nothing is an error, not a loop (rule 5)', () => {
    const bench = serving((op) => (isFrame(op) ? { kind: 'short', bytes: 0 } : null));
    steps(bench, 1);
    expect(bench.events).toEqual([expect.stringMatching(/^failed nothing of \d+ bytes was written$/)]);
  });

  it('a full disk: space is said to be short, appends go on; with space it is said to be back (rule 5)', () => {
    const bench = serving(() => null);
    bench.disk.capacityBytes = 4096 * 4;
    steps(bench, 30);
    expect(bench.events.filter((event) => event.startsWith('room'))).toEqual(['room disk_space']);
    expect(bench.durable).toBe(bench.states.length);
    expect(bench.look()).toBe(bench.states.at(-1));
    bench.tick();
    bench.queue.run();
    expect(bench.events.filter((event) => event.startsWith('room'))).toEqual(['room disk_space']);
    bench.disk.capacityBytes = Number.POSITIVE_INFINITY;
    bench.tick();
    bench.queue.run();
    expect(bench.events.filter((event) => event.startsWith('room'))).toEqual(['room disk_space', 'room again']);
    steps(bench, 30);
    expect(bench.look()).toBe(bench.states.at(-1));
  });

  it('an append that may make the next snapshot larger than the reserve is for waits before any of it is written (rule 5)', () => {
    const bench = serving(() => null);
    steps(bench, 3);
    const acknowledged = bench.look();
    bench.step(8, 150);
    bench.queue.clear();
    bench.disk.crash({ keeps: (sector) => sector === 0 });
    bench.open();
    expect(bench.look()).toBe(acknowledged);
    expect(bench.disk.files('').filter((file) => file.startsWith('torn-'))).toEqual([]);
  });

  it('a full disk and a torn tail: the reserve pays for what is put aside, and the journal opens (rules 3, 5)', () => {
    const bench = serving(() => null);
    steps(bench, 3);
    const acknowledged = bench.look();
    bench.step(4, 150);
    bench.queue.clear();
    bench.disk.crash({ keeps: (sector) => sector === 0 });
    bench.disk.capacityBytes = bench.disk.used();
    const kept = bench.disk.size(RESERVE);
    bench.open();
    expect(bench.look()).toBe(acknowledged);
    expect(bench.disk.files('').filter((file) => file.startsWith('torn-'))).toHaveLength(1);
    expect(bench.disk.size(RESERVE)).toBeLessThan(kept);
    bench.disk.capacityBytes = Number.POSITIVE_INFINITY;
    bench.tick();
    bench.queue.run();
    expect(bench.disk.size(RESERVE)).toBeGreaterThanOrEqual(kept);
  });

  it('a full disk and no segment left: appends wait, and are durable when there is space', () => {
    const bench = serving(() => null, 1, { heedsRoom: false });
    bench.disk.capacityBytes = 4096 * 4;
    steps(bench, 400);
    expect(bench.durable).toBe(bench.states.length - 1);
    const waiting = bench.states.at(-1);
    expect(bench.look()).toBe(bench.states.at(-2));
    bench.disk.capacityBytes = Number.POSITIVE_INFINITY;
    bench.tick();
    bench.queue.run();
    expect(bench.durable).toBe(bench.states.length);
    expect(bench.look()).toBe(waiting);
  });

  it('a full disk: the reserve pays for a snapshot, and what that frees pays for the rest (rule 5)', () => {
    const bench = serving(() => null, 1, { segmentBytes: 65_536 });
    while (bench.journal.end.segment < 2) steps(bench, 1, 190);
    bench.queue.run();
    const used = bench.disk.files('').reduce((sum, file) => sum + bench.disk.size(file), 0);
    bench.disk.capacityBytes = used + 512;
    const before = bench.events.length;
    for (let i = 0; i < 4000 && !bench.events.slice(before).includes('room again'); i++) {
      steps(bench, 1, 190);
      if (i % 20 === 0) bench.tick();
      bench.queue.run();
    }
    const events = bench.events.slice(before);
    expect(events[0]).toBe('room disk_space');
    expect(events.filter((event) => event.startsWith('compacted')).length).toBeGreaterThan(0);
    expect(events.at(-1)).toBe('room again');
    expect(bench.durable).toBe(bench.states.length);
    expect(bench.look()).toBe(bench.states.at(-1));
  });

  it('a snapshot that fails is left out, and tried again with the next segment', () => {
    let failing = true;
    const bench = serving((op) =>
      failing && 'file' in op && op.file.startsWith('snapshot') ? { kind: 'error', code: 'EIO' } : null,
    );
    steps(bench, 60);
    expect(bench.events.filter((event) => event === 'compaction failed EIO: write').length).toBeGreaterThan(1);
    expect(bench.durable).toBe(bench.states.length);
    failing = false;
    steps(bench, 30);
    expect(bench.events.at(-1)).toMatch(/^compacted/);
    expect(bench.look()).toBe(bench.states.at(-1));
  });

  it('an error of a segment made beforehand poisons too: the next frames would need it', () => {
    const bench = serving((op) => ('file' in op && op.file.endsWith('.tmp') ? { kind: 'error', code: 'EIO' } : null));
    steps(bench, 40);
    expect(bench.events).toContain('failed EIO: write');
  });

  it('payload files: shared by content, kept while a message needs them, removed with the last (rule 6)', () => {
    const bench = serving(() => null, 7, { segmentBytes: 65536 });
    steps(bench, 60, 600);
    const kept = bench.disk.files('payloads');
    const needed = bench.shards.flatMap((shard) =>
      [...shard.messages()].flatMap((m) =>
        m.payload !== null && m.payload.byteLength > 200 ? [m.payloadHash.slice(3)] : [],
      ),
    );
    expect([...kept].sort()).toEqual([...new Set(needed)].sort());
    expect(kept.length).toBeGreaterThan(2);
    bench.disk.crash({ keeps: () => false }, 0);
    bench.queue.clear();
    expect(bench.look()).toBe(bench.states.at(-1));
    expect(bench.open().journal.recovered?.damagedPayloads).toEqual([]);
  });

  it('payload files: without space the payload goes into the frame, whose space is there already', () => {
    const bench = serving((op) =>
      'file' in op && op.file.startsWith('payloads/') && op.op === 'write' ? { kind: 'error', code: 'ENOSPC' } : null,
    );
    steps(bench, 40, 600);
    expect(bench.durable).toBe(bench.states.length);
    expect(bench.events).toContain('room disk_space');
    expect(bench.disk.files('payloads')).toEqual([]);
    expect(bench.look()).toBe(bench.states.at(-1));
    expect(bench.disk.files('')).toContain(RESERVE);
  });
});
