import type { Limits } from '../core/limits.ts';
import { mayTake } from '../core/share.ts';
import type { Message, ShardState } from '../core/state.ts';
import { liveBytesOf } from '../core/weight.ts';

/** Bytes that each tenant holds in all shards, counted as they come and go: `memory` is shared as every bound is (BD5). */
export class TenantBytes {
  private readonly bytes = new Map<string, number>();

  constructor(shards: readonly ShardState[]) {
    this.count(shards);
  }

  /** What these shards hold, whatever was counted before. */
  count(shards: readonly ShardState[]): void {
    this.bytes.clear();
    for (const { slots } of shards) for (const message of slots) if (message?.payload != null) this.hold(message);
  }

  hold(message: Message): void {
    const tenant = message.topic.tenant.name;
    this.bytes.set(tenant, this.of(tenant) + bytesOf(message));
  }

  /** It is about to end. */
  spend(message: Message): void {
    const tenant = message.topic.tenant.name;
    const left = this.of(tenant) - bytesOf(message);
    if (left > 0) this.bytes.set(tenant, left);
    else this.bytes.delete(tenant);
  }

  of(tenant: string): number {
    return this.bytes.get(tenant) ?? 0;
  }

  /** Whether the tenant may have more of so many bytes, of which so many are held. Topics of a tenant are not told apart here. */
  mayHold(limits: Limits, bytesMax: number, held: number, tenant: string): boolean {
    return mayTake({ ...limits, topicShare: 0 }, bytesMax, held, this.of(tenant), 0);
  }
}

/** Of a message that lives; without its last error, which comes and goes. */
const bytesOf = ({ payload, idemKey, packedAttrs }: Message): number =>
  (payload as Uint8Array).byteLength + liveBytesOf(idemKey, packedAttrs);
