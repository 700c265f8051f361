import { describe, expect, it } from 'vitest';
import { Crash, Disk } from '../../sim/disk.ts';
import { Queue } from '../support/journal.ts';
import fc from '../support/properties.ts';

const bytesOf = (text: string): Uint8Array => Buffer.from(text);
const textOf = (disk: Disk, file: string): string => Buffer.from(disk.read(file, 0, 10_000)).toString();
const write = (file: string, at: number, text: string, durable = false) =>
  ({ op: 'write', file, at, bytes: bytesOf(text), durable }) as const;
const NAMES = { op: 'sync_folder', folder: '' } as const;
const nothing = { keeps: () => false };

describe('simulated disk', () => {
  const created = (): Disk => {
    const disk = new Disk({ schedule: new Queue().schedule });
    disk.now(write('a', 0, 'one', true));
    disk.now(NAMES);
    return disk;
  };

  it('a crash of the machine takes what was not synced, a crash of the process nothing', () => {
    const disk = created();
    disk.now(write('a', 3, 'two'));
    expect(textOf(disk, 'a')).toBe('onetwo');
    disk.kill();
    expect(textOf(disk, 'a')).toBe('onetwo');
    disk.crash(nothing);
    expect(textOf(disk, 'a')).toBe('one');
  });

  it('synced bytes stay, whatever the crash; unsynced ones sector by sector', () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.infiniteStream(fc.boolean()), (length, keeps) => {
        const disk = created();
        disk.now(write('a', 3, 'x'.repeat(length), true));
        disk.now(write('a', 3 + length, 'y'.repeat(2000)));
        const kept: boolean[] = [];
        disk.crash({
          keeps: () => {
            kept.push(keeps.next().value as boolean);
            return kept.at(-1) as boolean;
          },
        });
        const text = textOf(disk, 'a');
        expect(text.startsWith(`one${'x'.repeat(length)}`)).toBe(true);
        for (let at = 3 + length, sector = 0; at < 2003 + length; sector++) {
          const end = Math.min(2003 + length, at + 512 - (at % 512));
          if (kept[sector]) expect(text.slice(at, end)).toBe('y'.repeat(end - at));
          else expect(text.slice(at, end)).not.toContain('y');
          at = end;
        }
      }),
    );
  });

  it('names that were not synced are lost from the last one back; a rename is there whole or not at all', () => {
    for (let names = 0; names <= 2; names++) {
      const disk = created();
      disk.now(write('b.tmp', 0, 'new', true));
      disk.now({ op: 'rename', file: 'b.tmp', to: 'b' });
      expect(disk.files('')).toEqual(['a', 'b']);
      disk.crash(nothing, names);
      expect(disk.files('')).toEqual([['a'], ['a', 'b.tmp'], ['a', 'b']][names]);
    }
  });

  it('a removal that was not synced may come back', () => {
    const disk = created();
    disk.now({ op: 'remove', file: 'a' });
    expect(() => disk.size('a')).toThrow('ENOENT');
    disk.crash(nothing, 0);
    expect(textOf(disk, 'a')).toBe('one');
  });

  it('later: what was begun is in the cache, and on the disk when it is done; after a crash nothing answers', () => {
    const queue = new Queue();
    const disk = new Disk({ schedule: queue.schedule });
    disk.now(write('a', 0, 'one', true));
    disk.now(NAMES);
    const done: number[] = [];
    disk.later(write('a', 3, 'two', true), (_error, result) => done.push(result));
    expect([textOf(disk, 'a'), done]).toEqual(['onetwo', []]);
    queue.run();
    expect(done).toEqual([3]);
    disk.later(write('a', 6, 'three', true), (_error, result) => done.push(result));
    disk.crash(nothing);
    queue.run();
    expect([textOf(disk, 'a'), done]).toEqual(['onetwo', [3]]);
  });

  it('the process dies before the op that was asked for', () => {
    const disk = created();
    disk.crashAt = disk.ops + 2;
    disk.now(write('a', 3, 'two'));
    expect(() => disk.now(write('a', 6, 'three'))).toThrow(Crash);
    expect(textOf(disk, 'a')).toBe('onetwo');
  });

  it('full: a short write first, then ENOSPC; room again when something goes', () => {
    const disk = created();
    disk.capacityBytes = 5;
    expect(disk.now(write('a', 3, 'two', true))).toBe(2);
    expect(() => disk.now(write('a', 5, 'o', true))).toThrow('ENOSPC');
    expect(disk.now(write('a', 0, 'ONE', true))).toBe(3);
    disk.now({ op: 'truncate', file: 'a', size: 2 });
    expect(disk.now(write('b', 0, 'two', true))).toBe(3);
  });
});
