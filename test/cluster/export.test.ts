import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SimEngine } from '../../sim/engine.ts';
import { Loop } from '../../sim/loop.ts';
import { Stream } from '../../sim/random.ts';
import { EngineJournal } from '../../src/cluster/engine-journal.ts';
import { EngineLogs } from '../../src/cluster/engine-logs.ts';
import { readLogs } from '../../src/cluster/logs-as-replica.ts';
import { writeLogs } from '../../src/cluster/replica-as-logs.ts';
import { audit } from '../../src/journal/audit.ts';
import { writeOut } from '../../src/journal/backup.ts';
import { FileStorage } from '../../src/journal/file-storage.ts';
import type { Replica } from '../../src/journal/replica.ts';
import type { Snapshots } from '../../src/ports/engine.ts';
import type { Claim, Unclaimed } from '../../src/ports/journal.ts';
import { isClaim } from '../../src/ports/journal.ts';
import { digestOf, JournalBench, LIMITS, RECOVERING, SALT, sha256 } from '../support/journal.ts';
import fc, { Reached } from '../support/properties.ts';

const SHARDS = 2;
const secret = { salt: SALT, hash: (bytes: Uint8Array) => createHash('sha256').update(bytes).digest() };
const TIMES = { wayMs: { min: 1, max: 2 }, runMs: { min: 1, max: 2 }, standbyMs: { min: 1, max: 5 } };

/** An empty engine, and what is asked of it. */
class Bench {
  readonly loop = new Loop();
  readonly engine = new SimEngine({
    ...{ loop: this.loop, random: new Stream(1, 'export'), logs: new EngineLogs(SHARDS + 1), isSynchronous: true },
    ...{ ...TIMES, leaseMs: 1, lateMs: { min: 5, max: 9 } },
  });
  readonly client = this.engine.connect();

  until<Result>(ask: (done: (result: Result) => void) => void): Result {
    const results: Result[] = [];
    ask((result) => results.push(result));
    while (results.length === 0) if (!this.loop.step(this.loop.nowMs + 60_000)) throw new Error('nothing ends it');
    return results[0] as Result;
  }

  take(replica: Replica): Error | null {
    return this.until((done) => writeLogs({ engine: this.client, secret, processLog: SHARDS, replica }, done));
  }

  give(processLogs = [SHARDS]): Replica {
    const reading = { engine: this.client, secret, shards: SHARDS, processLogs };
    const replica = this.until<Replica | Error>((done) => readLogs(reading, done));
    if (replica instanceof Error) throw replica;
    return replica;
  }

  open(): EngineJournal {
    const options = { engine: this.client, owner: 'node.1', secret, shards: SHARDS, processLog: SHARDS };
    const more = {
      timers: { setTimeout: () => 0, clearTimeout: () => {} },
      monotonicMs: () => 0,
      answersWithinMs: 500,
    };
    const opened = this.until<EngineJournal | Error>((done) => EngineJournal.open({ ...options, ...more }, done));
    if (opened instanceof Error) throw opened;
    return opened;
  }

  claim(journal: EngineJournal, shard: number): Claim {
    const result = this.until<Claim | Unclaimed>((done) => journal.claim(shard, LIMITS, done));
    if (!isClaim(result)) throw result.error;
    return result;
  }
}

/** The replica that a journal on a disk comes to after so many random steps. */
function worked(seed: number, steps: number): Replica {
  const bench = new JournalBench(seed).open();
  bench.start();
  bench.queue.run();
  for (let i = 0; i < steps; i++) {
    bench.step();
    bench.queue.run();
  }
  // As the next process finds it.
  const { replica } = bench.open().journal.recovered as NonNullable<JournalBench['journal']['recovered']>;
  return replica;
}

describe('a journal on its way into an engine and out of it', () => {
  it('whatever happened to its shards: they, the clocks and the limits are the same in the engine, and in the directory that comes out', () => {
    const reached = new Reached('export and import');
    fc.assert(
      fc.property(fc.nat(1 << 20), fc.nat(60), (seed, steps) => {
        const replica = worked(seed, steps);
        const before = digestOf(replica.shards);
        const bench = new Bench();
        expect(bench.take(replica)).toBe(null);
        const given = bench.give();
        expect([digestOf(given.shards), given.limits]).toEqual([before, replica.limits]);
        expect(given.clocks?.serviceMs).toBe(replica.clocks?.serviceMs);
        const journal = bench.open();
        expect([journal.contents.limits, journal.processLog.term]).toEqual([replica.limits, replica.term + 1]);
        const claims = [0, 1].map((shard) => bench.claim(journal, shard));
        expect(digestOf(claims.map(({ state }) => state))).toBe(before);
        const folder = mkdtempSync(join(tmpdir(), 'export-'));
        try {
          const data = join(folder, 'data');
          writeOut(data, { replica: given, salt: SALT, segmentBytes: 1 << 16 }, RECOVERING);
          const integrity = { payloadHashOf: RECOVERING.payloadHashOf, hashChainOf: () => '' };
          const { problems, exists } = audit(new FileStorage(data), { hash: sha256, integrity });
          expect([problems, exists]).toEqual([[], true]);
        } finally {
          rmSync(folder, { recursive: true });
        }
        reached.saw({ steps, messages: replica.shards.reduce((sum, { slotCount }) => sum + slotCount, 0) });
      }),
      { numRuns: Number(process.env['RUNS'] ?? 12) },
    );
    reached.atLeast({ steps: 30, messages: 10 });
  });

  it('an engine that holds something already, or nothing at all, is said to', () => {
    const bench = new Bench();
    expect(() => bench.give([])).toThrow('export: no process has started yet');
    expect(() => bench.give()).toThrow('export: no process has started yet');
    const replica = worked(1, 3);
    expect(bench.take(replica)).toBe(null);
    expect(bench.take(replica)?.message).toBe('import: log 0 is not empty');
  });

  it('a log that is trimmed while it is read is read once more; what stays wrong is told', () => {
    const bench = new Bench();
    const replica = worked(2, 30);
    expect(bench.take(replica)).toBe(null);
    const before = digestOf(bench.give().shards);
    const claim = bench.claim(bench.open(), 0);
    for (let i = 0; i < 3; i++) {
      bench.until((done) => claim.log.append([], done));
      bench.until((done) => claim.snapshot(done));
    }
    const snapshots = bench.client.snapshots as { -readonly [Name in keyof Snapshots]: Snapshots[Name] };
    const { list } = snapshots;
    // As it was before the first of them.
    let stale = 1;
    snapshots.list = (shard, done) => {
      if (shard === 0 && stale-- > 0) bench.engine.after(1, () => done([]));
      else list(shard, done);
    };
    expect(digestOf(bench.give().shards)).toBe(before);
    stale = Number.POSITIVE_INFINITY;
    expect(() => bench.give()).toThrow(/^log 0 begins with frame \d+, and no snapshot reaches it$/);
  });
});
