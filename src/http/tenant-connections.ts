import type { Capability } from '../auth/authorize.ts';
import { TenantCounts } from '../service/tenant-counts.ts';
import type { MayTake } from './body-memory.ts';
import type { Connection } from './connection.ts';

export interface TenantConnectionsOptions {
  readonly tenantOf: (capability: Capability) => string;
  readonly mayTake: MayTake;
  /** Connections there may be of all listeners together. */
  readonly connectionsMax: () => number;
}

/**
 * Which tenant each connection counts under: that of the last capability shown on it (BD5). So those who hold all the connections they can
 * get leave the reserve to others, and newcomers, who are nobody's yet, make room for each other there.
 */
export class TenantConnections {
  private readonly options: TenantConnectionsOptions;
  private readonly byTenant = new TenantCounts();
  /** Of all tenants. */
  private taken = 0;

  constructor(options: TenantConnectionsOptions) {
    this.options = options;
  }

  /** Whether the connection may be used by whoever has shown this capability: not where its tenant has too many of them. */
  admit(connection: Connection, capability: Capability): boolean {
    if (connection.holder === capability) return true;
    const { tenantOf, mayTake, connectionsMax } = this.options;
    const tenant = tenantOf(capability);
    if (connection.tenant !== tenant) {
      if (!mayTake(connectionsMax(), this.taken, this.byTenant.of(tenant))) return false;
      if (connection.tenant === null) connection.onClose(() => this.leave(connection));
      this.leave(connection);
      connection.tenant = tenant;
      this.taken++;
      this.byTenant.add(tenant, 1);
    }
    connection.holder = capability;
    return true;
  }

  private leave(connection: Connection): void {
    if (connection.tenant === null) return;
    this.taken--;
    this.byTenant.add(connection.tenant, -1);
    connection.tenant = null;
  }
}
