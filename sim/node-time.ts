import type { Timers } from '../src/ports/clock.ts';
import type { NodeClock } from './clock.ts';
import { NODES_MAX } from './faults/parameters.ts';
import type { Loop } from './loop.ts';
import type { Watch } from './watch.ts';

/** The process sees that its wall clock was set within this time. */
const LOOK_MS = 20;

/** Whose time it is: a process that may die, or sleep. */
export interface Sleeper {
  readonly index: number;
  /** Counts processes: what one of them began goes on in no other. */
  readonly generation: number;
  readonly isPaused: boolean;
  readonly pausedUntilMs: number;
  /** Runs what the process does. */
  live(run: () => void): void;
}

export interface TimeParts {
  readonly loop: Loop;
  readonly clock: NodeClock;
  readonly watch: Watch;
}

/** What the processes of a node ask of time: it goes with the process that asked for it, and waits while that is paused. */
export class NodeTime {
  private readonly parts: TimeParts;
  private readonly sleeper: Sleeper;
  private wakeAtMs = Number.POSITIVE_INFINITY;
  private asked = 0;

  constructor(parts: TimeParts, sleeper: Sleeper) {
    this.parts = parts;
    this.sleeper = sleeper;
  }

  /** Of everything that is asked for, so that what comes in one millisecond has its order. */
  nextId(): number {
    return ++this.asked * NODES_MAX + this.sleeper.index;
  }

  /** For this process, which may be gone by then or asleep. */
  later(ms: number, run: () => void): void {
    this.unlessGone('end', ms, this.nextId(), () => this.sleeper.live(run));
  }

  private unlessGone(kind: 'end' | 'wake', ms: number, id: number, run: () => void, isWanted = () => true): void {
    const { loop } = this.parts;
    const { sleeper } = this;
    const { generation } = sleeper;
    const there = (): void => {
      if (generation !== sleeper.generation || !isWanted()) return;
      if (sleeper.isPaused) return loop.at(sleeper.pausedUntilMs, kind, id, there);
      run();
    };
    loop.after(ms, kind, id, there);
  }

  /** At the end of this millisecond: what comes in it goes into one append. */
  soon(run: () => void): void {
    const { loop } = this.parts;
    const { sleeper } = this;
    const { generation } = sleeper;
    const later = (): void => {
      if (generation !== sleeper.generation) return;
      if (sleeper.isPaused) return loop.at(sleeper.pausedUntilMs, 'soon', this.nextId(), later);
      sleeper.live(run);
    };
    loop.after(0, 'soon', this.nextId(), later);
  }

  /** Timers of the process that runs now. */
  timers(): Timers {
    const open = new Set<number>();
    return {
      setTimeout: (callback, ms) => {
        const id = this.nextId();
        const ring = (): void => {
          open.delete(id);
          this.sleeper.live(callback);
        };
        open.add(id);
        this.unlessGone('end', Math.ceil(ms), id, ring, () => open.has(id));
        return id;
      },
      clearTimeout: (id) => open.delete(id as number),
    };
  }

  /** The process asks to be woken, at a time of its clock. */
  wakeAt(dueMs: number, wake: () => void): void {
    const { loop, clock, watch } = this.parts;
    this.wakeAtMs = dueMs;
    const delayMs = clock.untilMs(dueMs);
    if (delayMs === Number.POSITIVE_INFINITY) return;
    const woken = (): void => {
      loop.mark('wake', this.sleeper.index);
      watch.ticked();
      this.wakeAtMs = Number.POSITIVE_INFINITY;
      this.sleeper.live(wake);
    };
    this.unlessGone('wake', delayMs, this.nextId(), woken, () => this.wakeAtMs === dueMs);
  }

  /** Nobody is to be woken any more: the process is gone, or its clock runs differently. */
  sleep(): void {
    this.wakeAtMs = Number.POSITIVE_INFINITY;
  }

  /** Someone set the wall clock: the process sees it with its next look at the time. */
  wallSet(look: () => void): void {
    const { loop } = this.parts;
    this.unlessGone('wake', LOOK_MS, this.nextId(), () => {
      loop.mark('wake', this.sleeper.index);
      look();
    });
  }
}
