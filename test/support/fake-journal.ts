import { apply } from '../../src/core/apply.ts';
import type { Limits } from '../../src/core/limits.ts';
import { ShardState } from '../../src/core/state.ts';
import type {
  AppendEnd,
  Batch,
  Claim,
  Condition,
  Contents,
  Found,
  JournalBackend,
  Log,
  Unclaimed,
} from '../../src/ports/journal.ts';
import type { Clocks, ProcessFact } from '../../src/ports/process-facts.ts';

/** What was written by one append. */
interface Entry {
  readonly term: number;
  readonly batches: readonly Batch[];
}

/** A shared engine: one log a shard, and the last for the processes. It takes an entry only behind the one its writer knows as the last. */
export class FakeEngine {
  readonly logs: Entry[][];
  /** Who has which shard. */
  readonly holders: (FakeJournal | null)[];

  constructor(shards: number) {
    this.logs = Array.from({ length: shards + 1 }, () => []);
    this.holders = Array.from({ length: shards }, () => null);
  }

  get processLog(): number {
    return this.logs.length - 1;
  }

  /** Somebody else writes here, as an owner of a later term. */
  usurp(log: number): void {
    const entries = this.logs[log] as Entry[];
    entries.push({ term: (entries.at(-1)?.term ?? 0) + 1, batches: [] });
  }

  termAfter(log: number): number {
    return (this.logs[log]?.at(-1)?.term ?? 0) + 1;
  }
}

/** One append as it reaches the engine: the test decides what becomes of it, and what is said of it. */
export interface Arrived {
  readonly log: number;
  readonly batches: readonly Batch[];
  /** It is written, unless it would not go where its writer thinks: as an honest engine does. */
  take(): AppendEnd;
  answer(end: AppendEnd): void;
}

const DURABLE: AppendEnd = { end: 'durable' };
const REFUSED: AppendEnd = { end: 'refused' };
export const unknown = (why = 'the connection is gone'): AppendEnd => ({ end: 'unknown', error: new Error(why) });
export const failed = (why = 'disk'): AppendEnd => ({ end: 'failed', error: new Error(why) });

/** A backend over such an engine, in which everything can go wrong that can with a real one. */
export class FakeJournal implements JournalBackend {
  readonly shards: number;
  readonly logs: number;
  readonly contents: Contents;
  readonly processLog: FakeLog;
  condition: Condition | null = null;
  ticks = 0;
  answersWithinMs = 1000;
  /** What becomes of appends; without it they are taken and answered at once. */
  onAppend: ((arrived: Arrived) => void) | null = null;
  /** What is said when somebody reads again; without it what is there, at once. */
  onRead: ((log: FakeLog, done: (found: Found | Error) => void) => void) | null = null;
  /** Why a claim is not granted; null where nothing speaks against it. */
  onClaim: ((shard: number) => Omit<Unclaimed, 'shard'> | null) | null = null;
  /** Shards whose time is over. */
  over: number[] = [];
  readonly engine: FakeEngine;

  constructor(engine: FakeEngine) {
    this.engine = engine;
    this.logs = engine.logs.length;
    this.shards = this.logs - 1;
    this.contents = contentsOf(engine);
    this.processLog = new FakeLog(this, engine.processLog);
  }

  logOf(shard: number): number {
    return shard;
  }

  tick(): void {
    this.ticks++;
  }

  lapsed(): readonly number[] {
    return this.over.splice(0);
  }

  claim(shard: number, limits: Limits, done: (result: Claim | Unclaimed) => void): void {
    const { engine } = this;
    const refusal = this.onClaim?.(shard) ?? null;
    if (refusal !== null) return done({ shard, ...refusal });
    if (engine.holders[shard] !== null) return done({ shard, why: 'held', error: new Error(`shard ${shard} is held`) });
    engine.holders[shard] = this;
    const state = new ShardState(shard, limits);
    for (const { batches } of engine.logs[shard] as Entry[]) {
      for (const batch of batches) if (batch.shard !== null) for (const fact of batch.facts) apply(state, fact);
    }
    let isReleased = false;
    done({
      shard,
      state,
      log: new FakeLog(this, shard),
      snapshot: (taken) => taken(null),
      release: () => {
        if (!isReleased && engine.holders[shard] === this) engine.holders[shard] = null;
        isReleased = true;
      },
    });
  }

  /** The process is gone: what it had is free. */
  close(): void {
    for (const [shard, holder] of this.engine.holders.entries()) if (holder === this) this.engine.holders[shard] = null;
  }
}

/** A log as one owner knows it. */
export class FakeLog implements Log {
  readonly number: number;
  readonly term: number;
  private readonly journal: FakeJournal;
  /** What is durable as far as this owner was told. */
  private readonly known: Entry[];
  private last: Entry | null = null;

  constructor(journal: FakeJournal, number: number) {
    this.journal = journal;
    this.number = number;
    this.term = journal.engine.termAfter(number);
    this.known = [...this.entries];
  }

  private get entries(): Entry[] {
    return this.journal.engine.logs[this.number] as Entry[];
  }

  get answersWithinMs(): number {
    return this.journal.answersWithinMs;
  }

  append(batches: readonly Batch[], done: (end: AppendEnd) => void): void {
    const shard = this.number === this.journal.engine.processLog ? null : this.number;
    const isOurs = (batch: Batch): boolean => batch.shard === null || batch.shard === shard;
    if (!batches.every(isOurs)) throw new Error('journal: facts of another shard');
    if (shard !== null && this.journal.engine.holders[shard] !== this.journal)
      throw new Error(`journal: shard ${shard} is not claimed`);
    const entry: Entry = { term: this.term, batches };
    this.last = entry;
    const behind = this.known.length;
    const arrived: Arrived = {
      log: this.number,
      batches,
      take: () => this.take(entry, behind),
      answer: (end) => {
        // What is answered when it was sent again already moves nothing.
        if (end.end === 'durable' && this.last === entry && this.known.length === behind) this.known.push(entry);
        done(end);
      },
    };
    if (this.journal.onAppend === null) arrived.answer(arrived.take());
    else this.journal.onAppend(arrived);
  }

  /** Only behind what its writer knew as the last when it sent this. */
  private take(entry: Entry, behind: number): AppendEnd {
    const isNext = this.entries.length === behind && this.entries.at(-1) === this.known[behind - 1];
    if (!isNext) return REFUSED;
    this.entries.push(entry);
    return DURABLE;
  }

  readAgain(done: (found: Found | Error) => void): void {
    if (this.journal.onRead !== null) return this.journal.onRead(this, done);
    done(this.find());
  }

  find(): Found {
    const { entries, known } = this;
    if (known.some((entry, at) => entries[at] !== entry)) return 'lost';
    const next = entries[known.length];
    if (next === undefined) return 'absent';
    // What is sent again is the same append.
    if (next.term !== this.term || next.batches !== this.last?.batches) return 'foreign';
    known.push(next);
    return 'present';
  }
}

function contentsOf({ logs, processLog }: FakeEngine): Contents {
  const facts = (logs[processLog] as Entry[]).flatMap(({ batches }) =>
    batches.flatMap((batch): readonly ProcessFact[] => (batch.shard === null ? batch.facts : [])),
  );
  let limits: Limits | null = null;
  let clocks: Clocks | null = null;
  const remembered = new Map<string, ProcessFact>();
  for (const fact of facts) {
    if (fact.name === 'started' || fact.name === 'limited') limits = fact.limits;
    else if (fact.name === 'clocks') clocks = fact;
    else if ('value' in fact) remembered.set(JSON.stringify([fact.name, fact.value]), fact);
    else if ('nonce' in fact) remembered.set(JSON.stringify([fact.name, fact.nonce]), fact);
  }
  return { limits, clocks, processFacts: [...remembered.values()] };
}
