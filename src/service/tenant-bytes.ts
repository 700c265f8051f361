import type { Limits } from '../core/limits.ts';
import type { Message } from '../core/message.ts';
import type { ShardState } from '../core/state.ts';
import { errorBytesOf, liveBytesOf } from '../core/weight.ts';
import { TenantCounts } from './tenant-counts.ts';
import { mayTenantTake } from './tenant-share.ts';

/** Bytes that each tenant holds in all shards, counted as they come and go: `memory` is shared as every bound is (BD5). */
export class TenantBytes {
  private readonly bytes = new TenantCounts();

  constructor(shards: readonly ShardState[]) {
    this.count(shards);
  }

  /** What these shards hold, whatever was counted before. */
  count(shards: readonly ShardState[]): void {
    this.bytes.clear();
    for (const { living } of shards)
      for (const message of living.all()) this.add(message.topic.tenant.name, bytesOf(message));
  }

  add(tenant: string, bytes: number): void {
    this.bytes.add(tenant, bytes);
  }

  /** Whether the tenant may have more of so many bytes, of which so many are held. Topics of a tenant are not told apart here. */
  mayHold(limits: Limits, bytesMax: number, held: number, tenant: string): boolean {
    return mayTenantTake(limits, bytesMax, held, this.bytes.of(tenant));
  }
}

/**
 * Whether a tenant may have more remembered of its ended messages: its part of the bytes is that of its open windows, in all shards (BD5).
 * Counted only where nothing but the reserve is left.
 */
export function mayRemember(
  shards: readonly ShardState[],
  limits: Limits,
  { windowMax, endedBytes }: { readonly windowMax: number; readonly endedBytes: number },
  topic: string,
): boolean {
  let own = 0;
  let all = 0;
  for (const shard of shards) {
    own += shard.tenantOf(topic)?.windows ?? 0;
    all += shard.windows.size;
  }
  const ofTenant = Math.floor((endedBytes * own) / Math.max(1, all));
  return mayTenantTake(limits, windowMax, endedBytes, ofTenant);
}

/** Of a message that lives. */
const bytesOf = ({ payload, idemKey, packedAttrs, lastError }: Message): number =>
  (payload as Uint8Array).byteLength + liveBytesOf(idemKey, packedAttrs) + errorBytesOf(lastError);
