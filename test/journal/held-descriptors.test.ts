import { closeSync, openSync, readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { HeldDescriptors } from '../../src/journal/held-descriptors.ts';

const open = (): number => readdirSync('/proc/self/fd').length;
const failing = (code: string): Error => Object.assign(new Error(code), { code });
let held: HeldDescriptors;
afterEach(() => held.close());

describe('descriptors that are kept back (journal rule 4)', () => {
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

function fail(code: string): never {
  throw failing(code);
}
