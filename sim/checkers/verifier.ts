import type { NodeClock } from '../clock.ts';
import type { VerifierTrouble } from '../verifier.ts';
import { Breach } from './breach.ts';

/** What a question may take at most from when it is asked to when nobody can tell. */
const LATE_MS = 8_000;
/** An ill verifier is found out within this time of the first question that it leaves, by questions of our own, one a second. */
const NOTICED_MS = 5_000;
/** One that is well again is found out within this time. */
const HEALED_MS = 4_000;

/** What a node may say and refuse for its remote verifier's sake (B8, BD3). */
export class VerifierChecker {
  /** The node says that it is missing. */
  isMissing = false;
  private readonly clock: NodeClock;
  private isWell = true;
  /** One that errs answers: while nothing is known that it has vouched for, that is well enough. */
  private isSilent = false;
  private changedMs = Number.NEGATIVE_INFINITY;
  private rekeyedMs = Number.NEGATIVE_INFINITY;
  /** What the wall clock had been set by when it was last looked at. */
  private setByMs = 0;
  /** From then on a process says nothing else. */
  private isDraining = false;
  /** The first question that was left unanswered since it fell ill. */
  private leftMs = Number.POSITIVE_INFINITY;

  constructor(clock: NodeClock) {
    this.clock = clock;
  }

  changed(trouble: VerifierTrouble | null): void {
    this.isWell = trouble === null;
    this.isSilent = trouble === 'silent';
    this.changedMs = this.clock.nowMs();
    this.leftMs = Number.POSITIVE_INFINITY;
  }

  draining(): void {
    this.isDraining = true;
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
    this.noticed(nowMs);
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
    this.noticed(nowMs);
  }

  private noticed(nowMs: number): void {
    if (this.isMissing || this.isDraining || !this.isSilent || nowMs - this.leftMs <= NOTICED_MS) return;
    throw new Breach('B8', 'the verifier answers nothing, and is not said to be missing');
  }

  /** The process is gone. */
  crashed(): void {
    this.isMissing = false;
    this.isDraining = false;
    this.leftMs = Number.POSITIVE_INFINITY;
  }
}
