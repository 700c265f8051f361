import { describe, expect, it } from 'vitest';
import type { Fact } from '../../src/core/facts.ts';
import { historyBytes } from '../../src/journal/kept-history.ts';
import { filesOf, HISTORY } from '../../src/journal/layout.ts';
import { pastSteps } from '../../src/journal/past-steps.ts';
import type { Happened, PastAsk, PastStep } from '../../src/ports/past.ts';
import { JournalBench, RECOVERING } from '../support/journal.ts';

const SEGMENT_BYTES = 8192;
const ALL: PastAsk = { after: null, origin: null, topic: null, prefix: '', msgId: null };

/** A journal, and every fact of a message that was appended to it. */
class Kept {
  readonly bench: JournalBench;
  readonly facts: Exclude<Fact, { name: 'recovered' }>[] = [];

  constructor(historyBytes: number, capacityBytes = Number.POSITIVE_INFINITY) {
    this.bench = new JournalBench(5, { segmentBytes: SEGMENT_BYTES, isQuick: true, historyBytes, capacityBytes });
    const append = this.bench.append.bind(this.bench);
    this.bench.append = (batches, then) => {
      for (const { shard, facts } of batches)
        if (shard !== null) for (const fact of facts) if (fact.name !== 'recovered') this.facts.push(fact);
      append(batches, then);
    };
    this.open();
  }

  open(): void {
    this.bench.open();
    this.bench.start();
    this.bench.queue.run();
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.bench.step(3, 60);
      this.bench.queue.run(this.bench.random);
      if (i % 50 === 0) this.bench.tick();
      this.bench.queue.run(this.bench.random);
    }
  }

  restart(): void {
    this.bench.disk.kill();
    this.bench.queue.clear();
    this.open();
  }

  steps(ask: Partial<PastAsk> = {}): PastStep[] {
    return [...pastSteps(this.bench.disk, { ...ALL, ...ask }, this.bench.journal.end, RECOVERING)];
  }

  told(ask: Partial<PastAsk> = {}): Happened[] {
    const steps = this.steps(ask);
    expect(steps.at(-1)).toMatchObject({ step: 'end', last: this.facts.length });
    return steps.flatMap((step) => (step.step === 'facts' ? step.facts : []));
  }

  /** Facts are what was appended, each with its number, from the first that is told to the last there is. */
  holds(told: readonly Happened[]): void {
    const first = told[0]?.n ?? 0;
    expect(told.map(({ n }) => n)).toEqual(told.map((_, i) => first + i));
    expect(told.at(-1)?.n).toBe(this.facts.length);
    expect(told.map(({ fact, msgId }) => `${fact} ${msgId}`)).toEqual(
      this.facts.slice(first - 1).map(({ name, msgId }) => `${name} ${msgId}`),
    );
  }
}

describe('history that is kept for the feed (B10)', () => {
  it('without a bound: every fact since the first, over snapshots and restarts, each with what it made of its message', () => {
    const kept = new Kept(1e12);
    kept.run(300);
    kept.restart();
    kept.run(300);
    expect(filesOf(kept.bench.disk).segments[0]).toBeGreaterThan(3);
    const told = kept.told();
    expect(told[0]?.n).toBe(1);
    kept.holds(told);
    const one = told[Math.floor(told.length / 2)]?.msgId as string;
    const life = kept.told({ msgId: one });
    expect(life).toEqual(told.filter(({ msgId }) => msgId === one));
    expect(life[0]).toMatchObject({ fact: 'sent', state: 'queued', attempt: 0 });
    expect(kept.told({ topic: 't1' })).toEqual(told.filter(({ topic }) => topic === 't1'));
  });

  it('with a bound: never more than that, and the newest of it without a gap; what a start reads stays as it was', () => {
    const kept = new Kept(8 * SEGMENT_BYTES);
    const bare = new Kept(0);
    for (let i = 0; i < 12; i++) {
      kept.run(100);
      bare.run(100);
      expect(historyBytes(kept.bench.disk)).toBeLessThanOrEqual(8 * SEGMENT_BYTES);
      kept.holds(kept.told());
    }
    const own = filesOf(kept.bench.disk);
    expect(own.snapshots).toHaveLength(2);
    expect(own.segments.length).toBeLessThanOrEqual(filesOf(bare.bench.disk).segments.length + 2);
    expect(bare.bench.disk.files(HISTORY)).toEqual([]);
    expect(kept.told().length).toBeGreaterThan(1.5 * bare.told().length);
    // Another bound from the next start on.
    const smaller = new Kept(8 * SEGMENT_BYTES);
    smaller.run(800);
    const before = smaller.told();
    smaller.bench.disk.kill();
    Object.assign(smaller.bench, { historyBytes: 0 });
    smaller.open();
    expect(smaller.bench.disk.files(HISTORY)).toEqual([]);
    expect(smaller.told().length).toBeLessThan(before.length);
    smaller.holds(smaller.told());
  });

  it('cursors: goes on after what is there; of before it, or of a process that never was, it is gone, with where to begin', () => {
    const kept = new Kept(6 * SEGMENT_BYTES);
    kept.run(500);
    kept.restart();
    kept.run(500);
    const first = kept.told()[0]?.n as number;
    expect(first).toBeGreaterThan(10);
    const begun = kept.steps()[0] as Extract<PastStep, { step: 'begun' }>;
    expect(begun).toMatchObject({ step: 'begun', after: first - 1 });
    const { origin } = begun.eras[0] as { origin: string };
    expect(kept.told({ after: first + 5, origin })[0]?.n).toBe(first + 6);
    const gone = [{ step: 'gone', oldest: `${origin}-${first - 1}` }];
    expect(kept.steps({ after: first - 2, origin })).toEqual(gone);
    expect(kept.steps({ after: first + 5, origin: 'never' })).toEqual(gone);
    expect(kept.steps({ after: kept.facts.length + 7, origin })).toEqual(gone);
  });

  it('a crash at any moment leaves what can be read: from some fact to the last, without a gap', () => {
    let crashes = 0;
    let deepest = 0;
    for (let seed = 0; seed < 12; seed++) {
      const kept = new Kept(6 * SEGMENT_BYTES);
      for (let i = 0; i < 12; i++) {
        kept.run(40);
        // Appends become durable, and whatever else the disk has to do stays where it is.
        const { bench } = kept;
        for (let step = 0; step < 12; step++) {
          bench.step(3, 60);
          bench.queue.run(bench.random, () => bench.durable === bench.states.length);
        }
        const { disk, random } = bench;
        disk.crash({ keeps: () => random.chance(0.5) }, random.below(disk.unsyncedNames + 1));
        kept.bench.queue.clear();
        crashes++;
        kept.open();
        const steps = kept.steps();
        expect(steps.at(-1)?.step).toBe('end');
        const told = steps.flatMap((step) => (step.step === 'facts' ? step.facts : []));
        expect(told.map(({ n }) => n)).toEqual(told.map((_, at) => (told[0]?.n ?? 0) + at));
        deepest = Math.max(deepest, historyBytes(kept.bench.disk));
      }
    }
    expect(crashes).toBe(144);
    expect(deepest).toBeGreaterThan(3 * SEGMENT_BYTES);
  });

  it('a full disk takes it first: sends come back as if it had never been kept (journal rule 5)', () => {
    const kept = new Kept(1e12, 40 * SEGMENT_BYTES);
    let most = 0;
    for (let i = 0; i < 40; i++) {
      kept.run(25);
      most = Math.max(most, historyBytes(kept.bench.disk));
    }
    expect(most).toBeGreaterThan(4 * SEGMENT_BYTES);
    for (let i = 0; i < 40; i++) {
      kept.bench.tick();
      kept.bench.queue.run(kept.bench.random);
    }
    expect(kept.bench.takesSends).toBe(true);
    expect(kept.bench.durable).toBe(kept.bench.states.length);
    expect(kept.bench.events.filter((event) => event.startsWith('failed'))).toEqual([]);
  });
});
