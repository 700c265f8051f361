import { FAULT_KINDS, type FaultKind } from './faults/index.ts';

const INDEX = Object.fromEntries(FAULT_KINDS.map((kind, i) => [kind, i])) as Record<FaultKind, number>;

/** A fault is felt for so long after it is over. */
const FELT_MS = 1_000;

/** Which faults were injected, and which are felt now: what coverage crosses with what happens. */
export class FaultLog {
  private readonly injected = new Array<number>(FAULT_KINDS.length).fill(0);
  private readonly feltUntilMs = new Array<number>(FAULT_KINDS.length).fill(-1);
  private felt: number[] = [];
  private changesMs = Number.POSITIVE_INFINITY;

  /** One of `kind` begins, and lasts `forMs`. */
  began(kind: FaultKind, nowMs: number, forMs = 0): void {
    const i = INDEX[kind];
    this.injected[i]!++;
    const untilMs = nowMs + forMs + FELT_MS;
    if (untilMs <= this.feltUntilMs[i]!) return;
    if (this.feltUntilMs[i]! < nowMs) this.felt.push(i);
    this.feltUntilMs[i] = untilMs;
    this.changesMs = Math.min(this.changesMs, untilMs);
  }

  /** The kinds felt now, as indices into `FAULT_KINDS`. */
  feltAt(nowMs: number): readonly number[] {
    if (nowMs > this.changesMs) {
      this.felt = this.felt.filter((i) => this.feltUntilMs[i]! >= nowMs);
      this.changesMs = this.felt.reduce((least, i) => Math.min(least, this.feltUntilMs[i]!), Number.POSITIVE_INFINITY);
    }
    return this.felt;
  }

  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const [i, kind] of FAULT_KINDS.entries()) if (this.injected[i]! > 0) counts[kind] = this.injected[i]!;
    return counts;
  }
}
