import { cursorAt, type Era, type Happened, type PastAsk, type PastStep } from '../ports/past.ts';
import type { StorageReader } from '../ports/storage.ts';
import { withHistory } from './kept-history.ts';
import { type RecoverOptions, recovering } from './recover.ts';
import type { Replica } from './replica.ts';
import type { ServedEnd } from './shard-images.ts';

/** Facts that one step tells. */
const TOLD_MAX = 256;
/** It says how far it has come after so many that nobody asked for. */
const LOOKED_MAX = 65_536;

/**
 * What is asked for of the past, step by step, up to a place in the log that is durable: everything that is kept is replayed by the code
 * that recovers, from its beginning, so that each fact is told with what it made of its message. Payloads are left out.
 */
export function* pastSteps(
  source: StorageReader,
  ask: PastAsk,
  { segment, at }: Pick<ServedEnd, 'segment' | 'at'>,
  options: Pick<RecoverOptions, 'hash' | 'payloadHashOf'>,
): Generator<PastStep> {
  const search = new Search(ask);
  const pieces = recovering(withHistory(source), {
    ...options,
    ...{ oldest: true, isLean: true, withoutPayloads: true, end: { segment, at } },
    begun: (replica) => search.begin(replica),
    told: (fact) => search.take(fact),
  });
  for (;;) {
    const next = pieces.next();
    yield* search.steps(next.done === true);
    if (search.isOver) return;
    if (next.done === true) {
      const found = next.value;
      if (found.kind === 'refused') yield { step: 'failed', why: `${found.file} at ${found.at}: ${found.why}` };
      else yield* search.end();
      return;
    }
  }
}

class Search {
  isOver = false;
  private readonly ask: PastAsk;
  private replica: Replica | null = null;
  /** The number of the fact before the first one. */
  private before = 0;
  private last = 0;
  private toldTo = 0;
  private isBegun = false;
  private found: Happened[] = [];

  constructor(ask: PastAsk) {
    this.ask = ask;
  }

  begin(replica: Replica): void {
    this.replica = replica;
    this.before = replica.past.last;
    this.last = this.before;
  }

  take(fact: Happened): void {
    const { after, topic, prefix, msgId } = this.ask;
    this.last = fact.n;
    if (after !== null && fact.n <= after) return;
    if (msgId !== null && fact.msgId !== msgId) return;
    if (topic === null ? fact.topic.startsWith(prefix) : fact.topic === topic) this.found.push(fact);
  }

  private get eras(): readonly Era[] {
    return this.replica?.past.eras ?? [];
  }

  /** What there is to say by now. */
  *steps(isEnd: boolean): Generator<PastStep> {
    const { ask, last } = this;
    if (this.replica === null) return;
    const after = ask.after ?? this.before;
    if (!this.isBegun) {
      // The process that a cursor names is known once what comes after it is read.
      if (after >= this.before && last <= after && !isEnd) return;
      if (after < this.before || (ask.origin !== null && !this.isOf(ask.origin, after))) return yield* this.gone();
      this.isBegun = true;
      this.toldTo = after;
      yield { step: 'begun', after, eras: this.eras };
    }
    while (this.found.length >= TOLD_MAX) yield this.some(TOLD_MAX);
    if (last - this.toldTo >= LOOKED_MAX) yield this.some(TOLD_MAX);
  }

  /** Whether this process wrote what comes before that place, or began there. */
  private isOf(origin: string, n: number): boolean {
    const at = this.eras.findLastIndex((era) => era.origin === origin);
    const next = this.eras[at + 1];
    return at >= 0 && (next === undefined || n < next.from) && n <= this.last;
  }

  private some(count: number): PastStep {
    const facts = this.found.splice(0, count);
    this.toldTo = this.found.length === 0 ? this.last : (facts.at(-1)?.n ?? this.last);
    return { step: 'facts', facts, last: this.toldTo };
  }

  private *gone(): Generator<PastStep> {
    this.isOver = true;
    yield { step: 'gone', oldest: cursorAt(this.eras[0]?.origin ?? '0', this.before) };
  }

  *end(): Generator<PastStep> {
    if (this.isBegun) while (this.found.length > 0) yield this.some(TOLD_MAX);
    yield { step: 'end', last: this.isBegun ? this.last : this.before };
  }
}
