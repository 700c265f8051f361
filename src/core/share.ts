import type { Limits } from './limits.ts';

/** Of what hundred a share and a reserve are: they are whole percents, so that comparisons are exact. */
const PERCENT = 100;

/**
 * Whether a tenant may take one more of a bound that has room (BD5): within its share always, beyond it while more than the reserve
 * is free. The same for a topic, of the share of its tenant. tla/Mailbox.tla MayTake.
 */
export function mayTake(limits: Limits, bound: number, used: number, ofTenant: number, ofTopic: number): boolean {
  const { tenantShare, tenantReserve, topicShare } = limits;
  if (tenantShare === 0) return true;
  if (!isFair(tenantShare, tenantReserve, bound, used, ofTenant)) return false;
  if (topicShare === 0) return true;
  return isFair(topicShare, tenantReserve, bound * tenantShare, ofTenant * PERCENT, ofTopic * PERCENT);
}

/** Whether one who has so much of a whole may have more: within its share always, beyond it while more than the reserve is free. */
export const isFair = (share: number, reserve: number, whole: number, used: number, own: number): boolean =>
  own * PERCENT < share * whole || (whole - used) * PERCENT > reserve * whole;
