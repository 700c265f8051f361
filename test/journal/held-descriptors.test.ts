import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { FileStorage } from '../../src/journal/file-storage.ts';
import { HeldDescriptors } from '../../src/journal/held-descriptors.ts';

const open = (): number => readdirSync('/proc/self/fd').length;
const failing = (code: string): Error => Object.assign(new Error(code), { code });
let held: HeldDescriptors;

describe('descriptors that are kept back (journal rule 4)', () => {
  afterEach(() => held.close());

  it('are open for as long as they are held', () => {
    const before = open();
    held = new HeldDescriptors(5);
    expect(open()).toBe(before + 5);
    held.close();
    expect(open()).toBe(before);
  });

  it.each(['EMFILE', 'ENFILE'])(
    '%s: one is given up for what is opened instead, and taken back when it is shut',
    (code) => {
      const before = open();
      held = new HeldDescriptors(2);
      let tries = 0;
      const fd = held.open(() => {
        if (++tries === 1) throw failing(code);
        return openSync('/dev/null', 'r');
      });
      expect([tries, open()]).toEqual([2, before + 2]);
      closeSync(fd);
      held.refill();
      expect(open()).toBe(before + 2);
    },
  );

  it('nothing is given up for another error, or where no other is wanting', () => {
    const before = open();
    held = new HeldDescriptors(1);
    expect(() => held.open(() => fail('EACCES'))).toThrow('EACCES');
    expect(held.open(() => 7)).toBe(7);
    expect(open()).toBe(before + 1);
    expect(() => held.open(() => fail('EMFILE'))).toThrow('EMFILE');
    expect(() => held.open(() => fail('EMFILE'))).toThrow('EMFILE');
    expect(open()).toBe(before);
  });

  it('those that are lent are there for another thread, and come back', () => {
    const before = open();
    held = new HeldDescriptors(6);
    const takeBack = held.lend(4);
    const takeBackMore = held.lend(4);
    expect(open()).toBe(before);
    takeBackMore();
    expect(open()).toBe(before + 2);
    takeBack();
    expect(open()).toBe(before + 6);
  });
});

describe('descriptors of a log', () => {
  it('of many segments: one of them is open, the one that is written (journal rule 4)', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'segments-'));
    const storage = new FileStorage(folder, { heldDescriptors: 4 });
    const before = open();
    const written = (file: string): Promise<Error | null> =>
      new Promise((resolve) =>
        storage.later({ op: 'write', file, at: 0, bytes: new Uint8Array(8), durable: true }, resolve),
      );
    for (let i = 1; i <= 40; i++) {
      writeFileSync(join(folder, `log-${i}`), new Uint8Array(8), { mode: 0o600 });
      expect(await written(`log-${i}`)).toBeNull();
    }
    expect(open() - before).toBeLessThanOrEqual(1);
    storage.close();
    rmSync(folder, { recursive: true });
  });
});

function fail(code: string): never {
  throw failing(code);
}
