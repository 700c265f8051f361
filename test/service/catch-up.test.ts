import { describe, expect, it } from 'vitest';
import type { Happened, PastAsk, PastReader, PastStep } from '../../src/ports/past.ts';
import { Feed, type FeedConsumer, Feeds } from '../../src/service/feeds.ts';
import type { Caller, FactView, FeedRequest, Reply } from '../../src/service/messages.ts';
import { RecentFacts } from '../../src/service/recent-facts.ts';
import fc, { Reached } from '../support/properties.ts';

const everyone = { allowsTopic: () => true, isValid: () => true, charge: () => 0 } as unknown as Caller;

/** Keeps all facts from some number on, and reads them when the test says so. */
class Archive implements PastReader {
  readonly facts: Happened[] = [];
  from = 1;
  /** Steps that wait to be told. */
  private due: (() => void)[] = [];
  readings = 0;
  full = false;
  /** Pieces of one reading before others have their turn. */
  piecesMax = Number.POSITIVE_INFINITY;

  read(ask: PastAsk, told: (step: PastStep) => void) {
    if (this.full) return null;
    this.readings++;
    const begin = ask.after ?? this.from - 1;
    const isGone = begin + 1 < this.from || ask.origin !== null;
    const end = this.facts.length;
    let at = begin;
    let isOver = false;
    let pieces = 0;
    const next = (): void => {
      this.due.push(() => {
        if (isOver) return;
        if (++pieces > this.piecesMax) return told({ step: 'later' });
        if (at >= end) return told({ step: 'end', last: end });
        if (at + 1 < this.from) return told({ step: 'failed', why: 'it was removed meanwhile' });
        const last = Math.min(end, at + 3);
        const facts = this.facts.slice(at, last);
        at = last;
        told({ step: 'facts', facts, last });
      });
    };
    this.due.push(() => {
      if (isGone) told({ step: 'gone', oldest: `0-${this.from - 1}` });
      else told({ step: 'begun', after: begin, eras: [] });
    });
    return {
      next,
      close: () => {
        isOver = true;
      },
    };
  }

  /** Does what waits first; false when nothing does. */
  work(): boolean {
    const step = this.due.shift();
    step?.();
    return step !== undefined;
  }
}

class Reader implements FeedConsumer {
  opening: Reply | null = null;
  ending: string | null = null;
  readonly told: FactView[] = [];
  opened(reply: Reply): void {
    this.opening = reply;
  }
  tell(facts: readonly FactView[]): void {
    this.told.push(...facts);
  }
  ended(outcome: string): void {
    this.ending = outcome;
  }
  get numbers(): (number | 'gap')[] {
    return this.told.map(({ told }) => (told.fact === 'gap' ? 'gap' : told.n));
  }
}

class Bench {
  readonly archive = new Archive();
  readonly recent = new RecentFacts(16, 1);
  readonly feeds = new Feeds(this.recent, (atMs) => atMs, this.archive);
  nowMs = 1000;

  constructor() {
    this.recent.began(0);
  }

  happen(count: number): void {
    for (let i = 0; i < count; i++) {
      this.recent.deciding();
      const message = { topic: { name: 't' }, msgId: `m${this.recent.last % 3}`, idemKey: 'k', state: 'queued' };
      this.recent.note({ name: 'reprocessed', atMs: this.nowMs, msgId: message.msgId } as never, message as never, 0);
      this.recent.decided(0);
      this.recent.flushed(0);
      this.recent.durable(0);
      this.archive.facts.push(this.recent.at(this.recent.last) as Happened);
      this.feeds.serve(this.nowMs);
    }
  }

  open(changed: Partial<FeedRequest>, caller = everyone): { feed: Feed; reader: Reader } {
    const reader = new Reader();
    const all = { topic: 't', prefix: '', after: null, waitMs: Number.POSITIVE_INFINITY };
    const feed = new Feed({ ...all, ...changed }, caller, reader, 't');
    const reply = this.feeds.add(feed, this.nowMs);
    if (reply !== null) reader.opened(reply);
    this.feeds.serve(this.nowMs);
    return { feed, reader };
  }

  /** All that is read, and all that is taken. */
  settle(feed: Feed): void {
    for (let i = 0; i < 10_000; i++) {
      const works = this.archive.work();
      if (!feed.ready) this.feeds.setReady(feed, this.nowMs);
      else if (!works) return;
    }
    throw new Error('it never ends');
  }
}

const numbersTo = (last: number, from = 1): number[] => Array.from({ length: last - from + 1 }, (_, i) => from + i);

describe('feeds that catch up with what is not remembered (B10)', () => {
  it('property: however slow its reader and the reading are, each fact once and in order, and no gap', () => {
    const reached = new Reached('catching up');
    const step = fc.oneof(
      fc.nat(30).map((count) => ({ does: 'happen' as const, count })),
      fc.constant({ does: 'work' as const, count: 0 }),
      fc.constant({ does: 'take' as const, count: 0 }),
    );
    fc.assert(
      fc.property(
        fc.nat(60),
        fc.integer({ min: 1, max: 9 }),
        fc.array(step, { maxLength: 60, size: 'max' }),
        (before, piecesMax, steps) => {
          const bench = new Bench();
          bench.archive.piecesMax = piecesMax;
          bench.happen(before);
          const { feed, reader } = bench.open({ after: 'oldest' });
          for (const { does, count } of steps) {
            if (does === 'happen') bench.happen(count);
            else if (does === 'work') bench.archive.work();
            else if (!feed.ready) bench.feeds.setReady(feed, bench.nowMs);
          }
          bench.settle(feed);
          expect(reader.opening).toMatchObject({ outcome: 'ok' });
          expect(reader.numbers).toEqual(numbersTo(bench.recent.last));
          reached.saw({ readings: bench.archive.readings, facts: bench.recent.last });
        },
      ),
    );
    reached.atLeast({ readings: 3, facts: 300 });
  });

  it('a cursor of what is not remembered goes on where it did; of what is no longer kept it is gone, with the oldest', () => {
    const bench = new Bench();
    bench.happen(100);
    const cursor = (n: number) => bench.recent.cursorOf(n);
    const { feed, reader } = bench.open({ after: cursor(40) });
    expect(reader.opening).toBeNull();
    bench.settle(feed);
    expect(reader.numbers).toEqual(numbersTo(100, 41));
    bench.archive.from = 50;
    const late = bench.open({ after: cursor(40) });
    bench.archive.work();
    expect(late.reader.opening).toEqual({
      outcome: 'cursor_gone',
      message: 'after: no longer there; the oldest is after=0-49',
    });
    expect(bench.feeds.size).toBe(1);
    const other = bench.open({ after: 'zz-40' });
    bench.archive.work();
    expect(other.reader.opening).toMatchObject({ outcome: 'cursor_gone' });
  });

  it('what was removed while it was read is a gap, told once, and it goes on after it', () => {
    const bench = new Bench();
    bench.happen(100);
    const { feed, reader } = bench.open({ after: 'oldest' });
    for (let i = 0; i < 3; i++) bench.archive.work();
    bench.archive.from = 60;
    bench.settle(feed);
    const first = reader.numbers.indexOf('gap');
    expect(reader.numbers.slice(0, first)).toEqual(numbersTo(first));
    expect(reader.numbers.slice(first + 1)).toEqual(numbersTo(100, 85));
  });

  it('one message alone; its quota counts, and a reading does not wait for it; ends when all is told', () => {
    const bench = new Bench();
    bench.happen(60);
    const one = bench.open({ after: 'oldest', onlyMsgId: 'm1', waitMs: 0 });
    bench.settle(one.feed);
    expect(one.reader.numbers).toEqual(numbersTo(60).filter((n) => (n - 1) % 3 === 1));
    expect(one.reader.ending).toBeNull();
    bench.feeds.watch(bench.nowMs);
    expect(one.reader.ending).toBe('ok');
    let waitMs = 0;
    const paid = bench.open({ after: 'oldest' }, { ...everyone, charge: () => waitMs } as Caller);
    while (paid.reader.told.length === 0) bench.archive.work();
    waitMs = 500;
    bench.settle(paid.feed);
    const told = paid.reader.told.length;
    expect(told).toBeLessThan(20);
    expect(paid.feed.catchUp).toBeNull();
    expect(bench.feeds.nextWakeMs(bench.nowMs)).toBe(bench.nowMs + 500);
    waitMs = 0;
    bench.nowMs += 500;
    bench.feeds.watch(bench.nowMs);
    bench.settle(paid.feed);
    expect(paid.reader.numbers).toEqual(numbersTo(60));
  });

  it('too many readings: 429 for who begins, later for who goes on; one that ends while it is opened is told so', () => {
    const bench = new Bench();
    bench.happen(100);
    const going = bench.open({ after: 'now' });
    bench.archive.full = true;
    expect(bench.open({ after: 'oldest' }).reader.opening).toMatchObject({ outcome: 'saturated_streams' });
    bench.happen(1);
    bench.happen(40);
    bench.feeds.setReady(going.feed, bench.nowMs);
    expect(bench.feeds.nextWakeMs(bench.nowMs)).toBe(bench.nowMs + 1000);
    bench.archive.full = false;
    bench.nowMs += 1000;
    bench.feeds.watch(bench.nowMs);
    bench.settle(going.feed);
    expect(going.reader.numbers).toEqual(numbersTo(141, 101));
    const opening = bench.open({ after: 'oldest' });
    bench.feeds.endIf(() => true, 'draining');
    expect(opening.reader).toMatchObject({ ending: 'draining', opening: { outcome: 'ok' } });
    bench.archive.work();
    expect(opening.reader.told).toEqual([]);
  });

  it('who does not take what was read for it lets go of the reading after a second, and goes on where it was', () => {
    const bench = new Bench();
    bench.happen(100);
    const { feed, reader } = bench.open({ after: 'oldest' });
    while (feed.ready) bench.archive.work();
    const told = reader.told.length;
    while (bench.archive.work());
    expect(bench.feeds.nextWakeMs(bench.nowMs)).toBe(bench.nowMs + 1000);
    bench.nowMs += 999;
    bench.feeds.watch(bench.nowMs);
    expect(feed.catchUp).not.toBeNull();
    bench.nowMs += 1;
    bench.feeds.watch(bench.nowMs);
    expect(feed.catchUp).toBeNull();
    expect(bench.feeds.nextWakeMs(bench.nowMs)).toBe(Number.POSITIVE_INFINITY);
    expect(reader.told).toHaveLength(told);
    bench.settle(feed);
    expect(bench.archive.readings).toBe(2);
    expect(reader.numbers).toEqual(numbersTo(100));
  });
});
