import { TenantCounts } from '../service/tenant-counts.ts';

/** Whether one who has so much of a bound, of which so much is used, may have more (BD5). */
export type MayTake = (bound: number, used: number, own: number) => boolean;

/** What large bodies hold while they are being read: bounded for all together, and shared by tenants as every bound is (D4, BD5). */
export class BodyMemory {
  /** Bytes of all of them. */
  held = 0;
  private readonly byTenant = new TenantCounts();
  private readonly mayTake: MayTake;

  constructor(mayTake: MayTake) {
    this.mayTake = mayTake;
  }

  /** A body of this tenant that held `before` bytes holds `bytes` now. @returns why it may not; it is given back all the same */
  take(tenant: string, before: number, bytes: number, bytesMax: number): 'memory' | 'tenant' | null {
    const others = this.held - before;
    const isFair = others === 0 || this.mayTake(bytesMax, this.held, this.byTenant.of(tenant));
    this.held += bytes - before;
    this.byTenant.add(tenant, bytes - before);
    if (this.held > bytesMax) return 'memory';
    return isFair ? null : 'tenant';
  }

  giveBack(tenant: string, bytes: number): void {
    this.held -= bytes;
    this.byTenant.add(tenant, -bytes);
  }
}
