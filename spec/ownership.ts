/** What a shard can be at a node, in the order of the machine. */
export const OWNERSHIP_STATES = [
  'absent',
  'claiming',
  'reading',
  'announcing',
  'serving',
  'unsure',
  'handing_over',
  'halted',
] as const;
export type OwnershipState = (typeof OWNERSHIP_STATES)[number];

export const OWNERSHIP_EVENTS = [
  'claim',
  /** The lease is ours, or somebody else's. */
  'granted',
  'denied',
  /** Everything up to the end of the log is read. */
  'ended',
  /** What was read before is not there any more: it was never durable. */
  'misread',
  /** The announcement is durable. */
  'answered',
  /** An append was refused, or nobody knows what became of it. */
  'doubted',
  /** All that was under way is durable. */
  'settled',
  /** Somebody else has written where an append of ours was to go. */
  'overtaken',
  /** What was durable is gone, or is something else. */
  'broken',
  'hand_over',
  /** The lease is over, or is given up. */
  'lapsed',
] as const;
export type OwnershipEvent = (typeof OWNERSHIP_EVENTS)[number];
