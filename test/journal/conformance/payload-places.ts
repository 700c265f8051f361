import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Disk, type DiskFault } from '../../../sim/disk.ts';
import { Stream } from '../../../sim/random.ts';
import { FileStorage } from '../../../src/journal/file-storage.ts';
import { PAYLOADS, payloadFile } from '../../../src/journal/layout.ts';
import { PayloadFiles } from '../../../src/journal/payload-files.ts';
import { ObjectPayloads } from '../../../src/objects/object-payloads.ts';
import type { PayloadStore } from '../../../src/ports/payload-store.ts';
import { Queue } from '../../support/journal.ts';
import { MemoryPayloads } from '../../support/memory-payloads.ts';

/** A place that payloads are kept in, and the processes that use it one after the other. */
export interface PayloadPlace {
  /** The next process begins. */
  open(): PayloadStore;
  /** Goes on with what is under way until `isOver`. */
  until(isOver: () => boolean): Promise<void>;
  /** The process ends in the middle of whatever it does, and whatever it rests on with it. */
  crash(): Promise<void>;
  /** The bytes of one are changed behind the store's back. */
  damage(hash: string): void;
  /** The next payload that is put cannot be kept for want of something. */
  want(): void;
  /** The next put fails. */
  breakNext(): void;
  /** A failure says nothing of what was kept before: the payload is left out for the log. */
  readonly leavesOut?: true;
  /** Nothing can be read, or all again. */
  blind(isBlind: boolean): void;
  end(): void;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const systemError = (code: string): Error => Object.assign(new Error(code), { code });

class FolderPlace implements PayloadPlace {
  private readonly folder = mkdtempSync(join(tmpdir(), 'payloads-'));
  private storage = this.fresh();
  private underWay = 0;
  private nextWrite: Error | null = null;

  constructor() {
    mkdirSync(join(this.folder, PAYLOADS));
  }

  private fresh(): FileStorage {
    const storage = new FileStorage(this.folder);
    const later = storage.later.bind(storage);
    storage.later = (op, done) => {
      this.underWay++;
      const ended: typeof done = (error, result) => {
        this.underWay--;
        if (storage === this.storage) done(error, result);
      };
      const failure = op.op === 'write' ? this.nextWrite : null;
      if (failure === null) return later(op, ended);
      this.nextWrite = null;
      setImmediate(() => ended(failure, 0));
    };
    return storage;
  }

  open(): PayloadStore {
    return new PayloadFiles(this.storage);
  }

  async until(isOver: () => boolean): Promise<void> {
    while (!isOver()) await turn();
  }

  async crash(): Promise<void> {
    this.storage.close();
    this.storage = this.fresh();
    await this.until(() => this.underWay === 0);
  }

  damage(hash: string): void {
    const file = join(this.folder, payloadFile(hash));
    const bytes = readFileSync(file);
    bytes[0] = bytes.readUInt8(0) ^ 1;
    writeFileSync(file, bytes);
  }

  want(): void {
    this.nextWrite = systemError('ENOSPC');
  }

  breakNext(): void {
    this.nextWrite = systemError('EIO');
  }

  blind(isBlind: boolean): void {
    this.storage.size = isBlind
      ? () => {
          throw systemError('EIO');
        }
      : FileStorage.prototype.size;
  }

  end(): void {
    this.storage.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** The machine stops with the process: what was not synced may be gone, in whole or in part. */
class DiskPlace implements PayloadPlace {
  private readonly queue = new Queue();
  private readonly random = new Stream(1, 'payloads');
  private nextWrite: DiskFault | null = null;
  private readonly disk = new Disk({
    schedule: this.queue.schedule,
    fault: ({ op }) => {
      const fault = op === 'write' ? this.nextWrite : null;
      if (fault !== null) this.nextWrite = null;
      return fault;
    },
  });

  open(): PayloadStore {
    return new PayloadFiles(this.disk);
  }

  async until(isOver: () => boolean): Promise<void> {
    this.queue.run(this.random, isOver);
    if (!isOver()) throw new Error('the disk has nothing to do');
  }

  async crash(): Promise<void> {
    const { random } = this;
    const share = random.below(101) / 100;
    this.disk.crash({ keeps: () => random.chance(share) }, random.below(this.disk.unsyncedNames + 1));
    this.queue.clear();
  }

  damage(hash: string): void {
    this.disk.flip(payloadFile(hash), 0, 3);
  }

  want(): void {
    this.nextWrite = { kind: 'error', code: 'ENOSPC' };
  }

  breakNext(): void {
    this.nextWrite = { kind: 'error', code: 'EIO' };
  }

  blind(isBlind: boolean): void {
    this.disk.size = isBlind
      ? () => {
          throw systemError('EIO');
        }
      : Disk.prototype.size;
  }

  end(): void {}
}

class MemoryPlace implements PayloadPlace {
  private readonly kept = new Map<string, Uint8Array>();
  private process = 0;
  private store = this.fresh();

  private fresh(): MemoryPayloads {
    const of = ++this.process;
    return new MemoryPayloads(this.kept, (run) => setImmediate(() => of === this.process && run()));
  }

  open(): PayloadStore {
    return this.store;
  }

  async until(isOver: () => boolean): Promise<void> {
    while (!isOver()) await turn();
  }

  async crash(): Promise<void> {
    this.store = this.fresh();
  }

  damage(hash: string): void {
    const bytes = new Uint8Array(this.kept.get(hash) as Uint8Array);
    bytes[0] = (bytes[0] as number) ^ 1;
    this.kept.set(hash, bytes);
  }

  want(): void {
    const { store } = this;
    store.isReached = false;
    const put = store.put;
    store.put = (payloads, done) => {
      put.call(store, payloads, (error, without) => {
        store.isReached = true;
        store.put = put;
        done(error, without);
      });
    };
  }

  breakNext(): void {
    this.store.failure = new Error('broken');
  }

  blind(isBlind: boolean): void {
    this.store.isReached = !isBlind;
  }

  end(): void {}
}

/** A bucket, of which each request takes a turn or two; what a process had asked for when it died is done or not. */
class BucketPlace implements PayloadPlace {
  readonly leavesOut = true;
  private readonly kept = new Map<string, Uint8Array>();
  private readonly random = new Stream(2, 'bucket');
  private process = 0;
  private failsNext = false;
  private isBlind = false;
  private nowMs = 0;
  private store = this.fresh();

  private fresh(): ObjectPayloads {
    const of = ++this.process;
    const asked = async <T>(isWrite: boolean, work: () => T): Promise<T> => {
      for (let turns = this.random.below(3); turns >= 0; turns--) await turn();
      if (of !== this.process && !(isWrite && this.random.chance(0.5))) return new Promise<T>(() => {});
      const fails = isWrite ? this.failsNext : this.isBlind;
      if (isWrite) this.failsNext = false;
      if (fails) throw new Error('fails');
      return work();
    };
    const { kept } = this;
    return new ObjectPayloads({
      bucket: {
        put: (key, bytes) => asked(true, () => void kept.set(key, new Uint8Array(bytes))),
        get: (key) => asked(false, () => kept.get(key) ?? null),
        remove: (key) => asked(true, () => void kept.delete(key)),
        async *keys(prefix) {
          yield await asked(false, () => [...kept.keys()].filter((key) => key.startsWith(prefix)));
        },
      },
      folder: 'f',
      // As if a minute went by between any two looks: what was away is tried again.
      nowMs: () => {
        this.nowMs += 60_000;
        return this.nowMs;
      },
      after: (_, run) => setImmediate(run),
      onTrouble: () => {},
    });
  }

  open(): PayloadStore {
    return this.store;
  }

  async until(isOver: () => boolean): Promise<void> {
    while (!isOver()) await turn();
  }

  async crash(): Promise<void> {
    this.store = this.fresh();
    for (let i = 0; i < 4; i++) await turn();
  }

  damage(hash: string): void {
    const key = `f/${hash.slice(3)}`;
    const bytes = new Uint8Array(this.kept.get(key) as Uint8Array);
    bytes[0] = (bytes[0] as number) ^ 1;
    this.kept.set(key, bytes);
  }

  want(): void {
    this.failsNext = true;
  }

  breakNext(): void {
    this.failsNext = true;
  }

  blind(isBlind: boolean): void {
    this.isBlind = isBlind;
  }

  end(): void {}
}

export const PLACES: readonly { readonly name: string; readonly make: () => PayloadPlace }[] = [
  { name: 'files', make: () => new FolderPlace() },
  { name: 'simulated disk', make: () => new DiskPlace() },
  { name: 'somewhere else, answering later', make: () => new MemoryPlace() },
  { name: 'a bucket', make: () => new BucketPlace() },
];
