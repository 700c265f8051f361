import { describe, expect, it } from 'vitest';
import { tlcJar } from '../../src/model/jar.ts';
import { brokenByTlc } from '../../src/trace/history/tlc.ts';
import { BROKEN, HEADER } from '../trace/histories.ts';

/** A start of TLC for each; `test/trace/history-tlc.test.ts` has all of them in one. */
describe('histories, one by one: TLC finds the rules that each breaks, and no others (V7)', () => {
  it.each(Object.entries(BROKEN))('%s', async (_, { ops, breaks }) => {
    expect([...(await brokenByTlc(tlcJar(), HEADER, ops))].sort()).toEqual([...breaks].sort());
  });
});
