import { afterEach, describe, expect, it } from 'vitest';
import { Disk } from '../../sim/disk.ts';
import { RESERVE, segmentFile } from '../../src/journal/layout.ts';
import { capacityOf } from '../../src/journal/segment-file.ts';
import type { Snapshot } from '../../src/journal/snapshot.ts';
import { SnapshotSpace } from '../../src/journal/snapshot-space.ts';
import { Space } from '../../src/journal/space.ts';
import type { Lack } from '../../src/ports/journal.ts';
import { Queue, SALT } from '../support/journal.ts';

const SEGMENT_BYTES = 4096;
let space: Space;
afterEach(() => space.close());

const emptySpace = (): SnapshotSpace =>
  new SnapshotSpace({ segmentBytes: SEGMENT_BYTES, newest: undefined, logBytes: 0, sends: 0, ends: 0, live: 0 });

/** The space of a log in its first segment, with so much in reserve, on a disk that does its work when the test says so. */
function furnished(reserveBytes: number) {
  const queue = new Queue();
  const disk = new Disk({ schedule: queue.schedule });
  if (reserveBytes > 0) {
    disk.now({ op: 'write', file: RESERVE, at: 0, bytes: new Uint8Array(reserveBytes), durable: true });
  }
  const said: (Lack | null)[] = [];
  const sealed: number[] = [];
  space = new Space({
    ...{
      storage: disk,
      salt: SALT,
      segmentBytes: SEGMENT_BYTES,
      snapshotSpace: emptySpace(),
      reserveBytes,
      owedBytes: 0,
    },
    ...{ current: 1, capacities: new Map([[1, capacityOf(SEGMENT_BYTES)]]) },
    events: {
      room: (lack) => said.push(lack),
      wanting: () => {},
      sealed: (segment) => sealed.push(segment),
      failed: (error) => {
        throw error;
      },
    },
  });
  return { queue, disk, said, sealed };
}

describe('room for what is still to come (journal rule 5)', () => {
  it('an append that waits for a segment while the reserve is given back goes on when both are there', () => {
    const { queue, disk, sealed } = furnished(2 * SEGMENT_BYTES);
    space.lend(() => {});
    disk.now({ op: 'truncate', file: RESERVE, size: 0 });
    space.takeBack(false);
    let ready = 0;
    space.nextSegment(1, 5, () => ready++);
    queue.run();
    expect([ready, sealed]).toEqual([1, [1]]);
    expect(disk.size(RESERVE)).toBe(2 * SEGMENT_BYTES);
  });

  it('while there is none for a payload as large as the one that had none, sends are not taken again', () => {
    const { queue, disk, said } = furnished(0);
    space.fill();
    queue.run();
    expect([disk.size(RESERVE), disk.files('').includes(segmentFile(3))]).toEqual([SEGMENT_BYTES, true]);
    disk.capacityBytes = disk.used();
    space.lost('disk_space', 50_000);
    for (let i = 0; i < 4; i++) {
      space.fill();
      queue.run();
    }
    expect(said).toEqual(['disk_space']);
    disk.capacityBytes += 100_000;
    space.fill();
    queue.run();
    expect(said).toEqual(['disk_space', null]);
  });
});

describe('space that a snapshot takes and frees', () => {
  it('what one covers counts no more: a second one frees nothing', () => {
    const space = emptySpace();
    for (let i = 0; i < 10; i++) {
      space.wrote(500);
      space.entered();
    }
    for (let i = 0; i < 9; i++) {
      space.wrote(100);
      space.left();
    }
    expect(space.hasHalved).toBe(true);
    space.begin();
    space.made({ bytes: 900 } as Snapshot);
    space.keeps(0, 0);
    expect([space.hasHalved, space.freedBytes()]).toEqual([false, 0]);
  });
});
