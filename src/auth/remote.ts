/** Whether a remote verifier vouches for a token, and for how long at most; null when it gave no answer that counts. */
export type Verdict = { readonly valid: boolean; readonly ttlMs?: number } | null;

/** Asks somewhere else. Calls `done` once, in bounded time, whatever happens. */
export type AskRemote = (token: string, done: (verdict: Verdict) => void) => void;

/** Tokens being asked about at a time, in all and for one sender: a flood of its own does not fill the line (AU5). */
export const ASKED_MAX = 256;
export const ASKED_PER_SOURCE = 8;
/** Answers missing in a row that make the verifier unhealthy; one answer makes it healthy again. */
const MISSES_MAX = 3;
/** An unhealthy verifier is asked this often. */
const PROBE_MS = 1000;

/** `askedMs`: when the question was asked, which may be before this one began to wait for its answer. */
type Waiting = (verdict: Verdict, askedMs: number) => void;

interface Question {
  readonly askedMs: number;
  readonly waiting: Waiting[];
}

/**
 * The line at a remote verifier (B8): one question a token however many wait for the answer, bounded in all and by sender,
 * and cut short while the verifier does not answer. Sans-I/O: `ask` does the asking.
 */
export class RemoteVerifier {
  private readonly ask: AskRemote;
  private readonly open = new Map<string, Question>();
  private readonly bySource = new Map<string, number>();
  private misses = 0;
  private probeAtMs = Number.NEGATIVE_INFINITY;

  constructor(ask: AskRemote) {
    this.ask = ask;
  }

  /** BD3: sends are refused while this is false. */
  get healthy(): boolean {
    return this.misses < MISSES_MAX;
  }

  get openCount(): number {
    return this.open.size;
  }

  /** Asks about a token; `waiting` is called once unless the answer is `crowded`, null meaning that nobody can tell. */
  verify(token: string, source: string, nowMs: number, waiting: Waiting): 'asked' | 'crowded' {
    const asked = this.open.get(token);
    if (asked !== undefined) {
      asked.waiting.push(waiting);
      return 'asked';
    }
    const mine = this.bySource.get(source) ?? 0;
    if (mine >= ASKED_PER_SOURCE) return 'crowded';
    if (this.open.size >= ASKED_MAX || !this.mayAsk(nowMs)) {
      waiting(null, nowMs);
      return 'asked';
    }
    this.bySource.set(source, mine + 1);
    const question: Question = { askedMs: nowMs, waiting: [waiting] };
    this.open.set(token, question);
    this.ask(token, (verdict) => {
      const left = (this.bySource.get(source) ?? 1) - 1;
      if (left === 0) this.bySource.delete(source);
      else this.bySource.set(source, left);
      this.misses = verdict === null ? this.misses + 1 : 0;
      this.open.delete(token);
      for (const one of question.waiting) one(verdict, question.askedMs);
    });
    return 'asked';
  }

  /** While unhealthy: one question a second, so that it is noticed when the verifier is back. */
  private mayAsk(nowMs: number): boolean {
    if (this.healthy) return true;
    if (nowMs < this.probeAtMs) return false;
    this.probeAtMs = nowMs + PROBE_MS;
    return true;
  }

  /** Asks an unhealthy verifier about a token that is nobody's: writers that stay away could not tell that it is back. */
  probe(token: string, nowMs: number): void {
    if (!this.healthy) this.verify(token, 'probe', nowMs, () => {});
  }
}
