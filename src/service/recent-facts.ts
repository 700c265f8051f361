import type { MessageFact } from '../core/facts.ts';
import type { Message } from '../core/message.ts';
import { cursorAt, type Era, type Happened, happened, originOf, type Past, type PastAsk } from '../ports/past.ts';

export type { Happened } from '../ports/past.ts';

/** Facts are missing here: of one shard that somebody else may have gone on with, or because they are no longer remembered. */
export interface Gap {
  n: number;
  readonly fact: 'gap';
  readonly atMs: number;
  /** Null: of any. */
  readonly shard: number | null;
}
/** What a process decided of somebody's authority, or of somebody's bytes, as its log says it (O3). */
export interface Decision {
  n: number;
  readonly fact: 'decision';
  readonly atMs: number;
  readonly shard: null;
  readonly event: string;
  readonly said: Readonly<Record<string, unknown>>;
}
export type Told = Happened | Gap | Decision;

export const isGap = (told: Told): told is Gap => told.fact === 'gap';
export const isDecision = (told: Told): told is Decision => told.fact === 'decision';

/** What a cursor says, or why it says nothing (any more). */
export type Place = number | 'malformed' | 'gone';

export interface Timeline {
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
  private next: number;
  /** The first that this ever knew of. */
  private readonly begin: number;
  /** Decided, by log: what the append under way holds, and what the next one will. */
  private readonly appended: Happened[][];
  private readonly open: Happened[][];
  /** Of the decision at hand, the first so many. The list is not emptied: it would be made anew for each decision. */
  private readonly noted: Happened[] = [];
  private notedCount = 0;
  /** Whose facts are told here, in order: a cursor of another past says nothing. All before the second is of the first. */
  private eras: Era[];

  /** `past`: what was told before, where that outlives a process. */
  constructor(capacity: number, logs: number, past: Past | null = null) {
    this.ring = new Array(capacity);
    this.eras = [...(past?.eras ?? [])];
    this.begin = past === null ? 1 : past.last + 1 - past.facts.length;
    this.next = this.begin;
    for (const told of past?.facts ?? []) this.push(told);
    this.appended = Array.from({ length: logs }, () => []);
    this.open = Array.from({ length: logs }, () => []);
  }

  /** The process started at this time, in ms. */
  began(startedMs: number): void {
    this.eras.push({ origin: originOf(startedMs), from: this.next });
  }

  // ---- on their way

  /** Another decision: what is noted of one that came to nothing is forgotten. */
  deciding(): void {
    this.notedCount = 0;
  }

  note(fact: MessageFact, message: Message, shard: number): void {
    this.noted[this.notedCount++] = happened(fact, message, shard);
  }

  /** All of it goes into the next append of this log. */
  decided(log: number): void {
    const open = this.open[log];
    if (open !== undefined) for (let i = 0; i < this.notedCount; i++) open.push(this.noted[i] as Happened);
    this.notedCount = 0;
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

  /** What rests on no append: it is told at once. */
  decide(decision: Omit<Decision, 'n' | 'fact' | 'shard'>): void {
    this.push({ n: 0, fact: 'decision', shard: null, ...decision });
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
    return Math.max(this.begin, this.next - this.ring.length);
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
      if (isDecision(told) || told.msgId !== msgId) continue;
      facts.push(told);
      if (told.fact === 'sent') return { facts: facts.reverse(), isComplete: true, from: told };
    }
    return { facts: facts.reverse(), isComplete: false, from: { n: this.first } };
  }

  // ---- cursors

  /** By what cursors name this process. */
  get originName(): string {
    return this.eras.at(-1)?.origin ?? '0';
  }

  /** What is told after it begins with the fact of the next number. */
  cursorOf(n: number): string {
    return cursorAt(this.eraOf(n)?.origin ?? '0', n);
  }

  /** The one whose fact it is. */
  private eraOf(n: number): Era | undefined {
    return this.eras.findLast(({ from }) => from <= n) ?? this.eras[0];
  }

  /** The number that a cursor says. */
  placeOf(cursor: string): Place {
    const match = CURSOR.exec(cursor);
    if (match === null) return 'malformed';
    const at = this.eras.findLastIndex(({ origin }) => origin === match[1]);
    const n = Number(match[2]);
    const after = this.eras[at + 1];
    // One that went further than is told here is of another past: of what was restored from a backup, for one.
    if (at < 0 || (after !== undefined && n >= after.from)) return 'gone';
    if (n > this.last) return 'malformed';
    return n + 1 < this.first ? 'gone' : n;
  }

  /** What to ask of the past for a cursor of what is not remembered; null where it cannot be part of it. */
  askedBy(cursor: string): Pick<PastAsk, 'after' | 'origin'> | null {
    const [, name = '', digits] = CURSOR.exec(cursor) ?? [];
    const after = Number(digits);
    const at = this.eras.findLastIndex(({ origin }) => origin === name);
    if (at < 0) return { after, origin: name };
    const next = this.eras[at + 1];
    return next === undefined || after < next.from ? { after, origin: null } : null;
  }

  /** Processes of before those that are known. */
  knew(eras: readonly Era[]): void {
    const [oldest] = this.eras;
    const at = eras.findIndex(({ origin }) => origin === oldest?.origin);
    const before =
      at < 0 ? eras.filter(({ from }) => oldest === undefined || from < oldest.from) : eras.slice(0, at + 1);
    if (before.length > 0) this.eras = [...before, ...this.eras.slice(at < 0 ? 0 : 1)];
  }
}
