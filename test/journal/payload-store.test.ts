import { describe, expect, it } from 'vitest';
import { Disk } from '../../sim/disk.ts';
import { execute } from '../../src/core/execute.ts';
import { ShardState } from '../../src/core/state.ts';
import { EmbeddedJournal } from '../../src/journal/embedded.ts';
import { inTurns } from '../../src/journal/pieces.ts';
import { type Recovered, recover, recovering } from '../../src/journal/recover.ts';
import type { Batch } from '../../src/ports/journal.ts';
import type { PayloadStore } from '../../src/ports/payload-store.ts';
import { hashOf, LIMITS, Queue, RECOVERING, SALT } from '../support/journal.ts';
import { MemoryPayloads } from '../support/memory-payloads.ts';
import { sendOf } from '../support/shard.ts';

const LARGE = new Uint8Array(5000).fill(7);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ended = new AbortController().signal;

/** A journal on a simulated disk whose large payloads are somewhere else. */
class Bench {
  readonly queue = new Queue();
  readonly disk = new Disk({ schedule: this.queue.schedule });
  readonly payloads = new MemoryPayloads();
  readonly journal: EmbeddedJournal;
  readonly shard = new ShardState(0, LIMITS);
  readonly ends: (Error | null)[] = [];

  constructor(payloads: PayloadStore = this.payloads) {
    this.journal = new EmbeddedJournal({
      ...{ storage: this.disk, recovering: RECOVERING, payloads, segmentBytes: 1 << 20, inlineBytesMax: 1000 },
      freshSalt: () => SALT,
      compactor: () => {},
      events: { room: () => {}, compacted: () => {}, compactionFailed: () => {} },
    });
  }

  async append(batches: readonly Batch[]): Promise<Error | null> {
    const { length } = this.ends;
    this.journal.append(batches, (error) => this.ends.push(error));
    for (; this.ends.length === length; await turn()) this.queue.run();
    return this.ends[length] as Error | null;
  }

  start(): Promise<Error | null> {
    const facts = [{ name: 'started', atMs: 1, term: 1, shards: 1, limits: LIMITS } as const];
    return this.append([{ shard: null, facts }]);
  }

  send(key: string, payload = LARGE): Batch {
    const payloadHash = hashOf(payload);
    const { facts } = execute(this.shard, sendOf(10, 't', key, { payload, payloadHash, hashChain: payloadHash }));
    return { shard: 0, facts };
  }

  recovered(payloads: PayloadStore = this.payloads): Promise<unknown> {
    return inTurns(recovering(this.disk, { ...RECOVERING, payloads }), ended);
  }
}

const payloadsIn = (recovered: unknown) =>
  [...(recovered as Recovered).replica.shards.flatMap((shard) => [...shard.living.all()])].map(
    ({ payload }) => payload?.byteLength,
  );

describe('a journal whose large payloads are in a store that answers later (B11)', () => {
  it('an append is durable when its payloads are; a recovery waits for each of them', async () => {
    const bench = new Bench();
    expect([await bench.start(), await bench.append([bench.send('a'), bench.send('b', new Uint8Array(10))])]).toEqual([
      null,
      null,
    ]);
    expect([...bench.payloads.kept.keys()]).toEqual([hashOf(LARGE)]);
    expect(payloadsIn(await bench.recovered())).toEqual([5000, 10]);
    expect(() => recover(bench.disk, { ...RECOVERING, payloads: bench.payloads })).toThrow('has to wait');
  });

  it('not reached by a send: its payload goes into the log, and nothing is asked of the store for it', async () => {
    const bench = new Bench();
    await bench.start();
    bench.payloads.isReached = false;
    expect(await bench.append([bench.send('a')])).toBeNull();
    expect(bench.payloads.kept.size).toBe(0);
    expect(payloadsIn(await bench.recovered())).toEqual([5000]);
  });

  it('a store that fails fails the append, and the log takes nothing more (journal rule 4)', async () => {
    const bench = new Bench();
    await bench.start();
    bench.payloads.failure = new Error('nobody knows');
    expect([await bench.append([bench.send('a')]), await bench.append([bench.send('b')])]).toEqual([
      expect.objectContaining({ message: 'nobody knows' }),
      expect.objectContaining({ message: 'nobody knows' }),
    ]);
    expect(payloadsIn(await bench.recovered())).toEqual([]);
  });

  it('not reached by a recovery: it ends with that, and no message is given up for it; one that is missing is noticed (IN1)', async () => {
    const bench = new Bench();
    await bench.start();
    await bench.append([bench.send('a')]);
    bench.payloads.isReached = false;
    await expect(bench.recovered()).rejects.toThrow('not reached');
    const damaged = (found: unknown): string[] => (found as Recovered).damagedPayloads.map(({ why }) => why);
    const empty = new MemoryPayloads();
    expect(damaged(await bench.recovered(empty))).toEqual(['missing']);
    empty.kept.set(hashOf(LARGE), new Uint8Array(5000));
    expect(damaged(await bench.recovered(empty))).toEqual(['does not match its hash']);
  });

  it('a recovery that is told to end does not wait for a store that never answers', async () => {
    const bench = new Bench();
    await bench.start();
    await bench.append([bench.send('a')]);
    const controller = new AbortController();
    const never = new MemoryPayloads(bench.payloads.kept, () => {
      controller.abort(new Error('told to end'));
    });
    const found = inTurns(recovering(bench.disk, { ...RECOVERING, payloads: never }), controller.signal);
    await expect(found).rejects.toThrow('told to end');
  });
});
