import type { Clock } from '../ports/clock.ts';
import { FairLine } from './fair-line.ts';
import { VerifierHealth, type Witness } from './verifier-health.ts';

/** Whether a remote verifier vouches for a token, and for how long at most; null when it gave no answer that counts. */
export type Verdict = { readonly valid: boolean; readonly ttlMs?: number } | null;

/** Asks somewhere else. Calls `done` once, in bounded time, whatever happens; `isReached`: somebody answered something. */
export type AskRemote = (token: string, done: (verdict: Verdict, isReached?: boolean) => void) => void;

/** Tokens being asked about at a time. */
export const ASKED_MAX = 32;
/** Who asks, by what is known of the token and of the connection that it came on. */
const VOUCHED = 0;
const NEW = 1;
const DOUBTED = 2;
type Rank = typeof VOUCHED | typeof NEW | typeof DOUBTED;
/** How many of those questions may be of this rank or a lower one: there is always room for a better one. */
const ASKED_OF_RANK = [ASKED_MAX, 24, 12] as const;
/** Questions that may wait of each rank, in all, for one sender and for one of its connections, and for how long. */
export const WAITING_MAX = 2048;
export const WAITING_PER_SOURCE = 1024;
export const WAITING_PER_CONNECTION = 256;
export const WAIT_MS_MAX = 4_000;
/** Tokens remembered as once vouched for. */
const VOUCHED_MAX = 4096;
/** While the verifier is silent: one question a second about what it has vouched for. */
const RETRY_MS = 1000;

/** A connection as the line sees it. */
export interface Asking {
  /** The last question for it was answered with no, or not at all. */
  doubted: boolean;
  /** Nobody is there any more to hear the answer. */
  gone: boolean;
}

/** `askedMs`: when the question was asked, which may be before this one began to wait for its answer. */
type Told = (verdict: Verdict, askedMs: number) => void;

interface Question {
  readonly token: string;
  readonly rank: Rank;
  readonly sinceMs: number;
  askedMs: number;
  isAsked: boolean;
  isOver: boolean;
  readonly waiting: { readonly connection: Asking; readonly told: Told }[];
}

/**
 * The line at a remote verifier (B8): one question a token however many wait for the answer, bounded, fair between senders and
 * between the connections of each. What was vouched for before goes first, and connections that have failed go last: a flood of
 * forged tokens slows itself (AU5). Sans-I/O: `ask` does the asking.
 */
export class RemoteVerifier {
  private readonly ask: AskRemote;
  private readonly clock: Clock;
  private readonly health: VerifierHealth;
  private readonly open = new Map<string, Question>();
  private readonly lines = [new FairLine<Question>(), new FairLine<Question>(), new FairLine<Question>()] as const;
  /** Questions at the verifier, by rank. */
  private readonly asked: [number, number, number] = [0, 0, 0];
  private readonly vouched = new Map<string, true>();
  private misses = 0;
  private retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(ask: AskRemote, clock: Clock, nobodys: string) {
    this.ask = ask;
    this.clock = clock;
    this.health = new VerifierHealth(nobodys);
  }

  /** BD3: sends are refused while this is false. */
  get healthy(): boolean {
    return this.health.isHealthy;
  }

  get openCount(): number {
    return this.open.size;
  }

  /** Asks about a token; `told` is called once unless the answer is `crowded`, null meaning that nobody can tell. */
  verify(token: string, source: string, connection: Asking, told: Told): 'asked' | 'crowded' {
    const nowMs = this.clock.nowMs();
    const waiting = { connection, told };
    const joined = this.open.get(token);
    if (joined !== undefined) {
      joined.waiting.push(waiting);
      return 'asked';
    }
    const rank = this.vouched.has(token) ? VOUCHED : connection.doubted ? DOUBTED : NEW;
    if (this.health.isSilent && !this.mayRetry(rank, nowMs)) {
      told(null, nowMs);
      return 'asked';
    }
    const line = this.lines[rank];
    const isFlooding = line.lengthOf(source, connection) >= WAITING_PER_CONNECTION;
    // Only who has failed, and sends far too much itself, is told so.
    if (isFlooding && rank === DOUBTED) return 'crowded';
    if (isFlooding || line.size >= WAITING_MAX || line.sizeOf(source) >= WAITING_PER_SOURCE) {
      told(null, nowMs);
      return 'asked';
    }
    const times = { sinceMs: nowMs, askedMs: nowMs };
    const question: Question = { token, rank, ...times, isAsked: false, isOver: false, waiting: [waiting] };
    this.open.set(token, question);
    line.add(source, connection, question);
    this.pump();
    return 'asked';
  }

  private mayRetry(rank: Rank, nowMs: number): boolean {
    if (rank !== VOUCHED || nowMs < this.retryAtMs) return false;
    this.retryAtMs = nowMs + RETRY_MS;
    return true;
  }

  /** Asks whatever may be asked now. */
  private pump(): void {
    for (const rank of [VOUCHED, NEW, DOUBTED] as const) {
      while (this.hasRoom(rank)) {
        const question = this.lines[rank].take();
        if (question === undefined) break;
        if (question.isOver) continue;
        if (question.waiting.every(({ connection }) => connection.gone)) this.finish(question, null);
        else this.send(question);
      }
    }
  }

  private hasRoom(rank: Rank): boolean {
    const [vouched, fresh, doubted] = this.asked;
    if (vouched + fresh + doubted >= ASKED_OF_RANK[VOUCHED]) return false;
    if (rank >= NEW && fresh + doubted >= ASKED_OF_RANK[NEW]) return false;
    return rank < DOUBTED || doubted < ASKED_OF_RANK[DOUBTED];
  }

  private send(question: Question): void {
    const { token, rank } = question;
    question.isAsked = true;
    question.askedMs = this.clock.nowMs();
    this.asked[rank]++;
    this.ask(token, (verdict) => {
      this.asked[rank]--;
      if (verdict === null) this.misses++;
      else {
        this.misses = 0;
        this.health.answered();
        this.remember(token, verdict.valid);
      }
      for (const { connection } of question.waiting) connection.doubted = verdict?.valid !== true;
      this.finish(question, verdict);
      this.pump();
    });
  }

  private remember(token: string, isValid: boolean): void {
    this.vouched.delete(token);
    if (!isValid) return;
    this.vouched.set(token, true);
    if (this.vouched.size > VOUCHED_MAX) this.vouched.delete(this.vouched.keys().next().value as string);
  }

  private finish(question: Question, verdict: Verdict): void {
    question.isOver = true;
    this.open.delete(question.token);
    for (const { told } of question.waiting) told(verdict, question.askedMs);
  }

  /** A capability that the verifier has vouched for: its health is judged by such. */
  witness(witness: Witness): void {
    this.health.vouched(witness);
  }

  /** When `tick` is next needed; Infinity for never. */
  nextWakeMs(): number {
    const dueMs = this.health.nextWakeMs(this.misses > 0);
    for (const question of this.open.values()) {
      if (!question.isAsked) return Math.min(dueMs, question.sinceMs + WAIT_MS_MAX);
    }
    return dueMs;
  }

  /** Ends what has waited for too long to be asked, and looks after the health of a verifier that left something unanswered. */
  tick(nowMs: number): void {
    for (const question of this.open.values()) {
      if (question.isAsked) continue;
      if (question.sinceMs + WAIT_MS_MAX > nowMs) break;
      this.finish(question, null);
    }
    this.health.tick(nowMs, this.misses > 0, (token, done) =>
      this.ask(token, (verdict, isReached = verdict !== null) => {
        done(verdict !== null, isReached);
        if (this.health.isHealthy && (verdict !== null || isReached)) this.misses = 0;
      }),
    );
  }
}
