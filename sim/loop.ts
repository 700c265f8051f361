import { createHash } from 'node:crypto';

/**
 * What can happen, in the order in which it does within one millisecond. The order of two events is their time, kind and
 * id, never the moment at which they were asked for: so a run and its replay go through the same steps.
 */
export const KINDS = [
  'fault',
  'end',
  'sync',
  'wake',
  'request',
  'hangup',
  'reply',
  'timeout',
  'call',
  'client',
  'soon',
  'engine',
] as const;
export type Kind = (typeof KINDS)[number];
const RANK = Object.fromEntries(KINDS.map((kind, rank) => [kind, rank])) as Record<Kind, number>;

/** Codes of what a hash covers besides the steps themselves. Append-only: a code never changes its meaning. */
export const RECORDS = {
  outcome: 16,
  fact: 17,
  crash: 18,
  start: 19,
  delivery: 20,
  fell: 21,
  revived: 22,
  told: 23,
  engine: 24,
  claimed: 25,
  gaveUp: 26,
} as const;

/** Something that will happen. Its fields are set by the constructor: initializers would cost more than the rest of it. */
export abstract class Event {
  declare atMs: number;
  declare rank: number;
  declare id: number;
  declare seq: number;

  constructor() {
    this.atMs = 0;
    this.rank = 0;
    this.id = 0;
    this.seq = 0;
  }

  abstract run(): void;
}

class Deferred extends Event {
  declare private readonly act: () => void;

  constructor(act: () => void) {
    super();
    this.act = act;
  }

  run(): void {
    this.act();
  }
}

const RECORD_NUMBERS = 4;
const BUFFERED = 4096;

/** Discrete events by (time, kind, id), and the hash of everything that happened. */
export class Loop {
  nowMs = 0;
  /** Things that happened: events that did something, apart from the clients' own timers. */
  steps = 0;
  private seq = 0;
  private readonly heap: Event[] = [];
  private readonly sha = createHash('sha256');
  private readonly buffer = new Int32Array(BUFFERED * RECORD_NUMBERS);
  private buffered = 0;
  private mixed = 0;
  /** A number for each step, once `fingerprint` was asked for: where two runs part, these differ first. */
  prints: number[] | null = null;

  fingerprint(): void {
    this.prints = [];
  }

  /** Runs `run` in `delayMs` (whole, at least 0). `id` is whole, below 2^31, and its own among the events of a kind. */
  after(delayMs: number, kind: Kind, id: number, run: () => void): void {
    this.at(this.nowMs + delayMs, kind, id, run);
  }

  /** The same at a time, which is not before now. */
  at(atMs: number, kind: Kind, id: number, run: () => void): void {
    this.add(new Deferred(run), atMs, kind, id);
  }

  /** The same for an event of its own class; it must not be waiting already. */
  add(event: Event, atMs: number, kind: Kind, id: number): void {
    event.atMs = atMs;
    event.rank = RANK[kind];
    event.id = id;
    event.seq = ++this.seq;
    const { heap } = this;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = event;
  }

  /** A timer of a client: not part of the world that is replayed. */
  later(delayMs: number, run: () => void): void {
    this.after(delayMs, 'client', this.seq, run);
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

  /** The event at hand does something: it is a step. */
  mark(kind: Kind, id: number): void {
    this.prints?.push(0);
    this.steps++;
    this.record(RANK[kind], id, 0);
  }

  /** Adds something that happened to the hash; whole numbers, of which the lower 32 bits count. */
  record(code: number, a: number, b: number): void {
    const { buffer } = this;
    const at = this.buffered * RECORD_NUMBERS;
    buffer[at] = this.nowMs;
    buffer[at + 1] = code;
    buffer[at + 2] = a;
    buffer[at + 3] = b;
    if (this.prints !== null) this.mix(at);
    if (++this.buffered === BUFFERED) this.flush();
  }

  private mix(at: number): void {
    const { prints, buffer } = this;
    let mixed = this.mixed;
    for (let i = at; i < at + RECORD_NUMBERS; i++) mixed = Math.imul(mixed ^ buffer[i]!, 0x01000193) ^ (mixed >>> 15);
    this.mixed = mixed;
    if (prints !== null && prints.length > 0) prints[prints.length - 1] = mixed >>> 0;
  }

  private flush(): void {
    this.sha.update(new Uint8Array(this.buffer.buffer, 0, this.buffered * RECORD_NUMBERS * 4));
    this.buffered = 0;
  }

  /** SHA-256 over everything that happened, in hex; ends the recording. */
  digest(): string {
    this.flush();
    return this.sha.digest('hex');
  }
}

function before(a: Event, b: Event): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  if (a.rank !== b.rank) return a.rank < b.rank;
  return a.id !== b.id ? a.id < b.id : a.seq < b.seq;
}
