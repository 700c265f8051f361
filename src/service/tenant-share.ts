import type { Limits } from '../core/limits.ts';
import { isFair } from '../core/share.ts';

/** As `mayTake`, of what all shards hold together, where the topics of a tenant are not told apart (BD5). */
export const mayTenantTake = (limits: Limits, bound: number, used: number, ofTenant: number): boolean =>
  limits.tenantShare === 0 || isFair(limits.tenantShare, limits.tenantReserve, bound, used, ofTenant);
