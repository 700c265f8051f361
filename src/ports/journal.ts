import type { Fact } from '../core/facts.ts';
import type { Limits } from '../core/limits.ts';
import type { ShardState } from '../core/state.ts';
import type { Past, PastReader } from './past.ts';
import type { Clocks, ProcessFact } from './process-facts.ts';

/** The facts of one decision, which stay together; shard null for those of the process. */
export type Batch =
  | { readonly shard: number; readonly facts: readonly Fact[] }
  | { readonly shard: null; readonly facts: readonly ProcessFact[] };

/** How an append ends, of everything it was to say. */
export type AppendEnd =
  /** All of it is there, and stays. */
  | { readonly end: 'durable' }
  /** Nothing of it is there: somebody else has written where it was to go. */
  | { readonly end: 'refused' }
  /** It is there, or will be, or never will: only reading again tells. */
  | { readonly end: 'unknown'; readonly error: Error }
  /** The log takes nothing more of this claim, and nobody knows how much of this it took. */
  | { readonly end: 'failed'; readonly error: Error };

/** What reading again finds where the last append was to go. */
export type Found =
  /** Nothing: it may be appended again. */
  | 'absent'
  /** The very append. That it can be seen does not make it durable yet; that an append after it is does. */
  | 'present'
  /** What somebody else wrote. */
  | 'foreign'
  /** What was said to be durable before it is gone, or is something else. */
  | 'lost';

/** What is wanting in a backend, so that sends are to be refused (journal rule 5). */
export type Lack = 'disk_space' | 'descriptors' | 'system_memory';
export type Condition = Lack | 'engine' | 'engine_unreplicated';

/** One sequence of appends, of one term. One append is outstanding at a time. */
export interface Log {
  /** Which one, from 0 on; shards that share a log share its number. */
  readonly number: number;
  /** One more than that of the owner before; null where nothing outlives a process. */
  readonly term: number | null;
  /**
   * What is not answered within so many ms has ended as `unknown`. Infinity where an answer always comes, however long it takes: a
   * full disk makes an append wait for room.
   */
  readonly answersWithinMs: number;
  /** Calls `done` once, now or later. An append of nothing is one too: what is durable before it is so for good after it. */
  append(batches: readonly Batch[], done: (end: AppendEnd) => void): void;
  /** Only after an append that ended as `unknown` or `refused`. Calls `done` once, with an error where it could not read. */
  readAgain(done: (found: Found | Error) => void): void;
}

/** A shard that is ours to serve, until it is released or its log ends. */
export interface Claim {
  readonly shard: number;
  /** Where its facts go. */
  readonly log: Log;
  /** What all that was durable when it was claimed comes to; whoever claims it has it for itself. */
  readonly state: ShardState;
  /** Has what is durable by now said in short, so that the next replay is shorter. Calls `done` once. */
  snapshot(done: (error: Error | null) => void): void;
  /** It is served no more: nothing of it may be under way. It can be claimed again, by anybody. */
  release(): void;
}

/**
 * Why a shard is not ours: somebody has it, until so many ms from now at least; or it cannot be read; or it is for somebody else to have,
 * and `wanted` says when it is worth asking again.
 */
export interface Unclaimed {
  readonly shard: number;
  readonly why: 'held' | 'unreadable' | 'elsewhere';
  readonly error: Error;
}

/** Why a shard cannot be had, in words of our own: nothing of a message and no secret is in them, so that a log may say it (I2). */
export class Unreadable extends Error {}

export const isClaim = (result: Claim | Unclaimed): result is Claim => 'log' in result;

/** What a journal knew when it was opened. */
export interface Contents {
  /** Null where nobody has written anything yet. */
  readonly limits: Limits | null;
  /** Revocations and quota windows of before. */
  readonly processFacts: readonly ProcessFact[];
  /** What the clocks showed when they were last written down; null where no process ran before. */
  readonly clocks: Clocks | null;
  /** A secret that lasts as long as what is kept: topics are spread over the shards with it (BD5). Null or none: without. */
  readonly topicKey?: Uint8Array | null;
  /** What was told before, where all that is told goes into one log and outlives the process. Null or none: nothing. */
  readonly past?: Past | null;
}

/**
 * What a process keeps things in, opened. A start claims all shards of it, a shard that fell is claimed again, and a takeover claims one.
 * What fails does so for a claim or a log; only that of the process itself takes the process with it.
 */
export interface JournalBackend {
  readonly contents: Contents;
  readonly shards: number;
  readonly logs: number;
  /** Where the facts of a shard go, by number. */
  logOf(shard: number): number;
  /** Where the facts of the process go: its term is that of the process. */
  readonly processLog: Log;
  /**
   * Replays the shard, a while at a time where that may take long, and calls `done` once, now or later. Under `limits` until facts say
   * otherwise. Nothing of the shard may be under way.
   */
  claim(shard: number, limits: Limits, done: (result: Claim | Unclaimed) => void): void;
  /**
   * Shards that were ours and are not any more, for their time is over; each is named once. Asked before anything is answered. Without it
   * what is claimed stays so.
   */
  lapsed?(): readonly number[];
  /** Reads what happened before what `contents.past` has. Null or none: nobody can. */
  readonly past?: PastReader | null;
  /** Shards that are worth claiming now, where shards come and go: named again and again until they are ours or somebody else's. */
  wanted?(): readonly number[];
  /** Shards of ours that somebody else is to have; each is named once. */
  unwanted?(): readonly number[];
  /** What is wanting; null when nothing is. Whoever opened it is told when that changes. */
  readonly condition: Condition | null;
  /** Goes on with what waits, and asks again for what is wanting: to be called about once a second while there is anything of that. */
  tick(nowMs: number): void;
}
