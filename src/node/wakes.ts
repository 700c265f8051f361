import { LOOK_MS } from '../../spec/readiness.machine.ts';
import type { Authority } from '../auth/authorize.ts';
import type { Clock } from '../ports/clock.ts';
import type { JournalBackend } from '../ports/journal.ts';
import type { Service } from '../service/service.ts';

/** While a stream is open, whether its capability has ended is looked at this often (AU3). */
const STREAM_LOOK_MS = 100;
/** What is only noted waits at most so long for an append to go with (`service/commit.ts`). */
const NOTES_MS = 1000;
/** The journal goes on by itself so often; what was decided before one of its ticks is appended before the second after it. */
const JOURNAL_TICK_MS = 1000;
const JOURNAL_TICKS = 2;

interface WakeParts {
  readonly clock: Clock;
  readonly journal: JournalBackend;
  readonly service: Service;
  readonly authority: Authority;
  /** Readiness may have something to take back. */
  readonly isDegraded: () => boolean;
  /** Asks for a call at this time of the clock; one is outstanding, and an earlier one takes its place. */
  readonly wakeAt: (atMs: number) => void;
  /** Runs something soon, after what else comes in now; null where it is done at once. */
  readonly soon: ((run: () => void) => void) | null;
}

/** When a process is to be woken: the earliest time at which anything goes on by itself. */
export class Wakes {
  private readonly parts: WakeParts;
  /** The earliest wake-up that was asked for. */
  private wakeMs = Number.POSITIVE_INFINITY;
  private isArming = false;
  private isStopped = false;
  private wokenMs: number;
  /** When readiness was looked at, and whether something happened since. */
  private lookedMs = Number.NEGATIVE_INFINITY;
  private isNews = false;
  private journalTickedMs: number;
  private journalTicksLeft = 0;

  constructor(parts: WakeParts) {
    this.parts = parts;
    this.wokenMs = parts.clock.nowMs();
    this.journalTickedMs = this.wokenMs;
  }

  stop(): void {
    this.isStopped = true;
  }

  /** Something happened that readiness is to be looked at for. */
  news(): void {
    this.isNews = true;
  }

  /** An append begins: the journal has something to do for a while. */
  appending(): void {
    this.isNews = true;
    this.journalTicksLeft = JOURNAL_TICKS;
  }

  /** Readiness is looked at. */
  looked(): void {
    this.isNews = false;
    this.lookedMs = this.parts.clock.nowMs();
  }

  isLookDue(nowMs: number): boolean {
    return nowMs >= this.lookedMs + LOOK_MS;
  }

  /** It is woken: the time, or null when nothing goes on any more. */
  woken(): number | null {
    if (this.isStopped) return null;
    this.wakeMs = Number.POSITIVE_INFINITY;
    this.wokenMs = this.parts.clock.nowMs();
    return this.wokenMs;
  }

  tickJournal(nowMs: number): void {
    if (nowMs < this.journalTickedMs + JOURNAL_TICK_MS) return;
    this.journalTickedMs = nowMs;
    this.journalTicksLeft = Math.max(0, this.journalTicksLeft - 1);
    this.parts.journal.tick(nowMs);
  }

  /** The clock does not run as it did: wake-ups are asked for anew. */
  anew(): void {
    this.wakeMs = Number.POSITIVE_INFINITY;
    this.armNow();
  }

  /** Asks for a wake-up where one is needed earlier than that which was asked for; once for all that comes in together. */
  arm(): void {
    const { soon } = this.parts;
    if (soon === null) return this.armNow();
    if (this.isArming) return;
    this.isArming = true;
    soon(() => {
      this.isArming = false;
      this.armNow();
    });
  }

  armNow(): void {
    const dueMs = this.nextWakeMs();
    if (this.isStopped || dueMs >= this.wakeMs) return;
    this.wakeMs = dueMs;
    this.parts.wakeAt(dueMs);
  }

  private nextWakeMs(): number {
    const { service, authority, journal, isDegraded } = this.parts;
    if (service.isFailed) return Number.POSITIVE_INFINITY;
    let dueMs = Math.min(service.nextWakeMs(), authority.nextWakeMs());
    if (journal.processLog.term !== null && authority.quotas.hasChanges)
      dueMs = Math.min(dueMs, this.wokenMs + NOTES_MS);
    if (service.streamCount > 0) dueMs = Math.min(dueMs, this.wokenMs + STREAM_LOOK_MS);
    if (journal.condition !== null || this.journalTicksLeft > 0)
      dueMs = Math.min(dueMs, this.journalTickedMs + JOURNAL_TICK_MS);
    if (this.isNews || isDegraded()) dueMs = Math.min(dueMs, this.lookedMs + LOOK_MS);
    return dueMs;
  }
}
