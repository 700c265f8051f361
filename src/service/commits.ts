import type { Fact } from '../core/facts.ts';
import type { Batch } from '../ports/journal.ts';
import type { ProcessFact } from '../ports/process-facts.ts';
import { type Effects, GroupCommit } from './commit.ts';

/** Called with true when what it waits for is durable, with false when that will never be known. */
type Held = Parameters<GroupCommit['whenDurable']>[0];

/** Which facts go to which log, by its number. */
export interface Logs {
  readonly count: number;
  /** Where those of the process go. */
  readonly own: number;
  of(shard: number): number;
}

/** All shards of a process share one, and the process too. */
export const ONE_LOG: Logs = { count: 1, own: 0, of: () => 0 };

export interface CommitEffects extends Omit<Effects, 'append'> {
  /** Make these facts durable in this log, then call `durable`. At most one append a log is outstanding. */
  append(batches: readonly Batch[], log: number): void;
}

/**
 * One group commit a log. An answer leaves when what it rests on is durable in every log that the input entered (AC1): the logs of other
 * shards hold nobody up.
 */
export class Commits {
  private readonly logs: Logs;
  private readonly effects: CommitEffects;
  private readonly each: GroupCommit[];
  /** The only one, where there is one. */
  private readonly only: GroupCommit | null;
  /** Logs of the shards that the input at hand entered. */
  private readonly entered = new Set<number>();

  constructor(logs: Logs, effects: CommitEffects) {
    this.logs = logs;
    this.effects = effects;
    this.each = Array.from({ length: logs.count }, (_, log) => this.make(log));
    this.only = logs.count === 1 ? (this.each[0] as GroupCommit) : null;
  }

  private make(log: number): GroupCommit {
    const { soon, notes, stamp, append } = this.effects;
    return new GroupCommit({
      append: (batches) => append(batches, log),
      ...(soon === undefined ? {} : { soon }),
      ...(notes === undefined || log !== this.logs.own ? {} : { notes }),
      ...(stamp === undefined ? {} : { stamp }),
    });
  }

  private get own(): GroupCommit {
    return this.each[this.logs.own] as GroupCommit;
  }

  // ---- facts

  add(shard: number, facts: readonly Fact[]): void {
    if (this.only !== null) return this.only.add(shard, facts);
    this.enter(shard);
    this.each[this.logs.of(shard)]?.add(shard, facts);
  }

  note(fact: ProcessFact): void {
    this.own.note(fact);
  }

  // ---- what an answer rests on

  /** Another input: it has entered no shard yet. */
  begin(): void {
    if (this.only === null) this.entered.clear();
  }

  /** The input at hand has seen this shard: what it is told may rest on what is not durable yet. */
  enter(shard: number): void {
    if (this.only === null) this.entered.add(this.logs.of(shard));
  }

  /** Calls `held` once all that the input at hand rests on is durable: at once when it is. */
  whenDurable(held: Held): void {
    if (this.only !== null) this.only.whenDurable(held);
    else
      whenAll(
        [...this.entered].map((log) => this.each[log] as GroupCommit),
        held,
      );
  }

  /** The same for everything decided so far. */
  whenAllDurable(held: Held): void {
    whenAll(this.each, held);
  }

  /** For what was decided in this shard, */
  whenShardDurable(shard: number, held: Held): void {
    this.each[this.logs.of(shard)]?.whenDurable(held);
  }

  /** and for what happened to the process. */
  whenNoted(held: Held): void {
    this.own.whenDurable(held);
  }

  // ---- appends

  pump(): void {
    if (this.only !== null) this.only.pump();
    else for (const commit of this.each) commit.pump();
  }

  pumpNotes(nowMs: number): void {
    this.own.pumpNotes(nowMs);
  }

  stampAlone(): void {
    this.own.stampAlone();
  }

  /** What is stamped goes with something that is being appended, or will be. */
  get isBusy(): boolean {
    return this.own.isBusy;
  }

  durable(log: number): void {
    this.each[log]?.durable();
  }

  /** What is held for this log will never be known to be durable, and what waits to be appended is dropped; it begins anew. */
  giveUp(log: number): void {
    const commit = this.each[log] as GroupCommit;
    this.each[log] = this.make(log);
    commit.fail();
  }

  fail(): void {
    for (const commit of this.each) commit.fail();
  }
}

/** Calls `held` once, when each of them has come to an end: with true when all of it is durable. */
function whenAll(commits: readonly GroupCommit[], held: Held): void {
  if (commits.length === 1) return commits[0]?.whenDurable(held);
  let left = commits.length;
  let all = true;
  if (left === 0) return held(true);
  for (const commit of commits) {
    commit.whenDurable((durable) => {
      all &&= durable;
      if (--left === 0) held(all);
    });
  }
}
