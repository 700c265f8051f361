import type { Range } from '../random.ts';
import type { ConsumerRules } from './consumer.ts';

/** One topic, the first, that is sent to faster than any other, and of which messages are held that are never settled. */
export interface HostileRules {
  readonly everyMs: Range;
  /** Share of its messages, 0..1. */
  readonly holds: number;
}

/** Takes what it gets, as much of it as it can. */
export const holding = (share: number): ConsumerRules => ({
  ...{ kind: 'hanging', workMs: { min: 1, max: 20 }, share, visibilityMs: 0, waitMs: 500 },
  ...{ messagesMax: 16, bytesMax: 524_288, riding: 0, batching: 0 },
});
