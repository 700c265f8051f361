import type { Range } from './random.ts';

/** How the network treats one message, each way. Probabilities 0..1. */
export interface NetworkRules {
  readonly latencyMs: Range;
  readonly drop: number;
  readonly duplicate: number;
  /** Ten times the latency for this message: it is overtaken. */
  readonly reorder: number;
  readonly lostReply: number;
  /** The client is gone when its reply is about to be written. */
  readonly gone: number;
}

export const QUIET: NetworkRules = {
  ...{ latencyMs: { min: 1, max: 5 }, drop: 0, duplicate: 0, reorder: 0, lostReply: 0, gone: 0 },
};
