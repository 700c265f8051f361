/** Deliberate defects of the world around the shipped code, so that negative schedules can prove that the checkers see them. */
export const DEFECTS = [
  ...(['reply_before_sync', 'forget_acks', 'stuck_clock', 'deaf_to_revocation'] as const),
  'forget_clocks',
] as const;
export type Defect = (typeof DEFECTS)[number];
