/** What a report file holds: one run, in columns, as the page in it reads it. Types only: both sides share them. */
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
  /** Messages that a row changed, by their numbers, as they are after it: the one of a fact, any number by a restart. */
  readonly changes: Record<number, readonly Numbered[]>;
}

/** One arrow of the lifecycle. */
export interface Arrow {
  readonly from: string;
  readonly event: string;
  readonly to: string;
}

export interface ReportData {
  readonly title: string;
  readonly description: string;
  readonly seed: string;
  readonly version: string;
  /** The command that makes this run again. */
  readonly repeat: string;
  readonly verdict: Pick<Conclusion, 'kind' | 'expected' | 'rule' | 'detail' | 'msgId' | 'line' | 'badge'>;
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
  /** The row where it went wrong; -1 when it did not. */
  readonly failingRow: number;
  readonly kinds: readonly string[];
  readonly lanes: readonly string[];
  readonly messages: readonly ReportMessage[];
  readonly rows: ReportRows;
  readonly machine: readonly Arrow[];
  /** What each rule says, by name. */
  readonly rules: Readonly<Record<string, string>>;
  /** The rules that are asked when something of a kind happens, by kind or by name of the fact. */
  readonly asked: Readonly<Record<string, readonly string[]>>;
}
