import { describe, expect, it } from 'vitest';
import { SimulatedClock } from 'xstate';
import { PARK_MS_MAX, PARK_MS_MIN, STEADY_MS } from '../../spec/shard.machine.ts';
import { ELSEWHERE, Supervisor } from '../../src/node/supervisor.ts';

/** A supervisor whose shards are made anew when the test says so. */
class Bench {
  readonly clock = new SimulatedClock();
  readonly seen: string[] = [];
  readonly asked: {
    readonly shard: number;
    readonly done: (error: unknown, state: string | null | typeof ELSEWHERE) => void;
  }[] = [];
  readonly supervisor = new Supervisor<string>({
    rebuild: (shard, done) => this.asked.push({ shard, done }),
    revive: (shard, state) => this.seen.push(`revived ${shard} ${state}`),
    parked: (shard, forMs, error) => this.seen.push(`parked ${shard} ${forMs} ${(error as Error).message}`),
    timers: this.clock as never,
  });

  fall(shard: number): void {
    this.supervisor.fell(shard, new Error('bug'));
  }

  /** The rebuild that was asked for last comes out like this. */
  rebuilt(state: string | null | typeof ELSEWHERE, why = 'damage'): void {
    this.asked.pop()?.done(state === null ? new Error(why) : null, state);
  }
}

describe('supervisor', () => {
  it('a shard that falls is made anew at once, and serves (V4)', () => {
    const bench = new Bench();
    bench.fall(3);
    expect(bench.asked.map(({ shard }) => shard)).toEqual([3]);
    bench.rebuilt('anew');
    expect(bench.seen).toEqual(['revived 3 anew']);
    bench.clock.increment(10 * PARK_MS_MAX);
    expect(bench.asked).toEqual([]);
  });

  it('again and again: parked for longer each time up to the most, never spun (V4)', () => {
    const bench = new Bench();
    bench.fall(0);
    bench.rebuilt('a');
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      bench.seen.length = 0;
      bench.fall(0);
      const wait = Number(/parked 0 (\d+) bug/.exec(bench.seen[0] as string)?.[1]);
      waits.push(wait);
      bench.clock.increment(wait - 1);
      expect(bench.asked).toEqual([]);
      bench.clock.increment(1);
      expect(bench.asked).toHaveLength(1);
      bench.rebuilt('b');
    }
    expect(waits.slice(0, 4)).toEqual([PARK_MS_MIN, 2 * PARK_MS_MIN, 4 * PARK_MS_MIN, 8 * PARK_MS_MIN]);
    expect(waits.slice(-2)).toEqual([PARK_MS_MAX, PARK_MS_MAX]);
  });

  it('elsewhere: left alone however long it takes, asked for when it is wanted, and what it fell over before is forgotten', () => {
    const bench = new Bench();
    bench.fall(1);
    bench.rebuilt(null);
    bench.clock.increment(PARK_MS_MIN);
    bench.rebuilt(ELSEWHERE);
    bench.clock.increment(10 * PARK_MS_MAX);
    expect(bench.asked).toEqual([]);
    bench.supervisor.wanted(1);
    bench.supervisor.wanted(1);
    expect(bench.asked).toHaveLength(1);
    // Nobody who serves, and nobody who never fell, is asked for.
    bench.rebuilt('here');
    for (const shard of [1, 2]) bench.supervisor.wanted(shard);
    expect(bench.asked).toEqual([]);
    bench.seen.length = 0;
    bench.fall(1);
    expect([bench.asked.length, bench.seen]).toEqual([1, []]);
    bench.rebuilt(null);
    // Parked, and wanted: not waited for.
    bench.supervisor.wanted(1);
    expect(bench.asked).toHaveLength(1);
  });

  it('what cannot be made anew is parked with what it fell over, and tried again', () => {
    const bench = new Bench();
    bench.fall(1);
    bench.rebuilt(null);
    expect([bench.seen, bench.asked]).toEqual([[`parked 1 ${PARK_MS_MIN} damage`], []]);
    bench.clock.increment(PARK_MS_MIN);
    bench.rebuilt('anew');
    expect(bench.seen.at(-1)).toBe('revived 1 anew');
  });

  it('steady for a while: the next fall is a first one again', () => {
    const bench = new Bench();
    bench.fall(1);
    bench.rebuilt('a');
    bench.clock.increment(STEADY_MS - 1);
    bench.fall(1);
    expect(bench.seen.at(-1)).toBe(`parked 1 ${PARK_MS_MIN} bug`);
    bench.clock.increment(PARK_MS_MIN);
    bench.rebuilt('b');
    bench.clock.increment(STEADY_MS);
    bench.fall(1);
    expect(bench.asked).toHaveLength(1);
  });

  it('each shard is counted alone; after a stop nothing is made anew', () => {
    const bench = new Bench();
    bench.fall(1);
    bench.rebuilt('a');
    bench.fall(2);
    expect(bench.asked).toHaveLength(1);
    bench.rebuilt('b');
    bench.fall(1);
    bench.supervisor.stop();
    bench.clock.increment(PARK_MS_MAX);
    expect(bench.asked).toEqual([]);
  });
});
