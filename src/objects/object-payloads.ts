import type { LeftOut, Payload, PayloadFound, PayloadStore } from '../ports/payload-store.ts';
import { type Bucket, BucketError } from './bucket.ts';

/** Objects that are sent or removed at once. */
const AT_ONCE = 8;
/** A payload is asked for so often before nobody can say whether it is there. */
const GET_TRIES = 4;
const AGAIN_MS = 200;
/** After a failure payloads go into the log without a try for so long, doubled with each further one. */
const DOWN_MS = 1_000;
const DOWN_MS_MAX = 30_000;
/** A payload is the body of a request at most; what is longer is none of ours. */
const PAYLOAD_BYTES_MAX = 1 << 20;
const NAME = /^[0-9a-f]{64}$/;

export interface ObjectPayloadsOptions {
  readonly bucket: Pick<Bucket, 'put' | 'get' | 'remove' | 'keys'>;
  /** Of the data directory: its payloads stand under this name, and no other directory's do. */
  readonly folder: string;
  readonly nowMs: () => number;
  /** Calls back after a while. */
  readonly after: (ms: number, run: () => void) => void;
  /** It cannot be reached, in words that hold no secret; null when it can be again. */
  readonly onTrouble: (reason: string | null) => void;
}

/**
 * Payloads as objects of a bucket, by their hash (requirement B11). One that cannot be kept there in time goes into the log: a store that
 * is slow or away costs space, and no send. What is asked of one payload is done in its order.
 */
export class ObjectPayloads implements PayloadStore {
  private readonly options: ObjectPayloadsOptions;
  /** The last thing that is under way of each payload. */
  private readonly underWay = new Map<string, Promise<void>>();
  /** Kept since `keepOnly` began to look, which knows nothing of them; null when none does. */
  private newer: Set<string> | null = null;
  private downUntilMs = 0;
  private downMs = 0;

  constructor(options: ObjectPayloadsOptions) {
    this.options = options;
  }

  put(payloads: readonly Payload[], done: (error: Error | null, without: readonly LeftOut[]) => void): void {
    const without: LeftOut[] = [];
    const one = async (payload: Payload): Promise<void> => {
      this.newer?.add(payload.hash);
      if (!(await this.inTurn(payload.hash, () => this.kept(payload))))
        without.push({ ...payload, lack: 'connection' });
    };
    void some(payloads, one).then(() => done(null, without));
  }

  /** Whether it is there: nobody tries while the store is away. */
  private async kept({ hash, bytes }: Payload): Promise<boolean> {
    const { bucket, nowMs } = this.options;
    if (nowMs() < this.downUntilMs) return false;
    return this.watched(() => bucket.put(this.keyOf(hash), bytes));
  }

  get(hash: string, done: (found: PayloadFound) => void): void {
    void this.inTurn(hash, () => this.found(hash)).then(done);
  }

  private async found(hash: string): Promise<PayloadFound> {
    const { bucket, after } = this.options;
    for (let tries = 1; ; tries++) {
      try {
        const bytes = await bucket.get(this.keyOf(hash), PAYLOAD_BYTES_MAX);
        if (bytes === 'too long') return { found: 'damaged' };
        return bytes === null ? { found: 'missing' } : { found: 'whole', bytes };
      } catch (error) {
        if (tries === GET_TRIES) return { found: 'unknown', error: new Error(`payload_store: ${reasonOf(error)}`) };
        await new Promise<void>((resolve) => after(AGAIN_MS * 2 ** tries, resolve));
      }
    }
  }

  remove(hash: string): void {
    // What could not be removed goes with the next start.
    void this.inTurn(hash, () => this.watched(() => this.options.bucket.remove(this.keyOf(hash))));
  }

  keepOnly(hashes: ReadonlySet<string>, done: (error: Error | null) => void): void {
    const newer = new Set<string>();
    this.newer = newer;
    const isNeeded = (hash: string): boolean => hashes.has(hash) || newer.has(hash);
    const clear = async (): Promise<void> => {
      const { bucket, folder } = this.options;
      for await (const keys of bucket.keys(`${folder}/`)) {
        const names = keys.map((key) => key.slice(folder.length + 1)).filter((name) => NAME.test(name));
        await some(
          names.map((name) => `b3:${name}`).filter((hash) => !isNeeded(hash)),
          // It may have been kept anew while others were removed.
          (hash) => this.inTurn(hash, async () => void (isNeeded(hash) || (await bucket.remove(this.keyOf(hash))))),
        );
      }
    };
    const ended = (error: Error | null): void => {
      this.newer = null;
      done(error);
    };
    void clear().then(
      () => ended(null),
      (error: unknown) => ended(new Error(`payload_store: ${reasonOf(error)}`)),
    );
  }

  private keyOf(hash: string): string {
    return `${this.options.folder}/${hash.slice(3)}`;
  }

  /** After what is under way of this payload. */
  private inTurn<T>(hash: string, work: () => Promise<T>): Promise<T> {
    const result = (this.underWay.get(hash) ?? Promise.resolve()).then(work);
    const ended = result.then(
      () => {},
      () => {},
    );
    this.underWay.set(hash, ended);
    void ended.then(() => {
      if (this.underWay.get(hash) === ended) this.underWay.delete(hash);
    });
    return result;
  }

  /** Whether it worked; how the store is doing follows from that. */
  private async watched(work: () => Promise<void>): Promise<boolean> {
    const { nowMs, onTrouble } = this.options;
    try {
      await work();
    } catch (error) {
      // What was under way beside another failure says nothing more than that.
      if (nowMs() < this.downUntilMs) return false;
      if (this.downMs === 0) onTrouble(reasonOf(error));
      this.downMs = Math.min(DOWN_MS_MAX, Math.max(DOWN_MS, 2 * this.downMs));
      this.downUntilMs = nowMs() + this.downMs;
      return false;
    }
    if (this.downMs > 0) onTrouble(null);
    this.downMs = 0;
    return true;
  }
}

/** What went wrong, without anything that was sent or answered. */
function reasonOf(error: unknown): string {
  if (error instanceof BucketError) return error.message;
  const { name, cause, code } = error as Error & {
    readonly cause?: { readonly code?: unknown };
    readonly code?: unknown;
  };
  if (name === 'TimeoutError') return 'no answer in time';
  const why = cause?.code ?? code;
  return typeof why === 'string' ? `not reached (${why})` : 'not reached';
}

/** A few at a time, each once. The first that throws ends it. */
async function some<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < all.length) await work(all[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, all.length) }, lane));
}
