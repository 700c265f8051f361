import type { MessageFact } from '../core/facts.ts';
import type { Message } from '../core/message.ts';
import { type Era, type Happened, happened, originOf, type Past } from '../ports/past.ts';
import type { Told } from '../ports/process-facts.ts';

/** Processes of which cursors are known, at most: one that dies at once, over and over, must not make this long. */
const ERAS_MAX = 1024;

/** Numbers the facts of messages, from the first that any process wrote into the journal on, and remembers the last ones (B10). */
export class History {
  private readonly ring: Happened[] = [];
  private readonly capacity: number;
  /** The numbers of the first one that was seen, and of the last. */
  private first = 1;
  private last = 0;
  private startedMs = 0;
  private eras: Era[] = [];

  private readonly listener: ((fact: Happened) => void) | null;

  /** Remembers so many; whoever listens is told each. */
  constructor(capacity = 0, listener: ((fact: Happened) => void) | null = null) {
    this.capacity = capacity;
    this.listener = listener;
  }

  /** A process began to write. */
  began(atMs: number): void {
    this.startedMs = atMs;
    this.eras.push({ origin: originOf(atMs), from: this.last + 1 });
    if (this.eras.length > ERAS_MAX) this.eras.shift();
  }

  /** A fact, which has made this of its message. */
  fact(fact: MessageFact, message: Message, shard: number): void {
    this.last++;
    if (this.capacity > 0) this.ring[this.last % this.capacity] = happened(fact, message, shard, this.last);
    this.listener?.(happened(fact, message, shard, this.last));
  }

  // ---- snapshots

  /** What a snapshot says of it; null where there is nothing to say. */
  said(): Told | null {
    const { last: facts, startedMs } = this;
    return this.eras.length === 0 ? null : { name: 'told', facts, startedMs };
  }

  /** What a snapshot said: all before it is out of reach. */
  goOn({ facts, startedMs }: Told): void {
    this.first = facts + 1;
    this.last = facts;
    this.began(startedMs);
  }

  past(): Past {
    const { first, last, ring, capacity, eras } = this;
    const facts: Happened[] = [];
    for (let n = Math.max(first, last - capacity + 1); n <= last; n++) facts.push(ring[n % capacity] as Happened);
    return { last, eras, facts };
  }
}
