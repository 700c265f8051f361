import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { FileStorage as Type } from '../../src/journal/file-storage.ts';
import fc from '../support/properties.ts';

/** How much the system gives of what is asked for, one read after the other. */
const shares = { next: (): number => 1 };
let FileStorage: typeof Type;
beforeAll(async () => {
  // Other tests may have loaded it with the real one.
  vi.resetModules();
  vi.doMock('node:fs', async (original) => {
    const fs = await original<typeof import('node:fs')>();
    const readSync = (fd: number, buffer: Buffer, offset: number, length: number, position: number): number =>
      fs.readSync(fd, buffer, offset, Math.max(1, Math.floor(length * shares.next())), position);
    return { ...fs, readSync };
  });
  ({ FileStorage } = await import('../../src/journal/file-storage.ts'));
});
afterAll(() => {
  vi.doUnmock('node:fs');
  vi.resetModules();
});

const folder = mkdtempSync(join(tmpdir(), 'short-reads-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('short reads', () => {
  it('what the system gives in pieces is read whole, as far as the file goes (journal rule 3)', () => {
    const bytes = new Uint8Array(5000).map((_, i) => (i * 7919) % 251);
    writeFileSync(join(folder, 'log'), bytes, { mode: 0o600 });
    const storage = new FileStorage(folder);
    const share = fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(fc.nat(6000), fc.nat(6000), share, (at, length, stream) => {
        let pieces = 0;
        shares.next = () => {
          pieces++;
          return stream.next().value as number;
        };
        const read = storage.read('log', at, length);
        expect(Buffer.compare(read, bytes.subarray(at, at + length))).toBe(0);
        expect(pieces).toBeGreaterThanOrEqual(read.length > 0 ? 1 : 0);
      }),
    );
  });
});
