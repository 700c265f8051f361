import type { Capability } from '../auth/authorize.ts';
import type { Cause } from '../ports/observer.ts';
import type { Grant } from '../ports/process-facts.ts';
import type { Caller } from '../service/messages.ts';
import type { Exchange } from './exchange.ts';

/** A capability as the service meets it: with the request that it came with. */
export class RequestCaller implements Caller {
  private readonly capability: Capability;
  private readonly exchange: Exchange;
  private told: Cause | null = null;

  constructor(capability: Capability, exchange: Exchange) {
    this.capability = capability;
    this.exchange = exchange;
  }

  isOf(capability: Capability): boolean {
    return this.capability === capability;
  }

  allowsTopic(topic: string): boolean {
    return this.capability.allowsTopic(topic);
  }

  get reach(): string {
    return this.capability.reach;
  }

  charge(bytes: number, nowMs: number): number {
    return this.capability.charge(bytes, nowMs);
  }

  isValid(): boolean {
    return this.capability.isValid();
  }

  /** Null where a remote verifier vouches: its word does not last. */
  get grant(): Grant | null {
    return this.capability.grant;
  }

  /** Made when something is told of it: each fact that it brings about is. */
  get cause(): Cause {
    this.told ??= this.exchange.causeOf(this.capability);
    return this.told;
  }
}
