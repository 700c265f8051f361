import type { Company, Member } from '../ports/engine.ts';

/** The node that has this shard, as far as is known; null where that is nobody, or the process whose leases are in the name `own`. */
export function otherHolder({ members, holders }: Company, shard: number, own: string): Member | null {
  const owner = holders.find((holder) => holder.shard === shard)?.owner;
  if (owner === undefined || owner === own) return null;
  return members.find((member) => member.owner === owner) ?? null;
}
