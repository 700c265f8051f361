import { type Clock, WALL_MS_MAX } from '../ports/clock.ts';
import type { EngineTime } from './held-leases.ts';

/** A measure is as good as new for so long: clocks of two machines do not drift apart by more than a part in a thousand. */
const DRIFT = 1_000;

/**
 * The clock that all nodes of an engine share: the machine's monotonic clock, moved to what the engine shows. Two nodes may differ by as much
 * as it takes to ask, not by what their own clocks are wrong. It never goes back.
 */
export class EngineClock implements Clock {
  private readonly source: { readonly monotonicMs: () => number; readonly wallMs: () => number };
  /** The engine's clock less ours, how far that may be from the truth, and when it was measured. */
  private best: { readonly offsetMs: number; readonly errorMs: number; readonly atMs: number } | null = null;
  private shownMs = 0;

  constructor(source: EngineClock['source']) {
    this.source = source;
  }

  measured({ askedMs, answeredMs, engineMs }: EngineTime): void {
    const errorMs = (answeredMs - askedMs) / 2;
    const { best } = this;
    const isWorse = best !== null && errorMs > best.errorMs + (answeredMs - best.atMs) / DRIFT;
    // A clock that was set is not where it was thought to be: the best measure of before is of no use then.
    if (isWorse && Math.abs(engineMs - answeredMs - best.offsetMs) <= 2 * errorMs + best.errorMs) return;
    this.best = { offsetMs: engineMs - (askedMs + answeredMs) / 2, errorMs, atMs: answeredMs };
  }

  /** @throws Error before the first measure */
  nowMs(): number {
    if (this.best === null) throw new Error('engine clock: not measured yet');
    this.shownMs = Math.max(this.shownMs, Math.floor(this.source.monotonicMs() + this.best.offsetMs));
    return this.shownMs;
  }

  wallMs(): number {
    return within(Math.floor(this.source.wallMs()));
  }

  /** What the wall clock of the machine shows more. */
  aheadMs(): number {
    return this.wallMs() - this.nowMs();
  }

  /** It shows dates itself. */
  instantOf(atMs: number): number {
    return within(atMs);
  }
}

const within = (ms: number): number => Math.min(Math.max(ms, 0), WALL_MS_MAX);
