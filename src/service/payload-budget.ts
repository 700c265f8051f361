import type { ShardState } from '../core/state.ts';

/**
 * The payloads that all shards hold together: bounded in bytes, since the bounds of messages say nothing of their size (D4), and
 * overwritten when their message is over, where nobody else may still read them (I1).
 */
export class Payloads {
  bytesMax = Number.POSITIVE_INFINITY;
  bytes = 0;
  private readonly overwrites: boolean;

  constructor(shards: readonly ShardState[], overwrites: boolean) {
    this.overwrites = overwrites;
    this.count(shards);
  }

  /** What these shards hold, whatever was counted before. */
  count(shards: readonly ShardState[]): void {
    this.bytes = 0;
    for (const { slots } of shards) for (const message of slots) this.bytes += message?.payload?.byteLength ?? 0;
  }

  /** Share of the bound that is used, 0 to 1. */
  get used(): number {
    return this.bytes / this.bytesMax;
  }

  fits(payload: Uint8Array): boolean {
    return this.bytes + payload.byteLength <= this.bytesMax;
  }

  hold(payload: Uint8Array): void {
    this.bytes += payload.byteLength;
  }

  /** It was not taken. */
  discard(payload: Uint8Array): void {
    if (this.overwrites) payload.fill(0);
  }

  /** Its message is acked or purged. */
  spend(payload: Uint8Array): void {
    this.bytes -= payload.byteLength;
    this.discard(payload);
  }
}
