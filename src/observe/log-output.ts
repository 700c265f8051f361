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

/** Lines that wait for their reader take no more than this: a mass of messages may expire in one turn of the event loop. */
export const WAITING_BYTES_MAX = 8 * 1024 ** 2;
/** A write is of so much, and a line at most. */
const WRITE_BYTES = 64 * 1024;
/** What could not be written is tried again so often. */
export const RETRY_MS = 1000;

export interface LogOutputOptions {
  readonly out: ByteOut;
  /** It goes on: so many lines before the next one were dropped. */
  readonly resumed: (dropped: DroppedLines) => void;
  readonly waitingBytesMax?: number;
  readonly writeBytes?: number;
}

/**
 * Log lines on their way to whoever reads them, gathered into few writes. A reader that goes, stalls or has no space neither ends
 * the server nor holds it nor makes it grow (D10): one write is under way at a time, a bounded number of bytes waits behind it, and
 * from the line on that does not fit all are dropped and counted, until everything that waited is written.
 */
export class LogOutput {
  private readonly options: LogOutputOptions;
  /** The first is on its way, or to be tried again, while `isWriting`. */
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  /** Behind them, not made into bytes yet; log lines are all but ASCII, so that it is measured by its characters. */
  private text = '';
  private isWriting = false;
  private isScheduled = false;
  private retrying: NodeJS.Timeout | null = null;
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
    const { waitingBytesMax = WAITING_BYTES_MAX, writeBytes = WRITE_BYTES } = this.options;
    this.schedule();
    if (this.isDropping || this.waitingBytes + this.text.length + line.length > waitingBytesMax) {
      for (const count of [this.untold, this.total]) count[isDecision ? 'decisions' : 'others']++;
      return;
    }
    this.text += line;
    if (this.text.length >= writeBytes) this.gather();
  };

  private get isDropping(): boolean {
    return this.untold.decisions + this.untold.others > 0;
  }

  private gather(): void {
    if (this.text === '') return;
    const bytes = Buffer.from(this.text);
    this.text = '';
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
  }

  /** What one turn of the event loop says goes out together. */
  private schedule(): void {
    if (this.isWriting || this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.next();
    });
  }

  private next(): void {
    if (this.isWriting) return;
    if (this.waiting.length === 0) this.gather();
    if (this.waiting.length === 0 && this.isDropping) {
      const dropped = this.untold;
      this.untold = { decisions: 0, others: 0 };
      this.options.resumed(dropped);
      this.gather();
    }
    const [bytes] = this.waiting;
    if (bytes === undefined) return this.ended?.();
    this.isWriting = true;
    this.send(bytes);
  }

  private send(bytes: Buffer): void {
    this.retrying = null;
    this.options.out.write(bytes, (error) => {
      if (error === null) {
        this.waiting.shift();
        this.waitingBytes -= bytes.length;
        this.isWriting = false;
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
      if (this.retrying !== null) {
        clearTimeout(this.retrying);
        this.send(this.waiting[0] as Buffer);
      } else this.next();
    });
  }
}
