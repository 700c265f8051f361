import type { ShardState } from '../core/state.ts';
import type { Caller, Reply } from './messages.ts';

/** How fast dead letters come back, so that they do not flood the consumers: so many a second, the first at once; null for as fast as can be. */
export class Pace {
  readonly ratePerS: number | null;
  /** It counts from here on, and what had been moved by then: while no process ran, nothing was due. */
  private fromMs: number;
  private movedBefore = 0;

  constructor(ratePerS: number | null, nowMs: number) {
    this.ratePerS = ratePerS;
    this.fromMs = nowMs;
  }

  /** How many may have been moved by then. What is skipped or fails comes to no consumer, and has no part in the rate. */
  allowedBy(nowMs: number): number {
    if (this.ratePerS === null) return Number.POSITIVE_INFINITY;
    return this.movedBefore + 1 + Math.floor(((nowMs - this.fromMs) * this.ratePerS) / 1000);
  }

  /** When the next one may be moved, after so many. */
  nextMs(moved: number, nowMs: number): number {
    if (this.ratePerS === null) return nowMs;
    return this.fromMs + Math.ceil(((moved - this.movedBefore) * 1000) / this.ratePerS);
  }

  /** It goes on now, with so many moved. */
  resume(moved: number, nowMs: number): void {
    this.fromMs = nowMs;
    this.movedBefore = moved;
  }
}

/** A reprocess, which goes at a rate or is done at once. */
export interface Paced {
  readonly shard: ShardState;
  /** Whom it counts under (BD5). */
  readonly tenant: string;
  readonly msgIds: readonly string[];
  readonly limit: number;
  readonly pace: Pace;
  readonly caller: Caller;
  readonly reply: (reply: Reply) => void;
  readonly count: { moved: number; skipped: number; failed: number };
  /** How many of `msgIds` were tried. */
  tried: number;
}

export const isDone = ({ tried, msgIds, count, limit }: Paced): boolean =>
  tried >= msgIds.length || count.moved >= limit;

/** ms until it is done at its rate, if all that it still may move can be moved. */
export const msLeft = ({ msgIds, tried, count, limit, pace }: Paced): number =>
  (Math.min(msgIds.length - tried, limit - count.moved) * 1000) / (pace.ratePerS ?? Number.POSITIVE_INFINITY);
