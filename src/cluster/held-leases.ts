import type { Timers } from '../ports/clock.ts';
import type { Leases } from '../ports/engine.ts';
import { Unreadable } from '../ports/journal.ts';

/** Parts of a lease: after how much of it all are renewed, and after how much they are given up. */
const RENEW_PART = 1 / 5;
const GIVE_UP_PART = 4 / 5;
/** Within how much of it an answer tells the engine's time well enough to begin with, and how often it is asked for that. */
const ROUND_PART = 1 / 15;
const ROUNDS_MAX = 5;

/** When the engine's clock showed what: somewhere between these two of ours. */
export interface EngineTime {
  readonly askedMs: number;
  readonly answeredMs: number;
  readonly engineMs: number;
}

interface Options {
  readonly leases: Leases;
  readonly owner: string;
  readonly timers: Timers;
  /** Runs while the machine does; nobody sets it. */
  readonly monotonicMs: () => number;
  /** The engine was heard. */
  readonly renewed?: () => void;
  /** What its clock showed then: for the first time when that is known to within half of what an answer may take. */
  readonly measured?: (time: EngineTime) => void;
  /** This one is somebody else's by now, or may be. Said once. */
  readonly over?: (number: number) => void;
}

/**
 * The leases of a process. All are renewed in one go; each is given up before it is over, counted from before the engine was asked. What
 * failed is tried again: one answer that does not come ends nothing.
 */
export class HeldLeases {
  readonly owner: string;
  private readonly options: Options;
  private readonly renewMs: number;
  private readonly giveUpMs: number;
  /** Until when each may be relied on. */
  private readonly until = new Map<number, number>();
  private timer: unknown = null;
  private isStopped = false;
  private isMeasured = false;

  constructor(options: Options) {
    this.options = options;
    this.owner = options.owner;
    this.renewMs = options.leases.leaseMs * RENEW_PART;
    this.giveUpMs = options.leases.leaseMs * GIVE_UP_PART;
  }

  /** Calls `done` once, with null when it is ours. */
  claim(number: number, done: (result: { readonly heldForMs: number } | null | Error) => void): void {
    const askedMs = this.options.monotonicMs();
    this.options.leases.claim(number, this.owner, (result) => {
      if (result instanceof Error || 'heldForMs' in result) return done(result);
      this.until.set(number, askedMs + this.giveUpMs);
      this.heard(askedMs, result.engineMs);
      this.arm();
      done(this.isHeld(number) ? null : new Unreadable(`lease of log ${number}: granted too late to be of use`));
    });
  }

  /**
   * Calls `done` once, with null when the engine's clock is known. What is asked first may have had to wait for a connection: it is asked
   * a few times more, where that took long.
   */
  measure(done: (error: Error | null) => void, roundsLeft = ROUNDS_MAX): void {
    const { leases, monotonicMs } = this.options;
    if (this.isMeasured) return done(null);
    if (roundsLeft === 0) {
      const ms = Math.round(leases.leaseMs * ROUND_PART);
      return done(new Unreadable(`the engine takes longer than ${ms} ms to answer: its clock cannot be told`));
    }
    const askedMs = monotonicMs();
    leases.renewAll(this.owner, [], (result) => {
      if (!(result instanceof Error)) this.heard(askedMs, result.engineMs);
      this.measure(done, roundsLeft - 1);
    });
  }

  release(number: number): void {
    if (this.until.delete(number)) this.options.leases.release(number, this.owner);
  }

  /** To be asked whenever something is answered: a process that stood still does not know how long. */
  isHeld(number: number): boolean {
    return this.options.monotonicMs() < (this.until.get(number) ?? Number.NEGATIVE_INFINITY);
  }

  /** For how much longer, at least 0. */
  leftMs(number: number): number {
    return Math.max(0, (this.until.get(number) ?? 0) - this.options.monotonicMs());
  }

  /** Gives up what is over. */
  look(): void {
    for (const number of [...this.until.keys()]) if (!this.isHeld(number)) this.lose(number);
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer !== null) this.options.timers.clearTimeout(this.timer);
    this.timer = null;
  }

  private lose(number: number): void {
    this.until.delete(number);
    this.options.over?.(number);
  }

  private arm(): void {
    if (this.timer !== null || this.isStopped || this.until.size === 0) return;
    this.timer = this.options.timers.setTimeout(() => {
      this.timer = null;
      this.look();
      this.renew();
      this.arm();
    }, this.renewMs);
  }

  /** Whether or not the one before was answered. */
  private renew(): void {
    if (this.until.size === 0) return;
    const askedMs = this.options.monotonicMs();
    const asked = [...this.until.keys()];
    // These alone: one that could not be given back ends by itself.
    this.options.leases.renewAll(this.owner, asked, (result) => {
      if (this.isStopped || result instanceof Error) return;
      const ours = new Set(result.logs);
      for (const number of asked) {
        const untilMs = this.until.get(number);
        if (untilMs === undefined) continue;
        if (ours.has(number)) this.until.set(number, Math.max(untilMs, askedMs + this.giveUpMs));
        // What was granted since it was asked is not among them.
        else if (untilMs <= askedMs + this.giveUpMs) this.lose(number);
      }
      this.look();
      this.heard(askedMs, result.engineMs);
    });
  }

  private heard(askedMs: number, engineMs: number): void {
    const { leases, monotonicMs, measured, renewed } = this.options;
    const answeredMs = monotonicMs();
    this.isMeasured ||= answeredMs - askedMs <= leases.leaseMs * ROUND_PART;
    if (this.isMeasured) measured?.({ askedMs, answeredMs, engineMs });
    renewed?.();
  }
}
