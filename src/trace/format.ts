import { ACTION_OF, EVENTS, RECOVERED, STATES, type State } from '../../spec/vocabulary.ts';
import type { Limits } from '../core/limits.ts';
import { LAST_ERRORS, REASONS } from '../model/mailbox.ts';

export type LastError = (typeof LAST_ERRORS)[number];
export type Reason = (typeof REASONS)[number];

/** Version of the lines below; a reader takes its own only. */
export const TRACE_VERSION = 1;

export const PRODUCERS = ['simulator', 'server', 'journal', 'tlc'] as const;
export type Producer = (typeof PRODUCERS)[number];

/** The limits that the specification knows, times in ms, as in `tla/Mailbox.tla` CONSTANTS. */
export const CONSTANT_NAMES = {
  MaxAttempts: 'maxAttempts',
  MaxRedrives: 'maxRedrives',
  InflightFactor: 'inflightFactor',
  ReleasesMax: 'releasesMax',
  BackoffBase: 'backoffBaseMs',
  BackoffMax: 'backoffMaxMs',
  TReplay: 'tReplayMs',
  ReadyRetention: 'readyRetentionMs',
  DlqRetention: 'dlqRetentionMs',
  ShardCapacity: 'shardCapacity',
  GlobalInflight: 'globalInflight',
  DedupCapacity: 'dedupCapacity',
  SettledCapacity: 'settledCapacity',
  DlqMaxPerTopic: 'dlqMaxPerTopic',
  DlqCapacity: 'dlqCapacity',
} as const satisfies Record<string, keyof Limits>;
export type ConstantName = keyof typeof CONSTANT_NAMES;
export type TraceConstants = Readonly<Record<ConstantName, number>>;

export const constantsOf = (limits: Limits): TraceConstants =>
  Object.fromEntries(Object.entries(CONSTANT_NAMES).map(([name, limit]) => [name, limits[limit]])) as Record<
    ConstantName,
    number
  >;

/** The first line of a trace. */
export interface TraceHeader {
  readonly trace: 'svc-mailbox';
  readonly version: typeof TRACE_VERSION;
  readonly producer: Producer;
  /** Of the producing code, null where it is not known. */
  readonly commit: string | null;
  readonly constants: TraceConstants;
}

/**
 * What `tla/Mailbox.tla` says of one message, by the names it has there. Times are ms that are left: `timer` to the deadline or
 * the not-before, `left` of what extensions may reach, `ttl` (-1 for none), `keep` of the retention, `window` of idempotency.
 */
export interface MessageVariables {
  state: State;
  attempt: number;
  epoch: number;
  redrives: number;
  releases: number;
  /** The epoch of the lease in force, 0 without one: a trace gives no receipt away. */
  receipt: number;
  timer: number;
  left: number;
  visibility: number;
  ttl: number;
  keep: number;
  window: number;
  reason: Reason;
  error: LastError;
}
export type VariableName = keyof MessageVariables;

/** What each variable may be: a list of words, or the least a whole number may be. */
export const VARIABLES: Readonly<Record<VariableName, readonly string[] | number>> = {
  state: STATES,
  attempt: 0,
  epoch: 0,
  redrives: 0,
  releases: 0,
  receipt: 0,
  timer: 0,
  left: 0,
  visibility: 0,
  ttl: -1,
  keep: 0,
  window: 0,
  reason: REASONS,
  error: LAST_ERRORS,
};
export const VARIABLE_NAMES = Object.keys(VARIABLES) as VariableName[];

/** Actions a step may be: those of messages, and the one of a process that takes over. */
export const STEP_ACTIONS: readonly string[] = [...EVENTS.map((event) => ACTION_OF[event]), 'Recover'];

/**
 * One durable fact. `atMs` is the time of the shard, which a clock set back may set back. `changes` holds every variable of the
 * message that the step changed, as it was after it; time passed before the step, not in it.
 */
export interface TraceStep {
  /** 1, 2, .. over the whole trace. */
  readonly seq: number;
  readonly at_ms: number;
  readonly shard: number;
  readonly action: string;
  /** None for Recover. */
  readonly msg_id?: string;
  /** Send only. */
  readonly topic?: string;
  readonly idem_key?: string;
  readonly outcome: 'ok';
  readonly changes?: Readonly<Partial<MessageVariables>>;
}

export const lineOf = (line: TraceHeader | TraceStep): string => `${JSON.stringify(line)}\n`;

/** The fact of a step's action, and the other way round. */
export const ACTION_OF_FACT: Readonly<Record<string, string>> = {
  sent: 'Send',
  received: 'Recv',
  acked: 'Ack',
  nacked: 'Nack',
  extended: 'Extend',
  released: 'Release',
  expired: 'Expire',
  reprocessed: 'Reprocess',
  purged: 'Purge',
  [RECOVERED]: 'Recover',
};
