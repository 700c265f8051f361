/** Where the lines go. */
export interface ByteOut {
  /** Writes all of it, then calls back, later and once. What failed is given again: what was written of it stays so. */
  write(bytes: Buffer, done: (error: Error | null) => void): void;
}

/** Lines that were dropped: those of security decisions (O3), and the others. */
export interface DroppedLines {
  readonly decisions: number;
  readonly others: number;
}

/** Lines that wait for their reader take no more than this, in characters. */
export const WAITING_CHARS_MAX = 1024 ** 2;
/** What could not be written is tried again so often. */
export const RETRY_MS = 1000;

export interface LogOutputOptions {
  readonly out: ByteOut;
  /** It goes on: so many lines before the next one were dropped. */
  readonly resumed: (dropped: DroppedLines) => void;
  readonly waitingCharsMax?: number;
}

/**
 * Log lines on their way to whoever reads them, gathered into few writes. A reader that goes, stalls or has no space neither ends
 * the server nor holds it nor makes it grow (D10): one write is under way at a time, a bounded text waits behind it, and from the
 * line on that does not fit all are dropped and counted, until everything that waited is written.
 */
export class LogOutput {
  private readonly options: LogOutputOptions;
  /** On its way, or to be tried again. */
  private writing: Buffer | null = null;
  private waiting = '';
  private retrying: NodeJS.Timeout | null = null;
  private isScheduled = false;
  private untold = { decisions: 0, others: 0 };
  private readonly total = { decisions: 0, others: 0 };
  private ended: (() => void) | null = null;

  constructor(options: LogOutputOptions) {
    this.options = options;
  }

  /** Since the process began. */
  get dropped(): DroppedLines {
    return this.total;
  }

  readonly write = (line: string, isDecision = false): void => {
    const { waitingCharsMax = WAITING_CHARS_MAX } = this.options;
    if (this.isDropping || (this.writing?.length ?? 0) + this.waiting.length + line.length > waitingCharsMax) {
      for (const count of [this.untold, this.total]) count[isDecision ? 'decisions' : 'others']++;
      this.schedule();
      return;
    }
    this.waiting += line;
    this.schedule();
  };

  private get isDropping(): boolean {
    return this.untold.decisions + this.untold.others > 0;
  }

  /** What one turn of the event loop says goes into one write. */
  private schedule(): void {
    if (this.writing !== null || this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.next();
    });
  }

  private next(): void {
    if (this.writing !== null) return;
    if (this.waiting === '' && this.isDropping) {
      const dropped = this.untold;
      this.untold = { decisions: 0, others: 0 };
      this.options.resumed(dropped);
    }
    if (this.waiting === '') return this.ended?.();
    const bytes = Buffer.from(this.waiting);
    this.waiting = '';
    this.send(bytes);
  }

  private send(bytes: Buffer): void {
    this.writing = bytes;
    this.retrying = null;
    this.options.out.write(bytes, (error) => {
      if (error === null) {
        this.writing = null;
        this.next();
      } else if (this.ended !== null) this.ended();
      else this.retrying = setTimeout(() => this.send(bytes), RETRY_MS).unref();
    });
  }

  /** The last lines: resolves when they are written, or cannot be, or after the deadline. */
  end(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(resolve, deadlineMs).unref();
      this.ended = resolve;
      if (this.retrying !== null && this.writing !== null) {
        clearTimeout(this.retrying);
        this.send(this.writing);
      } else this.next();
    });
  }
}
