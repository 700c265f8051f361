import type { Limits } from '../core/limits.ts';
import { packedMost } from '../core/packing.ts';
import type { ShardState } from '../core/state.ts';
import { endedBytesOf, liveBytesOf, packAttrs, rowBytesOf, TENANT_BYTES, topicBytesOf } from '../core/weight.ts';
import type { SendRequest } from './messages.ts';
import { TenantCounts } from './tenant-counts.ts';
import { mayTenantTake } from './tenant-share.ts';

/** In bytes; Infinity for no bound. */
export interface MemoryBounds {
  /** Payloads, attributes, keys and what each message takes besides, of all that live. */
  readonly memoryMax: number;
  /** What is remembered of those that ended. */
  readonly windowMax: number;
  /** Of both, all but the payloads: what lies on the heap of the process, and as if it did what is remembered in rows beside it. */
  readonly heapMax: number;
  /** What one append may bring: a log takes it whole, and everything behind it waits for the space (journal rule 5). */
  readonly appendMax: number;
}
/** What there is no room in. */
export type Lack = 'memory' | 'window' | 'append';
export const UNBOUNDED: MemoryBounds = {
  memoryMax: Number.POSITIVE_INFINITY,
  windowMax: Number.POSITIVE_INFINITY,
  heapMax: Number.POSITIVE_INFINITY,
  appendMax: Number.POSITIVE_INFINITY,
};

/** What a message takes while it lives. */
export const memoryBytesOf = ({ idemKey, attrs, payload }: SendRequest): number =>
  payload.byteLength + liveBytesOf(idemKey, packAttrs(attrs));

/** What a shard held when it was last looked at. */
interface Seen {
  payloadBytes: number;
  liveBytes: number;
  endedBytes: number;
}

/**
 * What all shards hold together, bounded in bytes (BD0, D4): a message is taken only while there is room for it, and what is
 * remembered of it when it ends never takes more than it did. Payloads are overwritten when their message is over, where nobody else
 * may still read them (I1).
 */
export class MemoryBudget {
  bounds = UNBOUNDED;
  payloadBytes = 0;
  liveBytes = 0;
  endedBytes = 0;
  /** Of the sends that wait for the next append, */
  private gatheredBytes = 0;
  /** and of those of each tenant. */
  private readonly gathered = new TenantCounts();
  private readonly seen: Seen[] = [];
  private readonly overwrites: boolean;

  constructor(shards: readonly ShardState[], overwrites: boolean) {
    this.overwrites = overwrites;
    for (const shard of shards) this.see(shard);
  }

  /** Something came true in the shard, or it is another one now. Gives how many bytes more are held by what lives. */
  see({ shard, payloadBytes, liveBytes, endedBytes }: ShardState): number {
    this.seen[shard] ??= { payloadBytes: 0, liveBytes: 0, endedBytes: 0 };
    const before = this.seen[shard];
    this.payloadBytes += payloadBytes - before.payloadBytes;
    this.liveBytes += liveBytes - before.liveBytes;
    this.endedBytes += endedBytes - before.endedBytes;
    const more = payloadBytes + liveBytes - before.payloadBytes - before.liveBytes;
    before.payloadBytes = payloadBytes;
    before.liveBytes = liveBytes;
    before.endedBytes = endedBytes;
    return more;
  }

  /** Share of the bound that is used, 0 and up: it is more than 1 where the bound was lowered. */
  get memoryUsed(): number {
    const { payloadBytes, liveBytes, endedBytes, bounds } = this;
    return Math.max((payloadBytes + liveBytes) / bounds.memoryMax, (liveBytes + endedBytes) / bounds.heapMax);
  }
  get windowUsed(): number {
    return this.endedBytes / this.bounds.windowMax;
  }

  /** A message was taken, and waits to be appended; */
  gather(bytes: number, tenant: string): void {
    this.gatheredBytes += bytes;
    this.gathered.add(tenant, bytes);
  }
  /** what waited is on its way. */
  appended(): void {
    this.gatheredBytes = 0;
    this.gathered.clear();
  }

  /** Whether the next append may bring more of this tenant: it is shared as every bound is (BD5). */
  mayGather(limits: Limits, tenant: string): boolean {
    return mayTenantTake(limits, this.bounds.appendMax, this.gatheredBytes, this.gathered.of(tenant));
  }

  /** What has no room for this message; null when all have. */
  lackFor({ topic, idemKey, corrId, payload }: SendRequest, bytes: number): Lack | null {
    const { payloadBytes, liveBytes, endedBytes, bounds } = this;
    const spare = bounds.windowMax - endedBytes - topicBytesOf(topic) - TENANT_BYTES;
    // Mostly there is room for the most that it could take, which costs nothing to say.
    if (rowBytesOf(packedMost(idemKey) + packedMost(corrId)) > spare && endedBytesOf(idemKey, corrId) > spare)
      return 'window';
    if (this.gatheredBytes > 0 && this.gatheredBytes + bytes > bounds.appendMax) return 'append';
    if (payloadBytes + liveBytes + bytes > bounds.memoryMax) return 'memory';
    return liveBytes + bytes - payload.byteLength + endedBytes > bounds.heapMax ? 'memory' : null;
  }

  /** It was not taken, or its message is acked or purged. */
  discard(payload: Uint8Array): void {
    if (this.overwrites) payload.fill(0);
  }
}
