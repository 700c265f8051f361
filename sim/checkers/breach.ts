import { INVARIANTS, type InvariantName } from '../../spec/vocabulary.ts';

/** Rules of `docs/lifecycle.md` that no invariant states: checked here in their own name. */
export const RULES = {
  ChainInv: 'each frame of a log that nodes share follows the very frame before it',
  TermInv: 'a term of a log is of one process, and the next one is one later',
  HaltInv: 'where answers wait for the standby no owner finds that something durable is gone',
  ToldInv: 'what an owner was told is durable, or takes for it, is in the log for good',
  AC2: 'a ttl runs out while the message waits, and only then',
  AU1: 'a valid capability is let in, any other is not',
  AU2: 'a quota counts per capability',
  AU7: 'whoever looks sees what was there at a moment of the look, and nothing that is not durable',
  B10: 'what was told of messages is told again by the next process, and cursors go on where they did',
  B3: 'a stream gives no more than its credit, and what there is',
  B8: 'nothing is done without the word of the remote verifier, and nothing is refused for its sake that it would have let in',
  BD2: 'a refusal is the one that applies',
  BD3: 'a draining process takes no sends',
  DL1: 'a dead letter says why',
  DL2: 'a dead letter comes back at most max_redrives times',
  DL3: 'a dead letter is purged for age, for count (the oldest), or because an admin says so',
  DL5: 'a redrive does what it was asked for and no more, goes on with the next process, and ends with its capability',
  IN1: 'a payload is what was sent',
  JR4: 'a journal fails when its disk does, and for want of nothing',
  LE1: 'recv gives the available messages with the lowest sequence numbers',
  LE3: 'the current receipt settles its lease until the deadline',
  LE4: 'the verb that settled a lease, said again, gets its first answer',
  LE5: 'extensions end at inflight_factor times the visibility',
  LE7: 'a release is not counted, three times in a row',
  R3: 'a msg_id names one message for ever',
  RT1: 'a return waits out its backoff, and dead-letters without an attempt left',
  RT3: 'an expiry acts when its deadline has passed',
  RT4: 'a restart keeps attempts, epochs and what is left of a lease',
  TM1: 'the service clock goes on over a restart by the downtime: what the wall clock was set by is none',
} as const;
export type RuleName = InvariantName | keyof typeof RULES;
export const RULE_NAMES = [...INVARIANTS, ...Object.keys(RULES)] as RuleName[];

/** What the process has or says of one thing, and what it must by the specification. */
export interface Side {
  readonly name: string;
  readonly process: string;
  readonly specification: string;
}

/** A rule was broken: the run ends and names it. */
export class Breach extends Error {
  readonly rule: RuleName;
  /** The message it is about, where it is about one. */
  readonly msgId: string | null;
  /** In what the two differ, where that is not in the message itself. */
  readonly sides: readonly Side[];

  constructor(rule: RuleName, detail: string, msgId: string | null = null, sides: readonly Side[] = []) {
    super(`${rule}: ${detail}`);
    this.rule = rule;
    this.msgId = msgId;
    this.sides = sides;
  }
}
