import type { Payload, PayloadFound, PayloadStore } from '../../src/ports/payload-store.ts';

/** Payloads somewhere else, as an object store has them: every answer comes later, and it may not be reached, or fail. */
export class MemoryPayloads implements PayloadStore {
  /** What is kept, whichever process asks. */
  readonly kept: Map<string, Uint8Array>;
  isReached = true;
  /** What the next put ends with. */
  failure: Error | null = null;
  private readonly later: (run: () => void) => void;

  constructor(kept = new Map<string, Uint8Array>(), later: (run: () => void) => void = setImmediate) {
    this.kept = kept;
    this.later = later;
  }

  put(payloads: readonly Payload[], done: Parameters<PayloadStore['put']>[1]): void {
    this.later(() => {
      const { failure } = this;
      this.failure = null;
      if (failure !== null) return done(failure, []);
      if (!this.isReached) {
        return done(
          null,
          payloads.map((payload) => ({ ...payload, lack: 'connection' })),
        );
      }
      for (const { hash, bytes } of payloads) this.kept.set(hash, bytes);
      done(null, []);
    });
  }

  get(hash: string, done: (found: PayloadFound) => void): void {
    this.later(() => {
      if (!this.isReached) return done({ found: 'unknown', error: new Error('not reached') });
      const bytes = this.kept.get(hash);
      done(bytes === undefined ? { found: 'missing' } : { found: 'whole', bytes });
    });
  }

  remove(hash: string): void {
    this.later(() => {
      if (this.isReached) this.kept.delete(hash);
    });
  }

  keepOnly(hashes: ReadonlySet<string>, done: (error: Error | null) => void): void {
    this.later(() => {
      if (!this.isReached) return done(new Error('not reached'));
      for (const hash of this.kept.keys()) if (!hashes.has(hash)) this.kept.delete(hash);
      done(null);
    });
  }
}
