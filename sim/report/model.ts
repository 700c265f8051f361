/** What a report file holds: one run, in columns, as the page in it reads it. Types only: both sides share them. */
import type { Side } from '../checkers/breach.ts';
import type { Conclusion } from '../conclusion.ts';

/**
 * A message as the process has it. Times are ms of simulated time, as the node's clock stood when they were set: one that drifts or
 * stops comes to them sooner or later.
 */
export interface Seen {
  readonly state: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly redrives: number;
  readonly releases: number;
  /** The first characters of the receipt in force. */
  readonly receipt: string | null;
  /** Leased: the deadline; queued or redelivered: the not-before. */
  readonly timerMs: number | null;
  readonly reason: string | null;
}

/** Number in `messages`, and what it became. */
export type Numbered = readonly [number, Seen];

export interface ReportMessage {
  readonly id: string;
  readonly topic: string;
  readonly idemKey: string;
}

/** A call: what it asks, as JSON. */
export interface ReportCall {
  readonly verb: string;
  readonly topic: string;
  readonly request: string;
}

/** One thing as the process has it, and as it must be by the specification: the facts alone, worked out apart from the process. */
export interface ComparedCell extends Side {
  readonly differs: boolean;
}

/** Where a rule was broken: process and specification, cell by cell. */
export interface Comparison {
  readonly lane: string;
  readonly cells: readonly ComparedCell[];
}

/** Everything that happened, one entry a row. */
export interface ReportRows {
  readonly step: number[];
  readonly atMs: number[];
  /** Number in `kinds`. */
  readonly kind: number[];
  /** Number in `lanes`. */
  readonly lane: number[];
  readonly call: number[];
  readonly copy: number[];
  /** Numbers in `messages`. */
  readonly messages: number[][];
  readonly text: string[];
  /** How long a fault lasts, by row. */
  readonly lastsMs: Record<number, number>;
  /** Of a fact the row at which it became durable; one that is not here never did. */
  readonly durable: Record<number, number>;
  /** Number in `faults`: the fault that the row is, or that hits it. */
  readonly fault: Record<number, number>;
  /** Number in `outcomes`, of replies and answers. */
  readonly outcome: Record<number, number>;
  /** Messages that a row changed, by their numbers, as they are after it: the one of a fact, any number by a restart. */
  readonly changes: Record<number, readonly Numbered[]>;
}

export interface ReportData {
  readonly title: string;
  readonly description: string;
  readonly seed: string;
  readonly version: string;
  /** The command that makes this run again. */
  readonly repeat: string;
  readonly verdict: Pick<Conclusion, 'kind' | 'expected' | 'rule' | 'detail' | 'msgId' | 'line' | 'badge' | 'exit'>;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly hash: string;
  readonly injected: Readonly<Record<string, number>>;
  readonly tally: Readonly<Record<string, number>>;
  readonly history: Readonly<Record<string, number>>;
  /** How often each action happened while each kind of fault was felt: rows of the coverage matrix. */
  readonly coverage: {
    readonly actions: readonly string[];
    readonly rows: readonly { readonly kind: string; readonly counts: readonly number[] }[];
  };
  readonly goals: Conclusion['goals'];
  /** Rows that were left out at the beginning, because there were too many, and what messages were after them. */
  readonly leftOut: number;
  readonly before: readonly Numbered[];
  /** How many more messages there were then, of which no row tells. */
  readonly beforeUntold: { readonly pending: number; readonly leased: number };
  /** The row where it went wrong; -1 when it did not. */
  readonly failingRow: number;
  readonly comparison: Comparison | null;
  readonly faults: readonly string[];
  readonly outcomes: readonly string[];
  /** By their numbers. */
  readonly calls: Readonly<Record<number, ReportCall>>;
  /** What each copy of a call was answered, as JSON, by `call copy`. */
  readonly answers: Readonly<Record<string, string>>;
  readonly kinds: readonly string[];
  readonly lanes: readonly string[];
  readonly messages: readonly ReportMessage[];
  readonly rows: ReportRows;
  /** What each rule says, by name. */
  readonly rules: Readonly<Record<string, string>>;
  /** The rules that are asked when something of a kind happens, by kind or by name of the fact. */
  readonly asked: Readonly<Record<string, readonly string[]>>;
}
