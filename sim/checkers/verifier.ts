import type { NodeClock } from '../clock.ts';
import { Breach } from './breach.ts';

/** What a question may take at most from when it is asked to when nobody can tell. */
const LATE_MS = 8_000;
/** An ill verifier is found out within this time of the first question that it leaves, by questions of our own, one a second. */
const NOTICED_MS = 8_000;
/** One that is well again is found out within this time. */
const HEALED_MS = 4_000;

/** What a node may say and refuse for its remote verifier's sake (B8, BD3). */
export class VerifierChecker {
  /** The node says that it is missing. */
  isMissing = false;
  private readonly clock: NodeClock;
  private isWell = true;
  private changedMs = Number.NEGATIVE_INFINITY;
  private rekeyedMs = Number.NEGATIVE_INFINITY;
  /** What the wall clock had been set by when it was last looked at. */
  private setByMs = 0;
  /** The first question that was left unanswered since it fell ill. */
  private leftMs = Number.POSITIVE_INFINITY;

  constructor(clock: NodeClock) {
    this.clock = clock;
  }

  changed(isWell: boolean): void {
    this.isWell = isWell;
    this.changedMs = this.clock.nowMs();
    this.leftMs = Number.POSITIVE_INFINITY;
  }

  rekeyed(): void {
    this.rekeyedMs = this.clock.nowMs();
  }

  /** What a verifier said of other keys, or at another time of day, may be remembered for so long. */
  mayBeOld(cacheTtlMs: number): boolean {
    const nowMs = this.clock.nowMs();
    const { setByMs } = this.clock;
    if (setByMs !== this.setByMs) this.rekeyedMs = nowMs;
    this.setByMs = setByMs;
    return nowMs - this.rekeyedMs <= cacheTtlMs + LATE_MS;
  }

  /** Somebody is told that nobody can tell. @throws Breach */
  unavailable(): void {
    const nowMs = this.clock.nowMs();
    this.leftMs = Math.min(this.leftMs, nowMs);
    if (this.isWell && nowMs - this.changedMs > LATE_MS) {
      throw new Breach('B8', 'a capability cannot be verified, and the verifier is well');
    }
  }

  says(missing: boolean): void {
    this.isMissing = missing;
    if (missing && this.isWell && this.clock.nowMs() - this.changedMs > LATE_MS) {
      throw new Breach('B8', 'the verifier is said to be missing, and it is well');
    }
  }

  /** Nothing is under way. @throws Breach */
  idle(): void {
    const nowMs = this.clock.nowMs();
    if (this.isMissing && this.isWell && nowMs - this.changedMs > HEALED_MS) {
      throw new Breach('B8', 'the verifier is still said to be missing, and it is well');
    }
    if (!this.isMissing && !this.isWell && nowMs - this.leftMs > NOTICED_MS) {
      throw new Breach('B8', 'the verifier answers nothing, and sends are taken');
    }
  }

  /** The process is gone. */
  crashed(): void {
    this.isMissing = false;
    this.leftMs = Number.POSITIVE_INFINITY;
  }
}
