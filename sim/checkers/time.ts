import { WALL_SET_MS } from '../../src/ports/clock.ts';
import type { NodeClock } from '../clock.ts';
import { Breach } from './breach.ts';

/** Clocks are written down in whole milliseconds: so much a restart may cost or give. */
const ROUNDING_MS = 3;

/**
 * Whether the service clock goes on over a restart as the machine's own did (TM1). It may be off by what the wall clock was set by
 * since that could last be written down, and by nothing else.
 */
export class TimeChecker {
  private readonly clock: NodeClock;
  /** What the service clock of the process before showed, less what the machine's did. */
  private aheadMs = 0;
  /** What the wall clock had been set by when the last append that is durable began, and when the last of all did. */
  private writtenMs = 0;
  private writingMs = 0;
  /** What it had been set by when the process last looked for that, or wrote it down. */
  private lookedMs = 0;

  /** Nodes that share an engine go by its clock, and have none to go on with. */
  private readonly isShared: boolean;

  constructor(clock: NodeClock, isShared = false) {
    this.clock = clock;
    this.isShared = isShared;
  }

  appending(): void {
    this.writingMs = this.clock.setByMs;
    this.lookedMs = this.writingMs;
  }

  durable(): void {
    this.writtenMs = this.writingMs;
  }

  looked(): void {
    this.lookedMs = this.clock.setByMs;
  }

  /** Nothing is being appended: what the process has seen must have been written down. @throws Breach */
  idle(): void {
    if (this.isShared) return;
    const unsaidMs = this.lookedMs - this.writingMs;
    if (Math.abs(unsaidMs) <= WALL_SET_MS) return;
    throw new Breach('TM1', `the wall clock was set by ${unsaidMs} ms, and the journal is not told`);
  }

  /** A process begins; `anew`: with an empty journal. @returns ms that its clock gained by that. @throws Breach */
  started(anew: boolean): number {
    const { clock, writtenMs, writingMs } = this;
    const aheadMs = clock.nowMs() - clock.monotonicMs();
    const gainedMs = anew ? 0 : aheadMs - this.aheadMs;
    this.aheadMs = aheadMs;
    this.lookedMs = writingMs;
    // An append that was under way may be there, or not.
    const unwritten = [writtenMs, writingMs].map((ms) => clock.setByMs - ms);
    const [least, most] = [Math.min(0, ...unwritten) - ROUNDING_MS, Math.max(0, ...unwritten) + ROUNDING_MS];
    if (gainedMs >= least && gainedMs <= most) return Math.max(0, gainedMs);
    const by = `${gainedMs > 0 ? 'gains' : 'loses'} ${Math.abs(Math.round(gainedMs))} ms by a restart`;
    throw new Breach('TM1', `the service clock ${by}; ${Math.max(...unwritten.map(Math.abs))} ms could not be known`);
  }
}
