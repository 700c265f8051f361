import { describe, expect, it } from 'vitest';
import { PayloadFiles } from '../../src/journal/payload-files.ts';
import type { Storage, StorageOp } from '../../src/ports/storage.ts';
import fc from '../support/properties.ts';

type Waiting = { readonly op: StorageOp; readonly done: (error: Error | null, result: number) => void };

/** A disk on which nothing is done until the test says so, in any order. */
class SlowDisk implements Storage {
  readonly waiting: Waiting[] = [];
  readonly begun: string[] = [];
  files = (): readonly string[] => [];
  size = (): number => 0;
  read = (): Uint8Array => new Uint8Array();
  now = (): number => 0;
  later(op: StorageOp, done: Waiting['done']): void {
    this.begun.push(op.op);
    this.waiting.push({ op, done });
  }

  /** One of those that wait, by a number in [0, 1). */
  finish(at: number, error: Error | null = null): StorageOp {
    const { op, done } = this.waiting.splice(Math.floor(at * this.waiting.length), 1)[0] as Waiting;
    done(error, op.op === 'write' ? op.bytes.byteLength : 0);
    return op;
  }
}

const payloads = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ hash: `b3:${i}`, bytes: new Uint8Array(3) }));
const failing = (code: string): Error => Object.assign(new Error(code), { code });

describe('large payloads on their way to the disk', () => {
  it('several at once, four at most, in any order; their names last, and only then is it said (AC1)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.infiniteStream(fc.double({ min: 0, max: 0.99 })), (count, at) => {
        const disk = new SlowDisk();
        const said: (Error | null)[] = [];
        new PayloadFiles(disk).put(payloads(count), (error) => said.push(error));
        let most = 0;
        const synced = new Set<string>();
        while (disk.waiting.length > 0) {
          expect(said).toEqual([]);
          most = Math.max(most, disk.waiting.length);
          const op = disk.finish(at.next().value as number);
          if (op.op === 'sync') synced.add(op.file);
          if (op.op === 'sync_folder') expect([synced.size, disk.waiting.length]).toEqual([count, 0]);
        }
        expect(most).toBe(Math.min(count, 4));
        expect(disk.begun.at(-1)).toBe('sync_folder');
        expect(said).toEqual([null]);
      }),
    );
  });

  it('an error is said once, when those under way have ended, and nothing begins after it (journal rule 4)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.nat({ max: 8 }),
        fc.infiniteStream(fc.double({ min: 0, max: 0.99 })),
        (count, wrong, at) => {
          const disk = new SlowDisk();
          const said: (Error | null)[] = [];
          new PayloadFiles(disk).put(payloads(count), (error) => said.push(error));
          for (let step = 0; step < Math.min(wrong, count - 1); step++) disk.finish(at.next().value as number);
          disk.finish(0, failing('EIO'));
          const writes = disk.begun.filter((op) => op === 'write').length;
          while (disk.waiting.length > 0) {
            expect(said).toEqual([]);
            disk.finish(at.next().value as number);
          }
          expect(said).toEqual([expect.objectContaining({ code: 'EIO' })]);
          expect(disk.begun.filter((op) => op === 'write').length).toBe(writes);
          expect(disk.begun).not.toContain('sync_folder');
        },
      ),
    );
  });

  it('one for which there is no space is named and its file removed; the others are kept (journal rule 5)', () => {
    const disk = new SlowDisk();
    let without: readonly { hash: string }[] = [];
    new PayloadFiles(disk).put(payloads(3), (_error, lost) => {
      without = lost;
    });
    disk.finish(0.4, failing('ENOSPC'));
    while (disk.waiting.length > 0) disk.finish(0);
    expect(without.map(({ hash }) => hash)).toEqual(['b3:1']);
    expect(disk.begun.filter((op) => op === 'remove')).toHaveLength(1);
    expect(disk.begun.filter((op) => op === 'sync')).toHaveLength(2);
  });
});
