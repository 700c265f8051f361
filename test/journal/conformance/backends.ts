import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimEngine } from '../../../sim/engine.ts';
import { integrity } from '../../../sim/integrity.ts';
import { Loop } from '../../../sim/loop.ts';
import { Stream } from '../../../sim/random.ts';
import { SimStore } from '../../../sim/store.ts';
import { EngineJournal } from '../../../src/cluster/engine-journal.ts';
import { EngineLogs } from '../../../src/cluster/engine-logs.ts';
import { Restoration } from '../../../src/core/image.ts';
import { payloadHashOf } from '../../../src/integrity/hash-chain.ts';
import { type DurableJournal, durableBackend, openDurable } from '../../../src/journal/durable.ts';
import { FileStorage } from '../../../src/journal/file-storage.ts';
import { memoryBackend, memoryJournal } from '../../../src/journal/memory.ts';
import { OneLog } from '../../../src/journal/one-log.ts';
import type { JournalBackend } from '../../../src/ports/journal.ts';
import { Service } from '../../../src/service/service.ts';
import { FakeEngine, FakeJournal, failed } from '../../support/fake-journal.ts';
import { hashOf, LIMITS } from '../../support/journal.ts';

export const SHARDS = 3;

/** A place that a journal is in, and the processes that open it one after the other. */
export interface Place {
  /** The next process opens what is there. */
  open(): Promise<JournalBackend>;
  /** Goes on with what is under way until `isOver`. */
  until(isOver: () => boolean): Promise<void>;
  /** The process ends in the middle of whatever it does. */
  crash(): Promise<void>;
  /** The next append fails. */
  breakNext(): void;
  end(): Promise<void>;
}

export interface Kind {
  readonly name: string;
  /** What is durable is there after the process, and its terms are counted. */
  readonly outlives: boolean;
  /** What it takes for the hash of a payload. */
  readonly hashOf: (payload: Uint8Array) => string;
  readonly make: () => Place;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
async function turnsUntil(isOver: () => boolean): Promise<void> {
  while (!isOver()) await turn();
}
const empty = () => Service.empty(SHARDS, LIMITS);

class MemoryPlace implements Place {
  private readonly append = memoryJournal.append;
  readonly until = turnsUntil;

  async open(): Promise<JournalBackend> {
    return memoryBackend(empty());
  }

  async crash(): Promise<void> {
    memoryJournal.append = this.append;
  }

  breakNext(): void {
    memoryJournal.append = (_batches, done) => done(new Error('broken'));
  }

  end(): Promise<void> {
    return this.crash();
  }
}

/** Files of this machine. A process that ends leaves them as they are; what was under way is done or is not. */
class FolderPlace implements Place {
  private readonly folder = mkdtempSync(join(tmpdir(), 'port-'));
  private opened: DurableJournal | null = null;
  private readonly later = FileStorage.prototype.later;
  readonly until = turnsUntil;
  private underWay = 0;

  constructor() {
    const { later } = this;
    const place = this;
    FileStorage.prototype.later = function (this: FileStorage, op, done) {
      place.underWay++;
      later.call(this, op, (error, result) => {
        place.underWay--;
        done(error, result);
      });
    };
  }

  async open(): Promise<JournalBackend> {
    this.opened = await openDurable({
      folder: join(this.folder, 'data'),
      segmentBytes: 1 << 20,
      acceptTornTail: false,
      events: { room: () => {}, compacted: () => {}, compactionFailed: () => {} },
      onSync: () => {},
      remember: 1000,
      historyBytes: 0,
      ended: new AbortController().signal,
    });
    return durableBackend(this.opened, this.opened.shards ?? empty(), () => null);
  }

  async crash(): Promise<void> {
    this.opened?.journal.close();
    await turnsUntil(() => this.underWay === 0);
    this.opened?.close();
    this.opened = null;
  }

  breakNext(): void {
    const counting = FileStorage.prototype.later;
    FileStorage.prototype.later = function (this: FileStorage, op, done) {
      if (op.op !== 'write' || !op.durable) return counting.call(this, op, done);
      FileStorage.prototype.later = counting;
      setImmediate(() => done(Object.assign(new Error('broken'), { code: 'EIO' }), 0));
    };
  }

  async end(): Promise<void> {
    await this.crash();
    FileStorage.prototype.later = this.later;
    rmSync(this.folder, { recursive: true });
  }
}

/** The simulator's disk, whose machine stops with the process: what was in caches may be gone. */
class DiskPlace implements Place {
  private readonly loop = new Loop();
  private readonly store: SimStore;

  constructor() {
    this.store = new SimStore({
      index: 0,
      loop: this.loop,
      random: new Stream(1, 'port'),
      syncMs: { min: 1, max: 5 },
      shards: SHARDS,
      limits: LIMITS,
      mayBeDamaged: false,
      diskBytes: Number.POSITIVE_INFINITY,
      forgetsAcks: false,
      live: (run) => run(),
      events: { room: () => {}, compacted: () => {} },
    });
  }

  async open(): Promise<JournalBackend> {
    const { store } = this;
    const opened = store.open();
    if (typeof opened === 'string') throw new Error(opened);
    const { term, shards, limits, processFacts, clocks } = opened;
    return new OneLog({
      term: term,
      shards,
      contents: { limits, processFacts, clocks },
      log: store,
      replay: ({ shard }, limits, done) => {
        const restoration = new Restoration(shard, limits);
        for (const image of store.imagesOf(shard)) restoration.take(image);
        done(null, restoration.done());
      },
      snapshot: (done) => store.snapshot(done),
      condition: () => null,
      tick: (nowMs) => store.retry(nowMs),
    });
  }

  async until(isOver: () => boolean): Promise<void> {
    while (!isOver()) if (!this.loop.step(Number.POSITIVE_INFINITY)) throw new Error('the disk has nothing to do');
  }

  async crash(): Promise<void> {
    this.store.crash(true);
  }

  breakNext(): void {
    this.store.trouble.fail('write');
  }

  async end(): Promise<void> {}
}

/** Logs of their own for each shard, on an engine that processes share. */
class EnginePlace implements Place {
  private readonly engine = new FakeEngine(SHARDS);
  private journal: FakeJournal | null = null;
  readonly until = turnsUntil;

  async open(): Promise<JournalBackend> {
    this.journal = new FakeJournal(this.engine);
    return this.journal;
  }

  async crash(): Promise<void> {
    this.journal?.close();
  }

  breakNext(): void {
    const journal = this.journal as FakeJournal;
    journal.onAppend = ({ answer }) => answer(failed('broken'));
    journal.onClaim = () => ({ why: 'unreadable', error: new Error('broken') });
  }

  async end(): Promise<void> {}
}

/** The shipped log of each shard on the simulated engine, whose standby every answer waits for. A process that ends loses its connection. */
class SimEnginePlace implements Place {
  private readonly loop = new Loop();
  private readonly random = new Stream(1, 'port');
  private readonly engine = new SimEngine({
    ...{ loop: this.loop, random: this.random, logs: new EngineLogs(SHARDS + 1), isSynchronous: true },
    ...{ wayMs: { min: 1, max: 3 }, runMs: { min: 1, max: 3 }, standbyMs: { min: 1, max: 5 } },
    ...{ leaseMs: 1_000, lateMs: { min: 5, max: 50 } },
  });
  private client = this.engine.connect();
  private processes = 0;

  async open(): Promise<JournalBackend> {
    const { client: engine } = this;
    const secret = { salt: new Uint8Array(16), hash: sha256 };
    const opened: (EngineJournal | Error)[] = [];
    const owner = `node.${++this.processes}`;
    EngineJournal.open(
      {
        ...{ engine, owner, secret, shards: SHARDS, processLog: SHARDS, answersWithinMs: 1_000 },
        // Nobody renews, and nobody gives up: a claim stays one.
        ...{ timers: { setTimeout: () => 0, clearTimeout: () => {} }, monotonicMs: () => 0 },
      },
      (one) => opened.push(one),
    );
    await this.until(() => opened.length > 0);
    const [journal] = opened;
    if (journal instanceof Error) throw journal;
    return journal as EngineJournal;
  }

  async until(isOver: () => boolean): Promise<void> {
    while (!isOver()) if (!this.loop.step(Number.POSITIVE_INFINITY)) throw new Error('the engine has nothing to do');
  }

  /** Nobody renews its leases any more. */
  async crash(): Promise<void> {
    this.client.cut(this.random.pick(['not_applied', 'applied']));
    while (this.loop.step(this.loop.nowMs + 2_000));
    this.client = this.engine.connect();
  }

  breakNext(): void {
    this.client.append = (frames, done) =>
      done(
        frames.map(() => 'failed'),
        new Error('broken'),
      );
  }

  async end(): Promise<void> {}
}

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());

export const KINDS: readonly Kind[] = [
  { name: 'memory', outlives: false, hashOf, make: () => new MemoryPlace() },
  { name: 'data directory', outlives: true, hashOf: payloadHashOf, make: () => new FolderPlace() },
  { name: 'simulated disk', outlives: true, hashOf: integrity.payloadHashOf, make: () => new DiskPlace() },
  { name: 'simulated engine', outlives: true, hashOf: payloadHashOf, make: () => new SimEnginePlace() },
  { name: 'fake engine', outlives: true, hashOf, make: () => new EnginePlace() },
];
