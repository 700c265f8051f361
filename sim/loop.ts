import { createHash } from 'node:crypto';

/** What a run's hash covers, event by event. Append-only: a code never changes its meaning. */
export const KINDS = {
  request: 1,
  reply: 2,
  timeout: 3,
  sync: 4,
  wake: 5,
  client: 6,
  crash: 7,
  restart: 8,
  fault: 9,
  fact: 10,
} as const;
export type Kind = keyof typeof KINDS;

interface Event {
  readonly atMs: number;
  readonly seq: number;
  readonly kind: Kind;
  readonly id: number;
  readonly run: () => void;
}

const RECORD_NUMBERS = 4;
const RECORDS = 4096;

/** Discrete events by (time, sequence), and the hash of the order they happened in. */
export class Loop {
  nowMs = 0;
  /** Events run so far. */
  steps = 0;
  private seq = 0;
  private readonly heap: Event[] = [];
  private readonly sha = createHash('sha256');
  private readonly records = new Int32Array(RECORDS * RECORD_NUMBERS);
  private recorded = 0;

  /** Runs `run` in `delayMs` (whole, at least 0), after all that was asked for the same time before. */
  after(delayMs: number, kind: Kind, id: number, run: () => void): void {
    const event = { atMs: this.nowMs + delayMs, seq: ++this.seq, kind, id, run };
    let i = this.heap.length;
    this.heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(event, this.heap[parent]!)) break;
      this.heap[i] = this.heap[parent]!;
      i = parent;
    }
    this.heap[i] = event;
  }

  /** Runs the next event unless it is later than `untilMs`; false when there is none. */
  step(untilMs: number): boolean {
    const event = this.heap[0];
    if (event === undefined || event.atMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    const last = this.heap.pop()!;
    if (this.heap.length > 0) this.sink(last);
    this.nowMs = event.atMs;
    this.steps++;
    this.record(KINDS[event.kind], event.id, 0);
    event.run();
    return true;
  }

  private sink(event: Event): void {
    const { heap } = this;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, event)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = event;
  }

  /** Adds something that happened to the hash. */
  record(code: number, a: number, b: number): void {
    const at = this.recorded * RECORD_NUMBERS;
    this.records[at] = this.nowMs;
    this.records[at + 1] = code;
    this.records[at + 2] = a;
    this.records[at + 3] = b;
    if (++this.recorded === RECORDS) this.flush();
  }

  private flush(): void {
    this.sha.update(new Uint8Array(this.records.buffer, 0, this.recorded * RECORD_NUMBERS * 4));
    this.recorded = 0;
  }

  /** SHA-256 over everything that happened, in hex; ends the recording. */
  digest(): string {
    this.flush();
    return this.sha.digest('hex');
  }
}

const before = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq);
