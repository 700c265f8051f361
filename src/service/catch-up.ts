import type { Happened, PastAsk, PastReader, PastReading, PastStep } from '../ports/past.ts';

/** What whoever catches up is told. */
export interface CatchingUp {
  /** It goes on after this fact. */
  readonly begun: (step: Extract<PastStep, { readonly step: 'begun' }>) => void;
  /** There are facts to take. */
  readonly some: () => void;
  /** It has come to the end of what can be read, or cannot go on, for this reason; the last call. */
  readonly over: (step: Extract<PastStep, { readonly step: 'gone' | 'end' | 'failed' | 'later' }>) => void;
}

/** A reading of the past on behalf of one who is told it piece by piece: no more than one piece is held. */
export class CatchUp {
  private readonly reading: PastReading | null;
  private held: { readonly facts: readonly Happened[]; readonly last: number } | null = null;
  private isClosed = false;

  constructor(past: PastReader, ask: PastAsk, told: CatchingUp, tenant: string) {
    const take = (step: PastStep): void => {
      if (this.isClosed) return;
      switch (step.step) {
        case 'begun':
          told.begun(step);
          if (!this.isClosed) this.reading?.next();
          return;
        case 'facts':
          this.held = step;
          return told.some();
        default:
          this.isClosed = true;
          return told.over(step);
      }
    };
    this.reading = past.read(ask, take, tenant);
  }

  /** Too many wait: nothing is read. */
  get isRefused(): boolean {
    return this.reading === null;
  }

  /** What was read and not taken, null while nothing is; the next is asked for. */
  take(): { readonly facts: readonly Happened[]; readonly last: number } | null {
    const { held } = this;
    this.held = null;
    if (held !== null) this.reading?.next();
    return held;
  }

  close(): void {
    this.isClosed = true;
    this.reading?.close();
  }
}
