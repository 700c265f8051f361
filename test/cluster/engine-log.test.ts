import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CUTS, type EngineClient, SimEngine } from '../../sim/engine.ts';
import { Loop } from '../../sim/loop.ts';
import { Stream } from '../../sim/random.ts';
import { batchFraming, NOTHING } from '../../src/cluster/batch-framing.ts';
import { EngineLog, type NotOurs } from '../../src/cluster/engine-log.ts';
import { EngineLogs } from '../../src/cluster/engine-logs.ts';
import { HeldLeases } from '../../src/cluster/held-leases.ts';
import { Appending } from '../../src/node/appending.ts';
import type { Batch } from '../../src/ports/journal.ts';
import fc, { Reached } from '../support/properties.ts';

const secret = { salt: new Uint8Array(16), hash: (bytes: Uint8Array) => createHash('sha256').update(bytes).digest() };
const ANSWERS_WITHIN_MS = 200;

/** An engine, and processes one after the other or beside each other, each with the shipped loop that drives appends to their end. */
class Bench {
  readonly loop = new Loop();
  readonly random: Stream;
  readonly logs = new EngineLogs(1);
  readonly engine: SimEngine;
  readonly durable: number[] = [];
  readonly seen: string[] = [];
  /** Frames that are read at a time. */
  page = Number.POSITIVE_INFINITY;
  private processes = 0;

  constructor(seed: number) {
    this.random = new Stream(seed, 'bench');
    this.engine = new SimEngine({
      ...{ loop: this.loop, random: this.random, logs: this.logs, isSynchronous: true, leaseMs: 1 },
      ...{ wayMs: { min: 1, max: 5 }, runMs: { min: 1, max: 2 }, standbyMs: { min: 1, max: 10 } },
      lateMs: { min: 5, max: 300 },
    });
  }

  /** A process that has claimed the shard, and appends numbers. */
  process(): Process {
    const client = this.engine.connect();
    const { frames } = client;
    client.frames = (shard, from, done) =>
      frames.call(client, shard, from, (read) => {
        if (read instanceof Error || read.frames.length <= this.page) return done(read);
        done({ frames: read.frames.slice(0, this.page), isEnd: false });
      });
    const leases = new HeldLeases({
      ...{ leases: client.leases, owner: `node.${++this.processes}`, monotonicMs: () => 0 },
      timers: { setTimeout: () => 0, clearTimeout: () => {} },
    });
    const log = new EngineLog({
      ...{ engine: client, leases, number: 0, shard: null, secret, answersWithinMs: ANSWERS_WITHIN_MS },
      isOurs: () => true,
      failed: () => {},
    });
    const found: number[] = [];
    const claimed: unknown[] = [];
    log.claim(
      {
        begin: () => found.splice(0),
        entry: () => {},
        restored: () => {},
        frame: ({ batches }) => found.push(...batches.map(numberOf)),
      },
      (not) => claimed.push(not),
    );
    this.until(() => claimed.length > 0);
    const [not] = claimed;
    if (not !== null) throw (not as NotOurs).error;
    return new Process(this, client, log, found);
  }

  until(isOver: () => boolean): void {
    const endMs = this.loop.nowMs + 60_000;
    while (!isOver()) if (!this.loop.step(endMs)) throw new Error('nothing ends it');
  }
}

class Process {
  readonly found: readonly number[];
  readonly log: EngineLog;
  readonly client: EngineClient;
  isOver = false;
  private readonly bench: Bench;
  private readonly appends: Appending;
  private isIdle = true;

  constructor(bench: Bench, client: EngineClient, log: EngineLog, found: readonly number[]) {
    this.bench = bench;
    this.client = client;
    this.log = log;
    this.found = found;
    const { loop, random, seen } = bench;
    const over = (what: string): void => {
      seen.push(what);
      this.isOver = true;
    };
    this.appends = new Appending({
      ...{ log, random, clock: { nowMs: () => loop.nowMs, wallMs: () => loop.nowMs } },
      timers: {
        setTimeout: (run, ms) => {
          const timer = { run };
          bench.engine.after(ms, () => timer.run());
          return timer;
        },
        clearTimeout: (timer) => {
          (timer as { run: () => void }).run = () => {};
        },
      },
      events: {
        durable: (batches) => {
          this.isIdle = true;
          bench.durable.push(...batches.map(numberOf));
        },
        unsure: () => seen.push('unsure'),
        sure: () => seen.push('sure'),
        lost: (why) => over(`lost: ${why}`),
        failed: () => over('failed'),
        halted: () => over('halted'),
      },
    });
  }

  /** Nothing waits for its end. */
  begin(number: number): void {
    this.isIdle = false;
    this.appends.append([{ shard: null, facts: [{ name: 'clocks', serviceMs: number, wallMs: number }] }]);
  }

  settle(): void {
    this.bench.until(() => this.isIdle || this.isOver);
  }

  stop(): void {
    this.appends.stop();
    this.client.cut('applied_later');
    this.log.release();
  }
}

const numberOf = ({ facts }: Batch): number => (facts[0] as { serviceMs: number }).serviceMs;

describe('a log of the engine as the journal has it', () => {
  it('one that is let go of while an append hangs does not hold up the others in its statement (R3)', () => {
    const bench = new Bench(1);
    const process = bench.process();
    const gaveUp: number[] = [];
    Object.assign(process.client, { giveUp: (log: number) => gaveUp.push(log) });
    process.begin(1);
    process.settle();
    process.client.partition(60_000);
    process.begin(2);
    expect(gaveUp).toEqual([]);
    process.stop();
    expect(gaveUp).toEqual([]);
    const again = bench.process();
    Object.assign(again.client, { giveUp: (log: number) => gaveUp.push(log) });
    again.client.partition(60_000);
    again.begin(3);
    again.log.release();
    expect(gaveUp).toEqual([0]);
  });

  it.each(CUTS)(
    'an announcement whose connection is cut, %s: it is settled, once, and so is what comes after',
    (how) => {
      const bench = new Bench(1);
      const one = bench.process();
      expect(one.log.term).toBe(1);
      one.begin(1);
      one.client.cut(how);
      one.settle();
      one.begin(2);
      one.settle();
      expect([bench.durable, one.isOver]).toEqual([[1, 2], false]);
      expect(bench.process().found).toEqual([1, 2]);
    },
  );

  it.each(CUTS)('an append whose connection is cut, %s: it is settled, once', (how) => {
    const bench = new Bench(2);
    const one = bench.process();
    for (const number of [1, 2, 3]) {
      one.begin(number);
      if (number === 2) one.client.cut(how);
      one.settle();
    }
    expect([bench.durable, bench.seen]).toEqual([
      [1, 2, 3],
      ['unsure', 'sure'],
    ]);
    expect(bench.process().found).toEqual([1, 2, 3]);
  });

  it('another process announces: the one before is told with its next append, and is not durable', () => {
    const bench = new Bench(3);
    const one = bench.process();
    one.begin(1);
    one.settle();
    const other = bench.process();
    other.begin(2);
    other.settle();
    one.begin(3);
    one.settle();
    expect([bench.durable, bench.seen, other.log.term]).toEqual([[1, 2], ['unsure', 'lost: foreign'], 2]);
  });

  it('read in pages, at first and again; pages that lead nowhere end it', () => {
    const bench = new Bench(4);
    const one = bench.process();
    for (let number = 1; number <= 7; number++) {
      one.begin(number);
      one.settle();
    }
    bench.page = 2;
    const two = bench.process();
    expect(two.found).toEqual([1, 2, 3, 4, 5, 6, 7]);
    two.begin(8);
    two.client.cut('applied');
    two.settle();
    expect(bench.durable.at(-1)).toBe(8);
    bench.page = 1;
    expect(() => bench.process()).toThrow('log 0: the engine gives 1 frames, and says there are more');
  });

  it('whoever reads again is told that the log is somebody else’s without reading all that this one wrote', () => {
    const bench = new Bench(6);
    const one = bench.process();
    one.begin(0);
    one.settle();
    const two = bench.process();
    for (let number = 1; number <= 50; number++) {
      two.begin(number);
      two.settle();
    }
    bench.page = 2;
    let pages = 0;
    const { frames } = one.client;
    one.client.frames = (...asked) => {
      pages++;
      frames(...asked);
    };
    one.begin(99);
    one.settle();
    expect([bench.seen, pages]).toEqual([['unsure', 'lost: foreign'], 2]);
  });

  it('read again twice, answered late: the first answer is passed over, and the second is true', () => {
    const bench = new Bench(7);
    const { log, client } = bench.process();
    const ends: string[] = [];
    const append = (): void => log.append([], ({ end }) => ends.push(end));
    append();
    bench.until(() => ends.length === 1);
    append();
    client.cut('not_applied');
    expect(ends).toEqual(['durable', 'unknown']);
    const reads: (() => void)[] = [];
    const { frames } = client;
    client.frames = (...asked) => reads.push(() => frames(...asked));
    const found: unknown[] = [];
    log.readAgain((first) => found.push(['first', first]));
    log.readAgain((second) => found.push(['second', second]));
    reads[0]?.();
    while (bench.loop.step(bench.loop.nowMs + 100));
    reads[1]?.();
    bench.until(() => found.length > 1);
    expect(found).toEqual([
      ['first', new Error('log 0 is read again since')],
      ['second', 'absent'],
    ]);
  });

  it('what two processes announce at the same place is not the same', () => {
    const head = { sequence: 1, term: 1, previous: new Uint8Array(32) };
    const hashes = ['a', 'b'].map((owner) => batchFraming(owner, secret).seal(head, NOTHING).hash);
    expect(hashes[0]).not.toEqual(hashes[1]);
    for (const owner of ['', 'x'.repeat(256)]) expect(() => batchFraming(owner, secret)).toThrow('1 to 255 bytes');
  });

  it('facts that could not be read again are not written, and nothing is after them', () => {
    const bench = new Bench(5);
    const one = bench.process();
    const ends: unknown[] = [];
    const purged = { name: 'purged', atMs: 1, msgId: 'none', payloadHash: 'b3:', hashChain: 'b3:', reason: 'admin' };
    one.log.append([{ shard: 0, facts: [purged as never] }], (end) => ends.push(end));
    one.log.append([], (end) => ends.push(end));
    expect(ends).toEqual([{ end: 'failed', error: expect.any(Error) }, ends[0]]);
    expect(bench.logs.logOf(0)).toEqual([]);
  });

  it('bytes that are no frame, or whose records are none, are not opened', () => {
    const framing = batchFraming('a', secret);
    const { body } = framing.seal({ sequence: 1, term: 1, previous: new Uint8Array(32) }, NOTHING);
    expect(framing.open(body)).toMatchObject({ sequence: 1, term: 1 });
    for (let at = 0; at < body.length; at += 7) {
      const damaged = body.slice();
      damaged[at] = damaged[at]! ^ 1;
      expect(framing.open(damaged), `byte ${at}`).toBe(null);
    }
    expect(framing.open(new Uint8Array(0))).toBe(null);
  });

  it('whatever becomes of connections, primaries and processes: what was durable is found by every process after, in order (AC1)', () => {
    const reached = new Reached('appends over the simulated engine');
    const step = fc.constantFrom('append', 'append', 'cut', 'cancel', 'fail over', 'lag', 'full', 'partition', 'next');
    fc.assert(
      fc.property(fc.nat(1 << 20), fc.array(step, { minLength: 1, maxLength: 40 }), (seed, steps) => {
        const bench = new Bench(seed);
        let [one, number] = [bench.process(), 0];
        const saw = { appends: 0, processes: 1, durable: 0, unsure: 0 };
        for (const what of [...steps, 'next']) {
          if (what === 'next' || one.isOver) {
            one.settle();
            one.stop();
            one = bench.process();
            saw.processes++;
            const found = one.found.filter((each) => bench.durable.includes(each));
            expect(found).toEqual(bench.durable);
            continue;
          }
          if (what === 'append') {
            one.settle();
            if (!one.isOver) one.begin(++number);
            saw.appends++;
          }
          if (what === 'cut') one.client.cut(bench.random.pick(CUTS));
          if (what === 'cancel') bench.engine.cancel();
          if (what === 'fail over') bench.engine.failOver();
          if (what === 'lag') bench.engine.lag(100);
          if (what === 'full') bench.engine.full(150);
          if (what === 'partition') one.client.partition(300);
          for (let i = bench.random.below(4); i > 0; i--) bench.loop.step(bench.loop.nowMs + 50);
        }
        saw.durable = bench.durable.length;
        saw.unsure = bench.seen.filter((each) => each === 'unsure').length;
        expect(bench.seen).not.toContain('halted');
        reached.saw(saw);
      }),
      { numRuns: Number(process.env['RUNS'] ?? 300) },
    );
    reached.atLeast({ appends: 15, processes: 6, durable: 12, unsure: 5 });
  });
});
