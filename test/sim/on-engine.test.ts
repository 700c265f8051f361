import { describe, expect, it } from 'vitest';
import { Breach } from '../../sim/checkers/breach.ts';
import { OwnedLog } from '../../sim/checkers/owned-log.ts';
import { ENGINE_SECRET } from '../../sim/engine-store.ts';
import { readSchedule } from '../../sim/files.ts';
import { swarmSchedule } from '../../sim/fuzz/swarm.ts';
import { formatReplay, parseReplay, replayOf } from '../../sim/replay/file.ts';
import { play } from '../../sim/replay/player.ts';
import { Recorder } from '../../sim/replay/recorder.ts';
import { worldOf } from '../../sim/run.ts';
import { batchFraming } from '../../src/cluster/batch-framing.ts';
import { EngineLogs } from '../../src/cluster/engine-logs.ts';
import type { Fact } from '../../src/core/facts.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { EngineFrame } from '../../src/ports/engine.ts';

const short = (name: string) => {
  const schedule = readSchedule(name);
  return { ...schedule, goals: {}, setup: { ...schedule.setup, durationMs: 8_000 } };
};

describe('worlds whose nodes share an engine', () => {
  it('what is recorded of one is the same world again, from a file too, whatever fell to chance at the engine', () => {
    const recorder = new Recorder();
    const schedule = short('engine-everything');
    const { world, driver } = worldOf(schedule, schedule.seed, { observers: [recorder] });
    const run = world.run(driver);
    expect(run.verdict.kind).toBe('held');
    expect(run.tally['takeovers']).toBeGreaterThan(4);
    const script = recorder.script(world);
    const again = play(script, { fingerprint: true });
    expect(again.run.hash).toBe(run.hash);
    const about = {
      title: 't',
      from: 'f',
      version: 'v',
      minimal: false,
      expects: { goals: {}, violates: null, counted: {} },
    };
    const read = parseReplay(formatReplay(replayOf(script, again, about)), 'r.json');
    expect(play(read.script).run.hash).toBe(run.hash);
  });

  it('some drawn worlds are such, without what only a disk has, and with what only an engine has', () => {
    const drawn = Array.from({ length: 200 }, (_, i) => swarmSchedule(i + 1)).filter(
      ({ setup }) => setup.engine != null,
    );
    expect(drawn.length).toBeGreaterThan(30);
    const kinds = new Set(drawn.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
    expect([...kinds].filter((kind) => kind.startsWith('engine_')).length).toBe(7);
    expect(kinds.has('lost_sync') || kinds.has('disk_full')).toBe(false);
    expect(drawn.every(({ setup }) => setup.nodes > 1 && setup.engine?.isReplicated === true)).toBe(true);
  });
});

/** Two owners that write to one log, and what the checker says. */
class Bench {
  readonly logs = new EngineLogs(1);
  readonly settled: Fact[] = [];
  readonly log: OwnedLog;
  private frames = 0;

  constructor() {
    const frames = () => this.logs.logOf(0);
    this.log = new OwnedLog({
      shard: 0,
      secret: ENGINE_SECRET,
      frames,
      settled: (facts) => this.settled.push(...facts),
    });
  }

  fact(): Fact {
    return { name: 'recovered', atMs: ++this.frames };
  }

  write(owner: string, term: number, facts: readonly Fact[], hash = this.logs.logOf(0).at(-1)?.hash): EngineFrame {
    const sequence = this.logs.logOf(0).length + 1;
    const previous = hash ?? new Uint8Array(32);
    const batches = [{ shard: 0, facts }];
    const sealed = batchFraming(owner, ENGINE_SECRET).seal(
      { sequence, term, previous },
      { batches, promise: null, read: null },
    );
    const frame = { shard: 0, sequence, previous, ...sealed };
    if (hash === this.logs.logOf(0).at(-1)?.hash) expect(this.logs.insert(frame)).toBe(true);
    return frame;
  }

  breach(act: () => void): string | null {
    try {
      act();
      return null;
    } catch (error) {
      if (error instanceof Breach) return error.rule;
      throw error;
    }
  }
}

describe('the log of a shard that nodes share', () => {
  it('a sound one: what its owners take for durable is settled once, in the order of the log', () => {
    const bench = new Bench();
    const facts = [bench.fact(), bench.fact(), bench.fact()];
    bench.log.answered(bench.write('a', 1, facts.slice(0, 2)));
    bench.log.takenFor(0, facts.slice(0, 2));
    bench.log.answered(bench.write('b', 2, facts.slice(2)));
    bench.log.takenFor(2, facts.slice(2));
    expect(bench.breach(() => bench.log.end())).toBe(null);
    expect(bench.settled).toEqual(facts);
    expect(bench.log.upTo(1, DEFAULT_LIMITS).durable).toBe(2);
  });

  it('ToldInv: a fact that is taken for durable and is not in the log, or not there; a frame that is gone', () => {
    const bench = new Bench();
    const [one, other] = [bench.fact(), bench.fact()];
    const frame = bench.write('a', 1, [one]);
    expect(bench.breach(() => bench.log.takenFor(1, [other]))).toBe('ToldInv');
    expect(bench.breach(() => bench.log.takenFor(0, [other]))).toBe('ToldInv');
    bench.log.answered(frame);
    bench.logs.failOver();
    expect(bench.breach(() => bench.log.end())).toBe('ToldInv');
    expect(bench.breach(() => bench.log.answered(bench.write('b', 1, [other])))).toBe('ToldInv');
  });

  it('TermInv: another node in the same term, one that goes back, one that leaves one out', () => {
    for (const term of [1, 0, 3]) {
      const bench = new Bench();
      bench.write('a', 1, []);
      bench.write('b', term, []);
      expect(
        bench.breach(() => bench.log.end()),
        String(term),
      ).toBe('TermInv');
    }
  });

  it('ChainInv: a frame that names another one before it', () => {
    const bench = new Bench();
    bench.write('a', 1, []);
    const frame = bench.write('a', 1, [], new Uint8Array(32).fill(1));
    bench.logs.restore({ logs: [[...bench.logs.logOf(0), frame]], standby: [0] });
    expect(bench.breach(() => bench.log.end())).toBe('ChainInv');
  });

  it('NoLossInv: the next owner has written, and does not know what was accepted', () => {
    const bench = new Bench();
    bench.log.accepted.add('01MCC5RPBP00080PWNRW000003');
    expect(bench.breach(() => bench.log.proven(bench.log.upTo(0, DEFAULT_LIMITS)))).toBe('NoLossInv');
  });
});
