import { describe, expect, it } from 'vitest';
import { checkJava, tlcJar } from '../../src/model/jar.ts';
import { checkTrace } from '../../src/trace/check.ts';
import { acceptedByTlc } from '../../src/trace/tlc.ts';
import { CORRUPTIONS, corrupted, goodTrace, textOf } from '../support/trace-corpus.ts';

const SIZE = 1000;

describe('trace corpus', () => {
  it('both checkers agree on a thousand good traces and a thousand corrupted ones (V5)', async () => {
    checkJava();
    const good = Array.from({ length: SIZE }, (_, i) => goodTrace(i + 1));
    const bad = good.map((trace, i) =>
      corrupted(trace, CORRUPTIONS[i % CORRUPTIONS.length] as (typeof CORRUPTIONS)[number], i),
    );
    const all = [...good, ...bad];
    const ours = all.map((trace) => checkTrace(textOf(trace)).mismatch === null);
    const constants = (good[0] as (typeof good)[number]).header.constants;
    const theirs = await acceptedByTlc(
      tlcJar(),
      all.map(({ steps }) => steps),
      constants,
    );
    const disagree = all.flatMap((_, i) =>
      ours[i] === theirs[i] ? [] : [`trace ${i}: ours ${ours[i]}, TLC ${theirs[i]}`],
    );
    expect(disagree).toEqual([]);
    expect(theirs.slice(0, SIZE).every((accepted) => accepted)).toBe(true);
    const legal = theirs.slice(SIZE).filter((accepted) => accepted).length;
    console.log(`agreement: ${all.length} traces; of ${SIZE} corrupted ones ${legal} are still legal behaviours`);
    expect(legal).toBeLessThan(SIZE / 3);
  }, 1_200_000);
});
