import type { Clock, Timers } from '../ports/clock.ts';
import type { AppendEnd, Batch, Found, Log } from '../ports/journal.ts';
import type { Random } from '../ports/random.ts';

/** What becomes of a log and its appends. After `lost`, `failed` and `halted` it says nothing more. */
export interface AppendingEvents {
  /** These are durable: the next append may begin. */
  durable(batches: readonly Batch[]): void;
  /** Nobody knows what became of an append: nothing may be decided before that is known. */
  unsure(error: Error): void;
  /** It is known, and durable. */
  sure(): void;
  /** It is not ours any more, or could not be reached for too long. */
  lost(why: 'foreign' | 'unreachable', error: Error): void;
  /** It takes nothing more of this claim. */
  failed(error: Error): void;
  /** It is not what was said of it: going on could only make that worse. */
  halted(error: Error): void;
}

interface Parts {
  readonly log: Log;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly events: AppendingEvents;
  /** It is given up when it is not known for so long what became of an append. */
  readonly unsureMsMax?: number;
}

/** Of a log that another process may take, and have more luck with. */
export const UNSURE_MS_MAX = 10_000;
/** The waits between two tries: drawn from up to this, twice as much each time, up to the most. */
const WAIT_MS = 100;
const WAIT_MS_MAX = 1_000;

/**
 * The appends of one log, each driven to its end. One that ends as unknown or refused is looked for: what is not there is sent again, what
 * is there counts when an append after it was answered, and what somebody else wrote there ends it all.
 */
export class Appending {
  private readonly parts: Parts;
  /** What the service waits for. */
  private batches: readonly Batch[] = [];
  private unsureSinceMs = -1;
  private tries = 0;
  private timer: unknown = null;
  private isOver = false;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  append(batches: readonly Batch[]): void {
    this.batches = batches;
    this.send(batches);
  }

  /** Nothing is said any more. */
  stop(): void {
    this.isOver = true;
    this.clearTimer();
  }

  // ---- an append

  private send(batches: readonly Batch[]): void {
    const { log } = this.parts;
    let said: AppendEnd['end'] | 'nothing yet' | null = null;
    const { answersWithinMs } = log;
    if (answersWithinMs !== Number.POSITIVE_INFINITY) {
      this.after(answersWithinMs, () => {
        said = 'nothing yet';
        this.doubt(batches, new Error(`no answer within ${answersWithinMs} ms`));
      });
    }
    log.append(batches, (end) => {
      if (this.isOver) return;
      if (said === null) {
        said = end.end;
        this.clearTimer();
        return this.ended(batches, end);
      }
      // Too late, when reading again tells more; or the same twice.
      if (said === 'nothing yet' || said === 'unknown' || said === end.end) return;
      this.over(() => this.parts.events.halted(new Error(`of an append the journal said ${said}, then ${end.end}`)));
    });
  }

  private ended(batches: readonly Batch[], end: AppendEnd): void {
    const { events } = this.parts;
    switch (end.end) {
      case 'durable':
        return this.durable();
      case 'refused':
        // Somebody else may have written there, or what we sent before; or what was durable is gone, and nothing fits it any more.
        return this.doubt(batches, new Error('the log takes nothing behind what we know of it'));
      case 'unknown':
        return this.doubt(batches, end.error);
      case 'failed':
        return this.over(() => events.failed(end.error));
    }
  }

  private durable(): void {
    const { batches, parts } = this;
    const wasUnsure = this.unsureSinceMs >= 0;
    this.unsureSinceMs = -1;
    this.tries = 0;
    if (wasUnsure) parts.events.sure();
    parts.events.durable(batches);
  }

  // ---- nobody knows what became of it

  private doubt(batches: readonly Batch[], error: Error): void {
    const { clock, events } = this.parts;
    if (this.unsureSinceMs < 0) {
      this.unsureSinceMs = clock.nowMs();
      events.unsure(error);
    }
    if (this.tries === 0) this.read(batches);
    else this.later(() => this.read(batches), error);
  }

  private read(batches: readonly Batch[]): void {
    const { log } = this.parts;
    this.tries++;
    let isHeard = false;
    const hear = (found: Found | Error): void => {
      if (this.isOver || isHeard) return;
      isHeard = true;
      this.clearTimer();
      this.found(batches, found);
    };
    this.after(log.answersWithinMs, () => hear(new Error('no answer to who reads')));
    log.readAgain(hear);
  }

  private found(batches: readonly Batch[], found: Found | Error): void {
    const { events } = this.parts;
    switch (found) {
      case 'absent':
        return this.send(batches);
      case 'present':
        // Visible is not durable: a primary that was cut off may show it. What comes after it settles that.
        return this.send([]);
      case 'foreign':
        return this.over(() => events.lost('foreign', new Error('somebody else has written to the log')));
      case 'lost':
        return this.over(() => events.halted(new Error('what was durable is gone, or is something else')));
      default:
        return this.later(() => this.read(batches), found);
    }
  }

  /** After a while, unless it was too long already. */
  private later(run: () => void, error: Error): void {
    const { clock, random, events, unsureMsMax = UNSURE_MS_MAX } = this.parts;
    const waitMs = 1 + random.below(Math.min(WAIT_MS_MAX, WAIT_MS * 2 ** Math.min(this.tries, 10)));
    if (clock.nowMs() + waitMs - this.unsureSinceMs < unsureMsMax) return this.after(waitMs, run);
    this.over(() => events.lost('unreachable', error));
  }

  // ---- time

  /** One thing is waited for at a time. */
  private after(ms: number, run: () => void): void {
    this.clearTimer();
    this.timer = this.parts.timers.setTimeout(() => {
      this.timer = null;
      if (!this.isOver) run();
    }, ms);
  }

  private clearTimer(): void {
    if (this.timer !== null) this.parts.timers.clearTimeout(this.timer);
    this.timer = null;
  }

  private over(tell: () => void): void {
    this.stop();
    tell();
  }
}
