import type { State } from '../../spec/vocabulary.ts';
import type { MessageFact } from '../core/facts.ts';
import type { Message } from '../core/message.ts';

/** A fact as it is told to whoever looks: what became of a message and why, without its payload and without any receipt. */
export interface Happened {
  /** Its place in the order of all facts of the process. */
  n: number;
  readonly fact: MessageFact['name'];
  readonly atMs: number;
  readonly shard: number;
  readonly topic: string;
  readonly msgId: string;
  readonly idemKey: string;
  readonly corrId: string;
  readonly payloadHash: string;
  /** What the fact made of the message. */
  readonly state: State;
  readonly attempt: number;
  readonly epoch: number;
  /** Why it is a dead letter, or was purged. */
  readonly reason: string | null;
  readonly lastError: string | null;
  /** Until when its lease is, or before when it is not given out; null where neither is said. */
  readonly untilMs: number | null;
}

/** Facts are missing here: of one shard that somebody else may have gone on with, or because they are no longer remembered. */
export interface Gap {
  n: number;
  readonly fact: 'gap';
  readonly atMs: number;
  /** Null: of any. */
  readonly shard: number | null;
}
export type Told = Happened | Gap;

export const isGap = (told: Told): told is Gap => told.fact === 'gap';

/** What a cursor says, or why it says nothing (any more). */
export type Place = number | 'malformed' | 'gone';

interface Timeline {
  readonly facts: readonly Happened[];
  readonly isComplete: boolean;
  readonly from: { readonly n: number };
}

const CURSOR = /^([0-9a-z]{1,12})-(0|[1-9][0-9]{0,15})$/;

/**
 * The last facts that became durable, in order, as many as the setting says: a bounded memory that knows how far back it goes. A fact is
 * noted when it is decided and told once its append is durable; what is not, is not told.
 */
export class RecentFacts {
  private readonly ring: (Told | undefined)[];
  private next = 1;
  /** Decided, by log: what the append under way holds, and what the next one will. */
  private readonly appended: Happened[][];
  private readonly open: Happened[][];
  private noted: Happened[] = [];
  /** Names the process in cursors: those of another one say nothing here. */
  private origin = '0';

  constructor(capacity: number, logs: number) {
    this.ring = new Array(capacity);
    this.appended = Array.from({ length: logs }, () => []);
    this.open = Array.from({ length: logs }, () => []);
  }

  /** The process began at this time of the wall clock. */
  began(wallMs: number): void {
    this.origin = Math.max(0, Math.floor(wallMs)).toString(36);
  }

  // ---- on their way

  /** Another decision: what is noted of one that came to nothing is forgotten. */
  deciding(): void {
    this.noted = [];
  }

  note(fact: MessageFact, message: Message, shard: number): void {
    this.noted.push(happened(fact, message, shard));
  }

  /** All of it goes into the next append of this log. */
  decided(log: number): void {
    this.open[log]?.push(...this.noted);
    this.noted = [];
  }

  /** An append of this log begins. */
  flushed(log: number): void {
    this.appended[log] = this.open[log] ?? [];
    this.open[log] = [];
  }

  /** It is durable. */
  durable(log: number): void {
    for (const told of this.appended[log] ?? []) this.push(told);
    this.appended[log] = [];
  }

  /** Nobody will ever know whether it is. */
  dropped(log: number): void {
    this.appended[log] = [];
    this.open[log] = [];
  }

  /** Somebody else may have gone on with the shard. */
  missed(shard: number, atMs: number): void {
    this.push({ n: 0, fact: 'gap', atMs, shard });
  }

  private push(told: Told): void {
    told.n = this.next++;
    this.ring[told.n % this.ring.length] = told;
  }

  // ---- what there is

  /** The number of the last one; 0 before any. */
  get last(): number {
    return this.next - 1;
  }

  /** The oldest that is remembered. */
  get first(): number {
    return Math.max(1, this.next - this.ring.length);
  }

  at(n: number): Told {
    return this.ring[n % this.ring.length] as Told;
  }

  /**
   * What happened to a message, oldest first, and from which fact on that is all. Looks at each remembered fact once at most, those of
   * this log that are not durable yet among them: they have no number before they are, and nobody may be told of them before.
   */
  of(msgId: string, shard: number, log: number): Timeline {
    const facts: Happened[] = [];
    for (const told of [...(this.appended[log] ?? []), ...(this.open[log] ?? [])].reverse()) {
      if (told.msgId !== msgId) continue;
      facts.push(told);
      if (told.fact === 'sent') return { facts: facts.reverse(), isComplete: true, from: told };
    }
    for (let n = this.last; n >= this.first; n--) {
      const told = this.at(n);
      if (isGap(told)) {
        if (told.shard === shard) return { facts: facts.reverse(), isComplete: false, from: { n } };
        continue;
      }
      if (told.msgId !== msgId) continue;
      facts.push(told);
      if (told.fact === 'sent') return { facts: facts.reverse(), isComplete: true, from: told };
    }
    return { facts: facts.reverse(), isComplete: false, from: { n: this.first } };
  }

  // ---- cursors

  /** As cursors name it. */
  get originName(): string {
    return this.origin;
  }

  /** What is told after it begins with the fact of the next number. */
  cursorOf(n: number): string {
    return `${this.origin}-${n}`;
  }

  /** The number that a cursor says. */
  placeOf(cursor: string): Place {
    const match = CURSOR.exec(cursor);
    if (match === null) return 'malformed';
    if (match[1] !== this.origin) return 'gone';
    const n = Number(match[2]);
    if (n > this.last) return 'malformed';
    return n + 1 < this.first ? 'gone' : n;
  }
}

function happened(fact: MessageFact, message: Message, shard: number): Happened {
  const ended = fact.name === 'purged' ? fact.reason : 'reason' in fact ? fact.reason : null;
  return {
    n: 0,
    fact: fact.name,
    atMs: fact.atMs,
    shard,
    topic: message.topic.name,
    msgId: message.msgId,
    idemKey: message.idemKey,
    corrId: message.corrId,
    payloadHash: message.payloadHash,
    state: message.state,
    attempt: message.attempt,
    epoch: message.epoch,
    reason: ended,
    lastError: 'lastError' in fact ? fact.lastError : null,
    untilMs: untilOf(fact),
  };
}

function untilOf(fact: MessageFact): number | null {
  if (fact.name === 'received' || fact.name === 'extended') return fact.atMs + fact.visibilityMs;
  return 'notBeforeMs' in fact && fact.notBeforeMs > fact.atMs ? fact.notBeforeMs : null;
}
