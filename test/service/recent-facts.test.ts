import { describe, expect, it } from 'vitest';
import { History } from '../../src/journal/history.ts';
import type { Past } from '../../src/ports/past.ts';
import { RecentFacts } from '../../src/service/recent-facts.ts';
import fc, { Reached } from '../support/properties.ts';

const message = { topic: { name: 't' }, msgId: 'm', idemKey: 'k', state: 'queued' };
const fact = (atMs: number) => ({ name: 'reprocessed', atMs, msgId: 'm' }) as never;

/** A process that tells so many facts, started at this time. */
function tells(count: number, startedMs: number, past: Past | null, capacity = 8): RecentFacts {
  const recent = new RecentFacts(capacity, 1, past);
  recent.began(startedMs);
  for (let i = 0; i < count; i++) {
    recent.deciding();
    recent.note(fact(startedMs + i), message as never, 0);
    recent.decided(0);
    recent.flushed(0);
    recent.durable(0);
  }
  return recent;
}

/** What the journal of such processes says. */
function pastOf(lives: readonly { readonly startedMs: number; readonly count: number }[], capacity = 8): Past {
  const history = new History(capacity);
  for (const { startedMs, count } of lives) {
    history.began(startedMs);
    for (let i = 0; i < count; i++) history.fact(fact(startedMs + i), message as never, 0);
  }
  return history.past();
}

describe('facts that are remembered (B10)', () => {
  it('over any restarts: numbers go on, and a cursor goes on where it did or says that it is gone, never elsewhere', () => {
    const reached = new Reached('restarts');
    fc.assert(
      fc.property(fc.array(fc.nat(12), { minLength: 1, maxLength: 6 }), (counts) => {
        const lives: { startedMs: number; count: number }[] = [];
        const cursors = new Map<string, number>();
        for (const [i, count] of counts.entries()) {
          const startedMs = 1000 * (i + 1);
          const recent = tells(count, startedMs, i === 0 ? null : pastOf(lives));
          lives.push({ startedMs, count });
          expect(recent.last).toBe(lives.reduce((sum, life) => sum + life.count, 0));
          for (let n = recent.first - 1; n <= recent.last; n++) cursors.set(recent.cursorOf(n), n);
          for (const [cursor, n] of cursors)
            expect(recent.placeOf(cursor), cursor).toBe(n + 1 < recent.first ? 'gone' : n);
          for (let n = recent.first; n <= recent.last; n++) expect(recent.at(n).n).toBe(n);
        }
        reached.saw({ lives: counts.length, facts: counts.reduce((sum, count) => sum + count, 0) });
      }),
    );
    reached.atLeast({ lives: 6, facts: 40 });
  });

  it('a backup that was restored is another past: what was told after it was made is gone, not something else', () => {
    const common = pastOf([{ startedMs: 1000, count: 4 }]);
    const original = tells(3, 2000, common);
    const restored = tells(5, 3000, common);
    expect(original.cursorOf(6)).not.toBe(restored.cursorOf(6));
    expect(restored.placeOf(original.cursorOf(6))).toBe('gone');
    expect(restored.placeOf(original.cursorOf(3))).toBe(3);
    // Of the life that both have, but further than the backup knew of it.
    const further = tells(0, 2000, pastOf([{ startedMs: 1000, count: 6 }]));
    expect(restored.placeOf(further.cursorOf(6).replace(/^.*-/, `${(1000).toString(36)}-`))).toBe('gone');
  });

  it('a snapshot says how many there were, and after it what is remembered begins there', () => {
    const history = new History(8);
    history.goOn({ name: 'told', facts: 100, startedMs: 1000 });
    history.fact(fact(5), message as never, 0);
    const recent = tells(1, 2000, history.past());
    expect([recent.first, recent.last]).toEqual([101, 102]);
    expect(recent.placeOf(`${(1000).toString(36)}-100`)).toBe(100);
    expect(recent.placeOf(`${(1000).toString(36)}-99`)).toBe('gone');
  });
});
