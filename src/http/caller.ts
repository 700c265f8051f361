import type { Capability } from '../auth/authorize.ts';
import type { Cause } from '../ports.ts';
import type { Caller } from '../service/messages.ts';
import type { Ledger, Way } from './ledger.ts';

/** A capability as the service meets it: with the request that it came with. */
export class RequestCaller implements Caller {
  private readonly capability: Capability;
  private readonly way: Way;
  private readonly ledger: Ledger;

  constructor(capability: Capability, way: Way, ledger: Ledger) {
    this.capability = capability;
    this.way = way;
    this.ledger = ledger;
  }

  allowsTopic(topic: string): boolean {
    return this.capability.allowsTopic(topic);
  }

  charge(bytes: number, nowMs: number): number {
    return this.capability.charge(bytes, nowMs);
  }

  isValid(): boolean {
    return this.capability.isValid();
  }

  /** Made when something is told of it, which is seldom. */
  get cause(): Cause {
    return this.ledger.causeOf(this.way, this.capability);
  }
}
