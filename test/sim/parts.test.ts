import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KINDS, type Kind, Loop } from '../../sim/loop.ts';
import { Stream, Tape } from '../../sim/random.ts';
import fc, { Reached } from '../support/properties.ts';

describe('loop', () => {
  it('runs events by time, kind and id, whatever the order in which they were asked for', () => {
    const kinds = fc.constantFrom(...KINDS);
    const events = fc.uniqueArray(fc.tuple(fc.nat(20), kinds, fc.nat(5)), { maxLength: 100, selector: String });
    const reached = new Reached('events');
    fc.assert(
      fc.property(events, (asked) => {
        reached.saw({ asked: asked.length });
        const loop = new Loop();
        const ran: (typeof asked)[number][] = [];
        for (const [atMs, kind, id] of asked) loop.at(atMs, kind, id, () => ran.push([loop.nowMs, kind, id]));
        while (loop.step(1000));
        const rank = (kind: Kind): number => KINDS.indexOf(kind);
        const expected = asked.toSorted(([a, x, i], [b, y, j]) => a - b || rank(x) - rank(y) || i - j);
        expect(ran).toEqual(expected);
      }),
    );
    reached.atLeast({ asked: 85 });
  });

  it('does not run what is later than asked', () => {
    const loop = new Loop();
    let ran = 0;
    loop.after(10, 'wake', 0, () => ran++);
    expect([loop.step(9), loop.nowMs, ran]).toEqual([false, 9, 0]);
    expect([loop.step(10), ran]).toEqual([true, 1]);
  });

  it('counts what happened, not what was asked for; a fingerprint is one number for each', () => {
    const run = (marks: readonly number[]): Loop => {
      const loop = new Loop();
      loop.fingerprint();
      for (const id of marks) loop.after(id, 'request', id, () => id % 2 === 0 && loop.mark('request', id));
      while (loop.step(1000));
      return loop;
    };
    const first = run([1, 2, 3, 4, 6]);
    expect(first.steps).toBe(3);
    expect(first.prints).toHaveLength(3);
    const other = run([2, 5, 6, 8]);
    expect(other.prints?.[0]).toBe(first.prints?.[0]);
    expect(other.prints?.[1]).not.toBe(first.prints?.[1]);
  });

  it('hashes every number of every record, across its buffer (SHA-256 over little-endian words)', () => {
    const loop = new Loop();
    const words: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      loop.record(i % 11, i, i * 7);
      words.push(0, i % 11, i, i * 7);
    }
    const bytes = Buffer.alloc(words.length * 4);
    for (const [i, word] of words.entries()) bytes.writeInt32LE(word, i * 4);
    expect(loop.digest()).toBe(createHash('sha256').update(bytes).digest('hex'));
  });
});

describe('random streams', () => {
  it('are fixed by seed and name, and independent of each other', () => {
    const draw = (stream: Stream): number[] => Array.from({ length: 50 }, () => stream.next());
    const first = draw(new Stream(1, 'a'));
    const other = new Stream(1, 'b');
    draw(other);
    expect(draw(new Stream(1, 'a'))).toEqual(first);
    expect(draw(new Stream(1, 'b'))).not.toEqual(first);
    expect(draw(new Stream(2, 'a'))).not.toEqual(first);
    expect(draw(new Stream(1 + 2 ** 32, 'a'))).not.toEqual(first);
  });

  it('the first draws of a stream never change', () => {
    const stream = new Stream(42, 'network');
    expect([stream.next(), stream.next(), stream.next()]).toMatchInlineSnapshot(`
      [
        2944988741,
        3487751199,
        1155769417,
      ]
    `);
  });

  it('draw inside their bounds, evenly', () => {
    const stream = new Stream(7, 'even');
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[stream.below(10)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    for (let i = 0; i < 1000; i++) expect(stream.within({ min: 3, max: 5 })).toBeOneOf([3, 4, 5]);
  });

  it('a tape gives back what it wrote down, and then plain words that are all different', () => {
    const tape = new Tape(new Stream(3, 'node'));
    const drawn = [tape.below(10), tape.token(16), tape.chance(0.5), tape.below(2 ** 34)];
    const again = new Tape(null, tape.words);
    expect([again.below(10), again.token(16), again.chance(0.5), again.below(2 ** 34)]).toEqual(drawn);
    expect([again.below(1000), again.chance(0.99)]).toEqual([0, false]);
    expect(new Set(Array.from({ length: 100 }, () => again.token(16))).size).toBe(100);
  });
});
