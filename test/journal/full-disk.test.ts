import { describe, expect, it } from 'vitest';
import { Crash } from '../../sim/disk.ts';
import { filesOf, RESERVE } from '../../src/journal/layout.ts';
import { digestOf, hashOf, JournalBench } from '../support/journal.ts';
import fc, { Reached } from '../support/properties.ts';
import { sendOf } from '../support/shard.ts';

const SHARD = 0;
const HOURS_12_MS = 12 * 3_600_000;

/** A producer and a consumer at a journal whose disk has so many bytes and no more. */
class Consumed {
  readonly bench: JournalBench;
  private nowMs = 1_000_000;
  private key = 0;

  constructor(segmentBytes: number, capacityBytes = Number.POSITIVE_INFINITY, seed = 1) {
    this.bench = new JournalBench(seed, { segmentBytes, capacityBytes, isQuick: true });
    this.start();
  }

  private start(): void {
    this.bench.open();
    this.bench.start();
    this.settle();
  }

  restart(): void {
    this.bench.disk.kill();
    this.bench.queue.clear();
    this.bench.states.length = 0;
    this.bench.durable = 0;
    this.start();
  }

  /** What was appended becomes durable, with what a tick every second does. */
  settle(ticks = 30): void {
    const { bench } = this;
    bench.queue.run(bench.random);
    for (let i = 0; bench.durable < bench.states.length && i < ticks; i++) this.tick();
    expect(bench.durable, `an append waits for ever: ${bench.events.slice(-5).join(', ')}`).toBe(bench.states.length);
  }

  /** A second passes. */
  tick(): void {
    this.nowMs += 1000;
    this.bench.tick(this.nowMs);
    this.bench.queue.run(this.bench.random);
  }

  send(bytes: number): void {
    const payload = new Uint8Array(bytes).fill(++this.key).fill(this.key >> 8, 0, 1);
    const hash = hashOf(payload);
    const random = this.bench.random.below(2 ** 30);
    const what = { payload, payloadHash: hash, hashChain: hash, random };
    this.bench.run(SHARD, sendOf(++this.nowMs, 't', `key-${this.key}`, what));
    this.settle();
  }

  /** Sends until there is no room for more, or so many. Gives how many were taken. */
  fill(bytes: number, most = 5_000): number {
    const { bench } = this;
    let taken = 0;
    for (; bench.takesSends && taken < most; taken++) this.send(bytes);
    return taken;
  }

  /** Leases one for long; null when there is none. */
  lease(): { readonly msgId: string; readonly receipt: string } | null {
    const receipt = this.bench.random.token(16);
    const how = {
      topic: 't',
      receipt,
      visibilityMs: HOURS_12_MS,
      bytesMax: 1e9,
      inflightElsewhere: 0,
      tenantInflightElsewhere: 0,
    };
    const [fact] = this.bench.run(SHARD, { name: 'recv', atMs: ++this.nowMs, ...how });
    this.settle();
    return fact?.name === 'received' ? { msgId: fact.msgId, receipt } : null;
  }

  /** The log grows by this, and what is live does not. */
  extend(lease: { readonly msgId: string; readonly receipt: string }): void {
    this.bench.run(SHARD, { name: 'extend', atMs: ++this.nowMs, ...lease, visibilityMs: HOURS_12_MS });
    this.settle();
  }

  /** The process dies so many ops of the disk later, while this is done, and is started again. */
  crashWithin(ops: number, work: () => void): void {
    const { disk } = this.bench;
    disk.crashAt = disk.ops + ops;
    try {
      work();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.restart();
    }
    disk.crashAt = 0;
  }

  ack(lease: { readonly msgId: string; readonly receipt: string }): void {
    this.bench.run(SHARD, { name: 'ack', atMs: ++this.nowMs, ...lease });
    this.settle();
  }

  /** Takes one and acks it. False: there is none left. */
  consume(): boolean {
    const lease = this.lease();
    if (lease === null) return false;
    this.ack(lease);
    return true;
  }
}

/** Each ended a journal for good: seed, bytes of a segment, segments, bytes of a payload, leases, extensions until a crash so many ops later. */
const WEDGED: [number, number, number, number, number, { extends: number; ops: number }[]][] = [
  [
    0,
    3072,
    14,
    150,
    1,
    [
      { extends: 204, ops: 386 },
      { extends: 50, ops: 13 },
    ],
  ],
  [
    0,
    4096,
    22,
    20,
    1,
    [
      { extends: 143, ops: 224 },
      { extends: 50, ops: 44 },
    ],
  ],
  [
    0,
    3072,
    18,
    150,
    5,
    [
      { extends: 53, ops: 96 },
      { extends: 84, ops: 180 },
      { extends: 50, ops: 37 },
    ],
  ],
];

describe('a full disk', () => {
  it('from any full state, across restarts: all that waits can be taken and acked, and then sends are taken again (journal rule 5)', () => {
    const reached = new Reached('full disks');
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom(3072, 4096, 16_384),
        fc.integer({ min: 6, max: 24 }),
        fc.constantFrom(0, 20, 190, 600, 1200),
        fc.array(fc.nat(200), { maxLength: 3, size: 'max' }),
        (seed, segmentBytes, segments, payloadBytes, restarts) => {
          const world = new Consumed(segmentBytes, segmentBytes * segments, seed);
          const { bench } = world;
          reached.saw({ waiting: world.fill(payloadBytes) });
          expect(bench.takesSends).toBe(false);
          expect(bench.disk.used()).toBeLessThanOrEqual(bench.disk.capacityBytes);
          for (let taken = 0; world.consume(); taken++) {
            if (restarts.includes(taken)) world.restart();
            if (taken % 10 === 0) world.tick();
          }
          // What is remembered of them goes with time: that is looked at twice a minute.
          for (let i = 0; !bench.takesSends && i < 35; i++) world.tick();
          expect(bench.takesSends, bench.events.slice(-5).join(', ')).toBe(true);
          world.send(payloadBytes);
          expect(bench.look()).toBe(digestOf(bench.mirror));
        },
      ),
      { numRuns: 20 },
    );
    reached.atLeast({ waiting: 100 });
  });

  it('leased and extended without an ack, with crashes while snapshots are made: it goes on, and acks bring sends back (rule 5)', () => {
    const reached = new Reached('full disks without acks');
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom(3072, 4096),
        fc.integer({ min: 8, max: 24 }),
        fc.constantFrom(20, 150, 600),
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.record({ extends: fc.integer({ min: 50, max: 600 }), ops: fc.integer({ min: 1, max: 500 }) }), {
          minLength: 1,
          maxLength: 5,
        }),
        (seed, segmentBytes, segments, payloadBytes, count, rounds) => {
          const world = new Consumed(segmentBytes, segmentBytes * segments, seed);
          const { bench } = world;
          world.fill(payloadBytes);
          const leases = Array.from({ length: count }, () => world.lease()).filter((lease) => lease !== null);
          for (const round of rounds) {
            world.crashWithin(round.ops, () => {
              for (let i = 0; i < round.extends; i++)
                world.extend(leases[i % leases.length] as (typeof leases)[number]);
            });
            reached.saw({ segment: bench.journal.end.segment });
          }
          for (const lease of leases) world.ack(lease);
          for (let taken = 0; world.consume(); taken++) if (taken % 10 === 0) world.tick();
          for (let i = 0; !bench.takesSends && i < 70; i++) world.tick();
          expect(bench.takesSends, bench.events.slice(-5).join(', ')).toBe(true);
          world.send(payloadBytes);
          expect(bench.look()).toBe(digestOf(bench.mirror));
        },
      ),
      { numRuns: 40, examples: WEDGED },
    );
    reached.atLeast({ segment: 30 });
  });

  it('a snapshot can be made at any moment of what is free, kept back and needless, however much is live (rule 5)', () => {
    let snapshots = 0;
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom(3072, 8192),
        fc.constantFrom(0, 20, 190, 600),
        fc.integer({ min: 20, max: 200 }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        (seed, segmentBytes, payloadBytes, sends, consumed) => {
          const world = new Consumed(segmentBytes, Number.POSITIVE_INFINITY, seed);
          const { bench } = world;
          for (let i = 0; i < sends; i++) {
            world.send(payloadBytes);
            if (bench.random.chance(consumed)) world.consume();
          }
          bench.disk.capacityBytes = bench.disk.used();
          const before = bench.events.length;
          // Nobody knows yet that the disk is full: the next thing that is missing shows it.
          while (bench.takesSends) world.send(payloadBytes);
          while (world.consume() && !bench.takesSends) world.tick();
          for (let i = 0; i < 35; i++) world.tick();
          expect(bench.events.slice(before).filter((event) => event.startsWith('compaction failed'))).toEqual([]);
          expect(bench.takesSends).toBe(true);
          snapshots += bench.events.slice(before).filter((event) => event.startsWith('compacted')).length;
          world.send(payloadBytes);
          expect(bench.look()).toBe(digestOf(bench.mirror));
        },
      ),
      { numRuns: 20 },
    );
    expect(snapshots).toBeGreaterThan(10);
  });

  it('the snapshot covers what is in the open segment: what was acked there frees the disk, though no segment is full', () => {
    const world = new Consumed(65_536, 65_536 * 5);
    const { bench } = world;
    world.fill(190);
    expect(bench.journal.end.segment).toBe(1);
    while (world.consume());
    for (let i = 0; !bench.takesSends && i < 35; i++) world.tick();
    expect(bench.takesSends).toBe(true);
    expect(bench.journal.end.segment).toBe(1);
    world.send(190);
    expect(bench.look()).toBe(digestOf(bench.mirror));
    world.restart();
    expect(bench.journal.recovered?.snapshot).toMatchObject({ segment: 1 });
    expect(bench.journal.recovered?.snapshot?.at).toBeGreaterThan(512);
  });

  it('a snapshot that cannot be made gives the reserve back before anything else gets space', () => {
    const world = new Consumed(4096);
    const { bench } = world;
    for (let i = 0; i < 60; i++) world.send(190);
    const reserve = bench.disk.size(RESERVE);
    expect(reserve).toBeGreaterThan(4096);
    // Somebody else takes the space as soon as it comes free.
    bench.disk.capacityBytes = bench.disk.used();
    let failing = true;
    const { used } = bench.disk;
    bench.disk.used = function (): number {
      return failing ? bench.disk.capacityBytes : used.call(this);
    };
    while (bench.takesSends) world.send(0);
    for (let i = 0; i < 12; i++) world.consume();
    world.tick();
    expect(bench.events.filter((event) => event.startsWith('compaction failed ENOSPC')).length).toBeGreaterThan(0);
    expect(bench.disk.size(RESERVE)).toBe(0);
    failing = false;
    const spares = filesOf(bench.disk).segments.length;
    bench.disk.capacityBytes = bench.disk.used() + reserve;
    world.tick();
    expect(bench.disk.size(RESERVE)).toBe(reserve);
    expect(filesOf(bench.disk).segments).toHaveLength(spares);
  });
});
