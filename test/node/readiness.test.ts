import { describe, expect, it } from 'vitest';
import { type Condition, Readiness } from '../../src/node/readiness.ts';

class Bench {
  conditions: Condition[] = [];
  readonly seen: string[] = [];
  readonly readiness = new Readiness({
    conditions: () => this.conditions,
    onChange: (state, refuses, missing) =>
      this.seen.push([state, ...(refuses ? ['refuses'] : []), ...missing].join(' ')),
  });

  look(conditions: Condition[]): void {
    this.conditions = conditions;
    this.readiness.look();
  }
}

const saturated = (name: string, retryAfterMs = 1000): Condition => ({ name, kind: 'saturated', retryAfterMs });
const unhealthy = (name: string): Condition => ({ name, kind: 'unhealthy', retryAfterMs: 1000 });

describe('readiness', () => {
  it('life: starting, ready, degraded as it looks at itself, draining for good (BD3, D7)', () => {
    const bench = new Bench();
    expect(bench.readiness.report()).toEqual({ ready: false, missing: ['starting'], retryAfterS: 1 });
    bench.readiness.started();
    expect(bench.readiness.report()).toEqual({ ready: true, missing: [], retryAfterS: 0 });
    bench.look([saturated('shard_capacity')]);
    expect(bench.readiness.state).toBe('degraded_writes');
    bench.look([]);
    expect(bench.readiness.state).toBe('ready');
    bench.readiness.drain();
    bench.readiness.look();
    expect(bench.readiness.report()).toEqual({ ready: false, missing: ['draining'], retryAfterS: 1 });
    expect(bench.seen).toEqual(['starting', 'ready', 'degraded_writes shard_capacity', 'ready', 'draining']);
  });

  it('filling up: sends go on; unhealthy: sends are refused; the two are told apart (BD3)', () => {
    const bench = new Bench();
    bench.readiness.started();
    bench.look([saturated('dedup_capacity')]);
    bench.look([saturated('dedup_capacity'), unhealthy('verifier')]);
    bench.look([unhealthy('keyring')]);
    expect(bench.seen.slice(2)).toEqual([
      'degraded_writes dedup_capacity',
      'degraded_writes refuses dedup_capacity verifier',
      'degraded_writes refuses keyring',
    ]);
  });

  it('failed: whatever comes after (journal rule 4)', () => {
    const bench = new Bench();
    bench.readiness.started();
    bench.look([{ name: 'journal', kind: 'failed', retryAfterMs: 0 }]);
    bench.look([]);
    expect(bench.readiness.report()).toEqual({ ready: false, missing: ['failed'], retryAfterS: 1 });
  });

  it('asked: looks at once, names everything that is missing, and when it is worth asking again (O4)', () => {
    const bench = new Bench();
    bench.readiness.started();
    bench.conditions = [saturated('shard_capacity', 4_200), unhealthy('verifier')];
    const missing = ['shard_capacity', 'verifier'];
    expect(bench.readiness.report()).toEqual({ ready: false, missing, retryAfterS: 5 });
  });
});
