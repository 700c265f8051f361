import type { LeftOut, Payload, PayloadFound, PayloadStore } from '../ports/payload-store.ts';
import type { Storage, StorageReader } from '../ports/storage.ts';
import { PAYLOAD_BYTES_MAX } from './fields.ts';
import { type FileWork, removeQuietly, runLater, runNow, writeAll } from './file-work.ts';
import { lackOf } from './lack.ts';
import { PAYLOADS, payloadFile } from './layout.ts';

/** Payloads that are on their way to the disk at once: it makes several durable in little more than the time of one. */
const AT_ONCE = 4;

type Done = (error: Error | null) => void;
type Work = (done: Done) => void;

/** Payloads as files of a data directory. What is asked for is done one after the other. */
export class PayloadFiles implements PayloadStore {
  private readonly storage: Storage;
  private readonly queue: { readonly work: Work; readonly done: Done }[] = [];
  private running = false;

  constructor(storage: Storage) {
    this.storage = storage;
  }

  get(hash: string, done: (found: PayloadFound) => void): void {
    this.run(
      (ended) => ended(null),
      () => done(readPayload(this.storage, hash)),
    );
  }

  remove(hash: string): void {
    const steps = removing(hash);
    this.run(
      (done) => runLater(this.storage, steps, done),
      () => {},
    );
  }

  /** Before it returns: a process does it before it serves anybody. */
  keepOnly(hashes: ReadonlySet<string>, done: Done): void {
    try {
      runNow(this.storage, removeOthers(this.storage, hashes));
    } catch (error) {
      return done(error as Error);
    }
    done(null);
  }

  put(payloads: readonly Payload[], done: (error: Error | null, without: readonly LeftOut[]) => void): void {
    const without: LeftOut[] = [];
    this.run(
      (ended) => this.writeEach(payloads, without, ended),
      (error) => done(error, without),
    );
  }

  /** The first error ends it, when those that were under way have come to their end too. */
  private writeEach(payloads: readonly Payload[], without: LeftOut[], done: Done): void {
    let next = 0;
    let underWay = 0;
    let failure: Error | null = null;
    const more = (): void => {
      while (underWay < AT_ONCE && next < payloads.length && failure === null) {
        underWay++;
        runLater(this.storage, this.writeOne(payloads[next++] as Payload, without), ended);
      }
    };
    const ended = (error: Error | null): void => {
      underWay--;
      failure ??= error;
      if (failure === null && next < payloads.length) more();
      else if (underWay === 0 && failure !== null) done(failure);
      else if (underWay === 0) runLater(this.storage, this.syncNames(payloads, without), done);
    };
    more();
  }

  private *writeOne(payload: Payload, without: LeftOut[]): FileWork {
    const file = payloadFile(payload.hash);
    try {
      yield* writeAll(file, 0, payload.bytes);
      yield { op: 'sync', file };
    } catch (error) {
      yield* this.leaveOut(payload, without, error);
    }
  }

  private *syncNames(payloads: readonly Payload[], without: LeftOut[]): FileWork {
    try {
      yield { op: 'sync_folder', folder: PAYLOADS };
    } catch (error) {
      for (const payload of payloads)
        if (!without.some(({ hash }) => hash === payload.hash)) yield* this.leaveOut(payload, without, error);
    }
  }

  /** What was wanting for a file takes nothing from the log: the payload goes there, and nothing needs what there is of the file. */
  private *leaveOut(payload: Payload, without: LeftOut[], error: unknown): FileWork {
    const lack = lackOf(error);
    if (lack === null) throw error;
    yield* removeQuietly(payloadFile(payload.hash));
    without.push({ ...payload, lack });
  }

  private run(work: Work, done: Done): void {
    this.queue.push({ work, done });
    this.next();
  }

  private next(): void {
    const task = this.running ? undefined : this.queue.shift();
    if (task === undefined) return;
    this.running = true;
    task.work((error) => {
      this.running = false;
      task.done(error);
      this.next();
    });
  }
}

function* removing(hash: string): FileWork {
  yield { op: 'remove', file: payloadFile(hash) };
}

function* removeOthers(storage: StorageReader, hashes: ReadonlySet<string>): FileWork {
  const needed = new Set([...hashes].map(payloadFile));
  for (const name of storage.files(PAYLOADS)) {
    const file = `${PAYLOADS}/${name}`;
    if (!needed.has(file)) yield { op: 'remove', file };
  }
}

/** What a data directory has of a payload. A disk that cannot be read is no reason to give a message up. */
export function readPayload(source: StorageReader, hash: string): PayloadFound {
  const file = payloadFile(hash);
  try {
    const bytes = source.size(file);
    return bytes > PAYLOAD_BYTES_MAX ? { found: 'damaged' } : { found: 'whole', bytes: source.read(file, 0, bytes) };
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? { found: 'missing' }
      : { found: 'unknown', error: error as Error };
  }
}
