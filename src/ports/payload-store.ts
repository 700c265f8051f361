import type { Lack } from './journal.ts';

/** A payload and the hash that it goes by, `b3:` and hex digits; the bytes are the store's own from now on. */
export interface Payload {
  readonly hash: string;
  readonly bytes: Uint8Array;
}

/** One that is not kept, and what was wanting for it. Nothing of it is left in the way. */
export interface LeftOut extends Payload {
  readonly lack: Lack | 'connection';
}

/** What is found of a payload. Its bytes are not verified: whoever asks for them knows what their hash must be. */
export type PayloadFound =
  | { readonly found: 'whole'; readonly bytes: Uint8Array }
  /** There is none of that hash. */
  | { readonly found: 'missing' }
  /** There is something that is no payload at all. */
  | { readonly found: 'damaged' }
  /** It may be there: nobody could say now. */
  | { readonly found: 'unknown'; readonly error: Error };

/**
 * Payloads that are too large for the log, by their hash (requirement B11). Every answer is given once, now or later, in whatever order
 * the store comes to them; what is asked of one payload is done in the order in which it was asked. A process that ends in the middle of
 * something leaves it done, undone, or damaged: what was answered before is as it was answered.
 */
export interface PayloadStore {
  /**
   * Keeps these: they are durable when it is answered, but for those that are named. With an error nobody knows what of it is there, and
   * no message may rest on any of it.
   */
  put(payloads: readonly Payload[], done: (error: Error | null, without: readonly LeftOut[]) => void): void;
  get(hash: string, done: (found: PayloadFound) => void): void;
  /** Nobody needs it any more. One that is not there is removed already; one that could not be removed goes with the next `keepOnly`. */
  remove(hash: string): void;
  /** Removes everything but these: what sends that were never accepted, and removals that never happened, left behind. */
  keepOnly(hashes: ReadonlySet<string>, done: (error: Error | null) => void): void;
}

/** Where payloads are kept apart from the machine: a bucket behind the interface of S3, and who may use it. */
export interface ObjectPlace {
  /** `https://host[:port]/bucket[/prefix]`, without a slash at the end. */
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** An answer must be there in this time. */
  readonly timeoutMs: number;
}

/** The payloads of one data directory there. */
export interface ObjectsOf {
  readonly place: ObjectPlace;
  readonly folder: string;
}
