import type { Lack } from '../ports/journal.ts';
import type { Storage } from '../ports/storage.ts';
import { type FileWork, removeQuietly, runLater, writeAll } from './file-work.ts';
import { lackOf } from './lack.ts';
import { PAYLOADS, payloadFile } from './layout.ts';

/** Payloads beyond this many bytes are kept in files of their own, by their hash. */
export const INLINE_BYTES_MAX = 64 * 1024;

/** Payloads that are on their way to the disk at once: it makes several durable in little more than the time of one. */
const AT_ONCE = 4;

type Done = (error: Error | null) => void;
type Work = (done: Done) => void;

/** A payload on its way to its file; the bytes are its own. */
export interface Outgoing {
  readonly hash: string;
  readonly bytes: Uint8Array;
}

/** One for which there was no room. */
export interface LeftOut extends Outgoing {
  readonly lack: Lack;
}

/**
 * Files of large payloads: written and synced before the frame that needs them, shared by messages of the same payload,
 * removed when the last of them is acked or purged. What is asked for is done one after the other.
 */
export class PayloadFiles {
  private readonly storage: Storage;
  /** Hash by message. */
  private readonly byMessage: Map<string, string>;
  /** Messages by hash. */
  private readonly uses = new Map<string, number>();
  private readonly queue: { readonly work: Work; readonly done: Done }[] = [];
  private running = false;

  constructor(storage: Storage, byMessage: ReadonlyMap<string, string>) {
    this.storage = storage;
    this.byMessage = new Map(byMessage);
    for (const hash of this.byMessage.values()) this.uses.set(hash, (this.uses.get(hash) ?? 0) + 1);
  }

  isUsed(hash: string): boolean {
    return this.uses.has(hash);
  }

  /** This message needs the file from now on. */
  use(msgId: string, hash: string): void {
    this.byMessage.set(msgId, hash);
    this.uses.set(hash, (this.uses.get(hash) ?? 0) + 1);
  }

  /** This message needs it no longer, and that is durable: the file goes with the last. */
  release(msgId: string): void {
    const hash = this.byMessage.get(msgId);
    if (hash === undefined) return;
    this.byMessage.delete(msgId);
    const left = (this.uses.get(hash) ?? 1) - 1;
    if (left > 0) this.uses.set(hash, left);
    else {
      this.uses.delete(hash);
      const steps = this.removeIfUnused(hash);
      this.run(
        (done) => runLater(this.storage, steps, done),
        () => {},
      );
    }
  }

  private *removeIfUnused(hash: string): FileWork {
    if (!this.uses.has(hash)) yield { op: 'remove', file: payloadFile(hash) };
  }

  /**
   * Makes these durable. `done` gets those for which something was wanting, or the error that ended it.
   */
  write(outgoing: readonly Outgoing[], done: (error: Error | null, without: readonly LeftOut[]) => void): void {
    const without: LeftOut[] = [];
    this.run(
      (ended) => this.writeEach(outgoing, without, ended),
      (error) => done(error, without),
    );
  }

  /** The first error ends it, when those that were under way have come to their end too. */
  private writeEach(outgoing: readonly Outgoing[], without: LeftOut[], done: Done): void {
    let next = 0;
    let underWay = 0;
    let failure: Error | null = null;
    const more = (): void => {
      while (underWay < AT_ONCE && next < outgoing.length && failure === null) {
        underWay++;
        runLater(this.storage, this.writeOne(outgoing[next++] as Outgoing, without), ended);
      }
    };
    const ended = (error: Error | null): void => {
      underWay--;
      failure ??= error;
      if (failure === null && next < outgoing.length) more();
      else if (underWay === 0 && failure !== null) done(failure);
      else if (underWay === 0) runLater(this.storage, this.syncNames(outgoing, without), done);
    };
    more();
  }

  private *writeOne(payload: Outgoing, without: LeftOut[]): FileWork {
    const file = payloadFile(payload.hash);
    try {
      yield* writeAll(file, 0, payload.bytes);
      yield { op: 'sync', file };
    } catch (error) {
      yield* this.leaveOut(payload, without, error);
    }
  }

  private *syncNames(outgoing: readonly Outgoing[], without: LeftOut[]): FileWork {
    try {
      yield { op: 'sync_folder', folder: PAYLOADS };
    } catch (error) {
      for (const payload of outgoing)
        if (!without.some(({ hash }) => hash === payload.hash)) yield* this.leaveOut(payload, without, error);
    }
  }

  /** What was wanting for a file takes nothing from the log: the payload goes there, and nothing needs what there is of the file. */
  private *leaveOut(payload: Outgoing, without: LeftOut[], error: unknown): FileWork {
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
