import type { PayloadStore } from '../ports/payload-store.ts';

/** Payloads beyond this many bytes are kept apart from the log, by their hash. */
export const INLINE_BYTES_MAX = 64 * 1024;

/** Which messages need which payloads of the store: messages of the same payload share it, and it goes with the last of them. */
export class PayloadUses {
  private readonly store: PayloadStore;
  /** Hash by message. */
  private readonly byMessage: Map<string, string>;
  /** Messages by hash. */
  private readonly uses = new Map<string, number>();

  constructor(store: PayloadStore, byMessage: ReadonlyMap<string, string>) {
    this.store = store;
    this.byMessage = new Map(byMessage);
    for (const hash of this.byMessage.values()) this.uses.set(hash, (this.uses.get(hash) ?? 0) + 1);
  }

  isUsed(hash: string): boolean {
    return this.uses.has(hash);
  }

  /** This message needs it from now on. */
  use(msgId: string, hash: string): void {
    this.byMessage.set(msgId, hash);
    this.uses.set(hash, (this.uses.get(hash) ?? 0) + 1);
  }

  /** This message needs it no longer, and that is durable. */
  release(msgId: string): void {
    const hash = this.byMessage.get(msgId);
    if (hash === undefined) return;
    this.byMessage.delete(msgId);
    const left = (this.uses.get(hash) ?? 1) - 1;
    if (left > 0) return void this.uses.set(hash, left);
    this.uses.delete(hash);
    this.store.remove(hash);
  }
}
