import type { MessageFact } from '../core/facts.ts';
import type { Message } from '../core/message.ts';

/** A fact as it is told to whoever looks: what became of a message and why, without its payload and without any receipt. */
export interface Happened {
  /** Its number in the order of all facts of messages; 0 until it is durable. */
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
  readonly state: Message['state'];
  readonly attempt: number;
  readonly epoch: number;
  /** Why it is a dead letter, or was purged. */
  readonly reason: string | null;
  readonly lastError: string | null;
  /** Until when its lease is, or before when it is not given out; null where neither is said. */
  readonly untilMs: number | null;
}

/** A process that wrote facts: cursors name it, so that a cursor says nothing where another past is told. */
export interface Era {
  /** From the time at which it started. */
  readonly origin: string;
  /** The number of the first fact that is known to be its own. */
  readonly from: number;
}

/** What was told before, as far back as whoever opened the journal read it (B10). */
export interface Past {
  /** The number of the last fact; 0 before any. */
  readonly last: number;
  /** In order, those of the last facts. At least one wherever there was a process. */
  readonly eras: readonly Era[];
  /** The last ones, oldest first, without a gap. */
  readonly facts: readonly Happened[];
}

/** Which facts of the past are asked for, oldest first. */
export interface PastAsk {
  /** Those after the fact of this number; null: from the first that there is. */
  readonly after: number | null;
  /** The process that a cursor names, where that is not known to be of this past: somebody must look. */
  readonly origin: string | null;
  /** All topics that begin with `prefix` where it is null. */
  readonly topic: string | null;
  readonly prefix: string;
  /** Of this message alone, where it is not null. */
  readonly msgId: string | null;
}

/** What a reading of the past says, one when it begins and one for each that is asked for. */
export type PastStep =
  /** There is such a place: it goes on after the fact of this number. Processes that wrote what is there, as far as is known by then. */
  | { readonly step: 'begun'; readonly after: number; readonly eras: readonly Era[] }
  /** There is none, or no longer: it could begin here. The last one. */
  | { readonly step: 'gone'; readonly oldest: string }
  /** Some of what was asked for; looked at was everything up to the fact of this number. */
  | { readonly step: 'facts'; readonly facts: readonly Happened[]; readonly last: number }
  /** Others wait: what was not given is to be asked for anew. The last one. */
  | { readonly step: 'later' }
  /** The end of what can be read. The last one. */
  | { readonly step: 'end'; readonly last: number }
  /** It cannot be read, or not any more. The last one. */
  | { readonly step: 'failed'; readonly why: string };

/** A reading that is under way. */
export interface PastReading {
  /** Asks for the next step, once that before was told. */
  next(): void;
  /** Nothing more is told. */
  close(): void;
}

/** Reads what happened before what is remembered, from where it is kept (B10): as far back as that reaches, one reading at a time. */
export interface PastReader {
  /** Calls `told` with the first step, later. Null: too many wait for theirs. Tenants take turns (BD5). */
  read(ask: PastAsk, told: (step: PastStep) => void, tenant: string): PastReading | null;
}

/** A cursor: what is told after it begins with the fact of the next number. */
export const cursorAt = (origin: string, n: number): string => `${origin}-${n}`;

/** By what cursors name a process that started at this time, in ms. */
export const originOf = (startedMs: number): string => Math.max(0, Math.floor(startedMs)).toString(36);

/** A fact of this message, which it has just made what it is. */
export function happened(fact: MessageFact, message: Message, shard: number, n = 0): Happened {
  return {
    n,
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
    reason: 'reason' in fact ? fact.reason : null,
    lastError: 'lastError' in fact ? fact.lastError : null,
    untilMs: untilOf(fact),
  };
}

function untilOf(fact: MessageFact): number | null {
  if (fact.name === 'received' || fact.name === 'extended') return fact.atMs + fact.visibilityMs;
  // A dead letter waits for nothing.
  if ('to' in fact && fact.to === 'dead_lettered') return null;
  return 'notBeforeMs' in fact && fact.notBeforeMs > fact.atMs ? fact.notBeforeMs : null;
}
