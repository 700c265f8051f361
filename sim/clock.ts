import { EngineClock } from '../src/cluster/engine-clock.ts';
import type { EngineTime } from '../src/cluster/held-leases.ts';
import type { Clock, TimeSource } from '../src/ports/clock.ts';
import type { Clocks } from '../src/ports/process-facts.ts';
import { ServiceClock } from '../src/service/service-clock.ts';
import type { Loop } from './loop.ts';

/** Wall time when a simulation begins; any value does. */
export const EPOCH_MS = 1_800_000_000_000;

/**
 * The clocks of one machine: an oscillator that may drift or stand still, and a wall clock that may be set besides. Of both the
 * process that runs makes its service clock, by the shipped code.
 */
export class NodeClock implements Clock, TimeSource {
  /** By how much the wall clock was set so far, in all. */
  setByMs = 0;
  private readonly loop: Loop;
  private readonly wallOffsetMs: number;
  /** What the oscillator showed at `sinceMs` of true time, and how fast it has run since. */
  private shownMs = 0;
  private sinceMs = 0;
  private rate = 1;
  private frozen = false;
  private service: ServiceClock;
  /** Of nodes that share an engine: its clock, once a process has measured it. */
  private engine: EngineClock | null = null;
  private measuring: EngineClock | null = null;

  constructor(loop: Loop, skewMs: number) {
    this.loop = loop;
    this.wallOffsetMs = EPOCH_MS + skewMs;
    this.service = new ServiceClock(this, null);
  }

  monotonicMs(): number {
    const passedMs = this.loop.nowMs - this.sinceMs;
    return this.frozen ? this.shownMs : this.shownMs + passedMs * this.rate;
  }

  wallMs(): number {
    return Math.floor(this.monotonicMs() + this.wallOffsetMs + this.setByMs);
  }

  nowMs(): number {
    return this.engine?.nowMs() ?? this.service.nowMs();
  }

  instantOf(atMs: number): number {
    return this.engine?.instantOf(atMs) ?? this.service.instantOf(atMs);
  }

  /** A process starts, and goes on from what its journal says of the clocks. */
  begin(last: Clocks | null): void {
    this.service = new ServiceClock(this, last);
  }

  /** A process starts that goes by the clock of an engine: it knows nothing of it yet. */
  beginMeasuring(): void {
    this.measuring = new EngineClock(this);
  }

  /** What it shows is known by now. @returns ms that the clock of the node gained by that. */
  measured(time: EngineTime): number {
    const wasMs = this.engine === this.measuring ? (this.engine?.nowMs() ?? null) : null;
    this.measuring?.measured(time);
    this.engine = this.measuring;
    return wasMs === null || this.engine === null ? 0 : this.engine.nowMs() - wasMs;
  }

  /** How far it is ahead of true time. */
  get aheadMs(): number {
    return this.nowMs() - EPOCH_MS - this.loop.nowMs;
  }

  /** Someone sets the wall clock. */
  step(byMs: number): void {
    this.setByMs += byMs;
  }

  private turn(change: () => void): void {
    this.shownMs = this.monotonicMs();
    this.sinceMs = this.loop.nowMs;
    change();
  }

  /** 1 is true time. */
  drift(rate: number): void {
    this.turn(() => {
      this.rate = rate;
    });
  }

  freeze(frozen: boolean): void {
    this.turn(() => {
      this.frozen = frozen;
    });
  }

  /** True time from now until this clock shows `dueMs`, at least 1 while it does not; Infinity while it stands still. */
  untilMs(dueMs: number): number {
    const leftMs = dueMs - this.nowMs();
    if (leftMs <= 0) return 0;
    return this.frozen ? Number.POSITIVE_INFINITY : Math.max(1, Math.ceil(leftMs / this.rate));
  }
}
