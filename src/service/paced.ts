import type { ShardState } from '../core/state.ts';
import type { Caller, Reply } from './messages.ts';

/** A reprocess that goes at a rate, so that what comes back does not flood the consumers. */
export interface Paced {
  readonly shard: ShardState;
  readonly msgIds: readonly string[];
  readonly limit: number;
  /** Dead letters a second. */
  readonly ratePerS: number;
  readonly startedMs: number;
  readonly caller: Caller;
  readonly reply: (reply: Reply) => void;
  readonly count: { moved: number; skipped: number; failed: number };
  /** How many of `msgIds` were tried. */
  tried: number;
}

export const isDone = ({ tried, msgIds, count, limit }: Paced): boolean =>
  tried >= msgIds.length || count.moved >= limit;

/** How many may have been moved by `nowMs`. What is skipped or fails comes to no consumer, and has no part in the rate. */
export const allowedBy = ({ startedMs, ratePerS }: Paced, nowMs: number): number =>
  1 + Math.floor(((nowMs - startedMs) * ratePerS) / 1000);

/** When the next one may be moved. */
export const nextMs = ({ startedMs, ratePerS, count }: Paced): number =>
  startedMs + Math.ceil((count.moved * 1000) / ratePerS);

/** ms until it is done at its rate, if all that it still may move can be moved. */
export const msLeft = ({ msgIds, tried, count, limit, ratePerS }: Paced): number =>
  (Math.min(msgIds.length - tried, limit - count.moved) * 1000) / ratePerS;
