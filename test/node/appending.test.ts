import { describe, expect, it } from 'vitest';
import { SimulatedClock } from 'xstate';
import { Appending, UNSURE_MS_MAX } from '../../src/node/appending.ts';
import type { AppendEnd, Batch, Found } from '../../src/ports/journal.ts';
import { failed, unknown } from '../support/fake-journal.ts';

const DURABLE: AppendEnd = { end: 'durable' };
const REFUSED: AppendEnd = { end: 'refused' };
const ANSWERS_MS = 1000;
const BATCHES: readonly Batch[] = [{ shard: 0, facts: [] }];

/** One log whose answers the test gives; what is appended and read waits for them. */
class Bench {
  readonly time = new SimulatedClock();
  readonly seen: string[] = [];
  readonly appends: { readonly batches: readonly Batch[]; readonly answer: (end: AppendEnd) => void }[] = [];
  readonly reads: ((found: Found | Error) => void)[] = [];
  readonly appending: Appending;

  constructor(answersWithinMs = ANSWERS_MS) {
    const say = (what: string) => (): void => void this.seen.push(what);
    this.appending = new Appending({
      log: {
        ...{ number: 0, term: 1, answersWithinMs },
        append: (batches, answer) => this.appends.push({ batches, answer }),
        readAgain: (answer) => this.reads.push(answer),
      },
      clock: { nowMs: () => this.time.now(), wallMs: () => this.time.now() },
      timers: this.time as never,
      random: { below: (below) => below - 1, token: () => '' },
      events: {
        durable: (batches) => this.seen.push(batches === BATCHES ? 'durable' : 'durable, but what?'),
        unsure: ({ message }) => this.seen.push(`unsure: ${message}`),
        sure: say('sure'),
        lost: (why, { message }) => this.seen.push(`lost, ${why}: ${message}`),
        failed: ({ message }) => this.seen.push(`failed: ${message}`),
        halted: ({ message }) => this.seen.push(`halted: ${message}`),
      },
    });
    this.appending.append(BATCHES);
  }

  pass(ms: number): void {
    for (let i = 0; i < ms; i++) this.time.increment(1);
  }

  /** The last append is answered so. */
  answer(end: AppendEnd, of = this.appends.length - 1): void {
    this.appends[of]?.answer(end);
  }

  found(found: Found | Error): void {
    this.reads.at(-1)?.(found);
  }

  /** How many were sent, and how many batches the last one has. */
  get sent(): readonly [number, number] {
    return [this.appends.length, this.appends.at(-1)?.batches.length ?? 0];
  }
}
const take = (bench: Bench): string[] => bench.seen.splice(0);

describe('an append that is answered', () => {
  it('durable, late or not: durable once; the same again changes nothing', () => {
    const bench = new Bench();
    bench.pass(ANSWERS_MS - 1);
    bench.answer(DURABLE);
    bench.answer(DURABLE);
    bench.pass(2 * ANSWERS_MS);
    expect(bench.seen).toEqual(['durable']);
    bench.appending.append(BATCHES);
    bench.answer(DURABLE);
    bench.answer(DURABLE, 0);
    expect(bench.seen).toEqual(['durable', 'durable']);
  });

  it('refused: looked for; where somebody else has written, it is lost, and nothing more is said or sent', () => {
    const bench = new Bench();
    bench.answer(REFUSED);
    expect(take(bench)).toEqual(['unsure: the log takes nothing behind what we know of it']);
    bench.found('foreign');
    expect(take(bench)).toEqual(['lost, foreign: somebody else has written to the log']);
    bench.found('absent');
    bench.pass(20_000);
    expect([bench.seen, bench.sent, bench.reads.length]).toEqual([[], [1, 1], 1]);
  });

  it('refused because the last one that was said to be durable is gone: that was a lie, and it is halted', () => {
    const bench = new Bench();
    bench.answer(DURABLE);
    bench.appending.append(BATCHES);
    bench.answer(REFUSED);
    bench.found('lost');
    expect(bench.seen.at(-1)).toBe('halted: what was durable is gone, or is something else');
  });

  it('failed: so it is', () => {
    const bench = new Bench();
    bench.answer(failed());
    bench.answer(DURABLE);
    expect(bench.seen).toEqual(['failed: disk']);
  });

  it.each([
    [DURABLE, REFUSED],
    [DURABLE, failed()],
    [DURABLE, unknown()],
  ])('$end and then $end.end: it lies, and is halted, whenever that comes', (first, then) => {
    for (const isNext of [false, true]) {
      const bench = new Bench();
      bench.answer(first);
      if (isNext) bench.appending.append(BATCHES);
      bench.answer(then, 0);
      expect(bench.seen).toEqual(['durable', `halted: of an append the journal said durable, then ${then.end}`]);
    }
  });
});

describe('an append of which nobody knows', () => {
  it('not there: sent again as it was, and durable when that is', () => {
    const bench = new Bench();
    bench.answer(unknown());
    expect(take(bench)).toEqual(['unsure: the connection is gone']);
    bench.found('absent');
    expect([bench.sent, bench.appends[1]?.batches]).toEqual([[2, 1], BATCHES]);
    bench.answer(DURABLE);
    expect(bench.seen).toEqual(['sure', 'durable']);
  });

  it('there: no reply before an append after it is answered (a visible frame may still be lost)', () => {
    const bench = new Bench();
    bench.answer(unknown());
    bench.found('present');
    expect(take(bench)).toEqual(['unsure: the connection is gone']);
    expect(bench.sent).toEqual([2, 0]);
    bench.answer(DURABLE);
    expect(bench.seen).toEqual(['sure', 'durable']);
  });

  it('never answered: unknown after its time; an answer that comes later changes nothing', () => {
    const bench = new Bench();
    bench.pass(ANSWERS_MS);
    expect(take(bench)).toEqual(['unsure: no answer within 1000 ms']);
    bench.answer(REFUSED, 0);
    bench.answer(failed(), 0);
    bench.found('present');
    bench.answer(DURABLE, 0);
    expect(bench.seen).toEqual([]);
    bench.answer(DURABLE);
    expect(bench.seen).toEqual(['sure', 'durable']);
  });

  it('sent again and refused: the first may be there by now, so it is looked for again, not given up', () => {
    const bench = new Bench();
    bench.answer(unknown());
    bench.found('absent');
    bench.answer(REFUSED);
    bench.pass(1_000);
    expect(bench.reads.length).toBe(2);
    bench.found('present');
    bench.answer(DURABLE);
    expect(bench.seen.slice(1)).toEqual(['sure', 'durable']);
  });

  it('what somebody else wrote stands there: lost', () => {
    const bench = new Bench();
    bench.answer(unknown());
    bench.found('foreign');
    expect(bench.seen.slice(1)).toEqual(['lost, foreign: somebody else has written to the log']);
  });

  it('what was durable is gone: halted, and never read again', () => {
    const bench = new Bench();
    bench.answer(unknown());
    bench.found('lost');
    bench.pass(20_000);
    expect(bench.seen.slice(1)).toEqual(['halted: what was durable is gone, or is something else']);
    expect([bench.sent, bench.reads.length]).toEqual([[1, 1], 1]);
  });

  it('cannot be read: tried again after longer and longer waits, then given up', () => {
    const bench = new Bench();
    bench.answer(unknown());
    let at = bench.time.now();
    const waits: number[] = [];
    while (bench.seen.length === 1) {
      const reads = bench.reads.length;
      bench.found(new Error('no connection'));
      while (bench.reads.length === reads && bench.seen.length === 1) bench.pass(1);
      waits.push(bench.time.now() - at);
      at = bench.time.now();
    }
    expect(waits.slice(0, 5)).toEqual([200, 400, 800, 1000, 1000]);
    expect(bench.seen.slice(1)).toEqual(['lost, unreachable: no connection']);
    expect(bench.time.now()).toBeLessThanOrEqual(UNSURE_MS_MAX);
    expect(bench.time.now()).toBeGreaterThan(UNSURE_MS_MAX - 1_100);
  });

  it('whoever reads is never answered: given up in the end all the same', () => {
    const bench = new Bench();
    bench.answer(unknown());
    bench.pass(UNSURE_MS_MAX + ANSWERS_MS);
    expect(bench.seen.slice(1)).toEqual(['lost, unreachable: no answer to who reads']);
    bench.found('present');
    expect([bench.seen.length, bench.sent]).toEqual([2, [1, 1]]);
  });

  it('a backend that says "not there" and "no" in turn for ever: given up', () => {
    const bench = new Bench();
    bench.answer(unknown());
    for (let i = 0; i < 100 && bench.seen.length === 1; i++) {
      bench.found('absent');
      bench.answer(REFUSED);
      bench.pass(1_000);
    }
    expect(bench.seen.slice(1)).toEqual(['lost, unreachable: the log takes nothing behind what we know of it']);
    expect(bench.appends.length).toBeLessThan(20);
  });

  it('known again: the next doubt has its time to itself', () => {
    const bench = new Bench();
    for (let i = 0; i < 3; i++) {
      bench.answer(unknown());
      bench.pass(UNSURE_MS_MAX - 5_000);
      bench.found('absent');
      bench.answer(DURABLE);
      bench.appending.append(BATCHES);
    }
    expect(bench.seen.filter((what) => what.startsWith('lost'))).toEqual([]);
  });
});

describe('stopped', () => {
  it('says nothing, whatever comes', () => {
    for (const stopFirst of [true, false]) {
      const bench = new Bench();
      if (!stopFirst) bench.answer(unknown());
      take(bench);
      bench.appending.stop();
      bench.answer(DURABLE);
      bench.found('absent');
      bench.pass(20_000);
      expect([bench.seen, bench.sent]).toEqual([[], [1, 1]]);
    }
  });
});
