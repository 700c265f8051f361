import { describe, expect, it } from 'vitest';
import { atOnce, inTurns, type Pieces } from '../../src/journal/pieces.ts';

/** Counts to `last`; each piece takes as long as `piece` does. */
function* counting(last: number, piece = (): void => {}): Pieces<number> {
  let count = 0;
  while (count < last) {
    piece();
    count++;
    yield;
  }
  return count;
}
const busyFor = (ms: number) => (): void => {
  for (const endMs = performance.now() + ms; performance.now() < endMs; );
};

describe('pieces', () => {
  it('all of it, at once or in turns', async () => {
    expect(atOnce(counting(1000))).toBe(1000);
    expect(await inTurns(counting(1000), new AbortController().signal)).toBe(1000);
  });

  it('in turns: the event loop has its own between them, and what is told there ends the work (D10)', async () => {
    const controller = new AbortController();
    let pieces = 0;
    let turns = 0;
    const look = (): void => {
      turns++;
      if (turns === 3) controller.abort(new Error('told to end'));
      else setImmediate(look);
    };
    setImmediate(look);
    const work = counting(10_000, () => {
      pieces++;
      busyFor(5)();
    });
    await expect(inTurns(work, controller.signal)).rejects.toThrow('told to end');
    expect(pieces).toBeLessThan(1000);
  });
});
