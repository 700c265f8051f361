/** Version of the lines below; a reader takes its own only. */
export const HISTORY_VERSION = 1;

export const HISTORY_PRODUCERS = ['simulator', 'client'] as const;

/** What the rules need to know of the mailbox, times in ms. */
export const HISTORY_CONSTANTS = ['TReplay', 'MaxAttempts', 'SettledCapacity', 'RevokedWithin'] as const;
export type HistoryConstants = Readonly<Record<(typeof HISTORY_CONSTANTS)[number], number>>;

/** The first line of a history. */
export interface HistoryHeader {
  readonly history: 'svc-mailbox';
  readonly version: typeof HISTORY_VERSION;
  readonly producer: (typeof HISTORY_PRODUCERS)[number];
  readonly commit: string | null;
  readonly constants: HistoryConstants;
  /** The mailbox's clock runs as those of the clients do: without that nothing is said of durations. */
  readonly true_clocks: boolean;
}

/** A message as it was handed out. */
export interface Delivery {
  readonly msg_id: string;
  readonly idem_key: string;
  readonly payload_hash: string;
  readonly receipt: string;
  readonly epoch: number;
  readonly attempt: number;
  /** How long the lease was to go on, as the answer said. */
  readonly deadline_in_ms: number;
}

/**
 * How a call came out. `unknown`: there was no answer, or one that says that nobody knows; it may have happened at any time since it
 * began. `refused`: it changed nothing, for whatever reason is not told apart here.
 */
export const RESULTS = {
  send: ['accepted', 'duplicate', 'mismatch', 'refused', 'unknown'],
  recv: ['ok', 'refused', 'unknown'],
  ack: ['ok', 'lease_lost', 'not_found', 'refused', 'unknown'],
  nack: ['ok', 'lease_lost', 'not_found', 'refused', 'unknown'],
  extend: ['ok', 'lease_lost', 'not_found', 'refused', 'unknown'],
  revoke: ['ok', 'refused', 'unknown'],
  /** Dead letters put back or deleted, whoever asked and however it came out. */
  redrive: ['unknown'],
  /** A process of the mailbox ended and another went on, between these times. */
  restart: ['unknown'],
  /** A topic was asked until it gave nothing more, and what is dead of it was listed: nothing waits there. */
  drained: ['ok'],
} as const satisfies Record<string, readonly string[]>;
export type Verb = keyof typeof RESULTS;

/** One call of one client. A batch, and acks that ride on another call, are calls of their own with the same times. */
export interface Op {
  readonly client: string;
  /** When it was asked, and when the answer was there: null where none came. Of a clock that all clients share. */
  readonly begin_ms: number;
  readonly end_ms: number | null;
  readonly verb: Verb;
  readonly result: string;
  /** What stands for the capability that it was asked under. */
  readonly by?: string;
  readonly topic?: string;
  readonly idem_key?: string;
  readonly payload_hash?: string;
  /** Only a send without delay or ttl is sure to wait from its answer on. */
  readonly timed?: true;
  readonly msg_id?: string;
  readonly receipt?: string;
  readonly deadline_in_ms?: number;
  readonly got?: readonly Delivery[];
  /** What was revoked; `by` of others. */
  readonly nonce?: string;
  /** Dead letters that were listed. */
  readonly dead?: readonly string[];
}

/** When it must have happened: nobody knows of what got no answer. */
export const endOf = ({ end_ms: end }: Op): number => end ?? Number.POSITIVE_INFINITY;
