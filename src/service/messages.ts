import type { DeadReason, Outcome, State } from '../../spec/vocabulary.ts';
import type { Attrs } from '../core/facts.ts';
import type { Cause } from '../ports/observer.ts';
import type { Grant, RedriveOf, RedriveState, RedriveWhy } from '../ports/process-facts.ts';
import type { Told } from './recent-facts.ts';

/**
 * What the service knows of who asks. Capabilities implement it; the simulator and tests bring their own.
 * All of it is asked at the moment of the decision, never remembered.
 */
export interface Caller {
  allowsTopic(topic: string): boolean;
  /** Takes one operation and `bytes` from the quotas: 0 when they allow it, else ms until they may (AU2). */
  charge(bytes: number, nowMs: number): number;
  /** False once revoked or expired (AU3). */
  isValid(nowMs: number): boolean;
  /** Every topic it allows begins so; empty, or not there, for any. */
  readonly reach?: string;
  /** What is to be remembered of it for what goes on after a restart; none where that cannot be. */
  readonly grant?: Grant | null;
  /** The request itself, for the log (O2). */
  readonly cause?: Cause;
}

export interface AckItem {
  readonly msgId: string;
  readonly receipt: string;
}

/** One request, parsed and in range; times in ms, sizes in bytes. */
export type Request =
  | SendRequest
  | RecvRequest
  | AckRequest
  | NackRequest
  | ExtendRequest
  | ReprocessRequest
  | PurgeRequest
  | DlqListRequest
  | StatsRequest
  | TopicsRequest
  | PeekRequest
  | ShowRequest
  | RedriveRequest
  | RedriveNamedRequest;

export interface SendRequest {
  readonly verb: 'send';
  readonly topic: string;
  readonly idemKey: string;
  readonly payload: Uint8Array;
  /** The caller's own hash of the payload, `b3:..`, or null. */
  readonly payloadHash: string | null;
  readonly attrs: Attrs;
  readonly corrId: string;
  readonly delayMs: number;
  readonly ttlMs: number;
}
export interface RecvRequest {
  readonly verb: 'recv';
  readonly topic: string;
  /** Null: the configured default. */
  readonly visibilityMs: number | null;
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly waitMs: number;
  readonly acks: readonly AckItem[];
}
/** A recv that goes on (`Streams`). */
export interface StreamRequest {
  readonly topic: string;
  /** Null: the configured default. */
  readonly visibilityMs: number | null;
  /** Most messages unsettled at once. */
  readonly credit: number;
  /** Most payload bytes unsettled at once; one message always goes. */
  readonly bytesMax: number;
  /** It ends after so many; Infinity for never. */
  readonly messagesMax: number;
  /** It ends when there was nothing to give for so long; Infinity for never. */
  readonly waitMs: number;
  readonly acks: readonly AckItem[];
}
export interface AckRequest extends AckItem {
  readonly verb: 'ack';
}
export interface NackRequest extends AckItem {
  readonly verb: 'nack';
  readonly reason: string | null;
  readonly retryAfterMs: number | null;
  readonly deadLetter: boolean;
}
export interface ExtendRequest extends AckItem {
  readonly verb: 'extend';
  readonly visibilityMs: number | null;
}
export interface ReprocessRequest {
  readonly verb: 'reprocess';
  readonly topic: string;
  readonly limit: number;
  readonly msgIds: readonly string[] | null;
  readonly reason: DeadReason | null;
  /** At most so many a second, the answer coming with the last; null for all at once. */
  readonly ratePerS: number | null;
  /** Says what would move, and moves nothing. */
  readonly dryRun?: boolean;
}
/** A redrive as a task (`Redrives`). */
export interface RedriveRequest extends RedriveOf {
  readonly verb: 'redrive';
}
export interface RedriveNamedRequest {
  readonly verb: 'redrive_show' | 'redrive_cancel';
  readonly id: string;
}
export interface PurgeRequest {
  readonly verb: 'purge';
  readonly topic: string;
  readonly msgIds: readonly string[] | null;
  readonly olderThanMs: number | null;
}
export interface DlqListRequest {
  readonly verb: 'dlq_list';
  readonly topic: string;
  readonly reason: DeadReason | null;
  readonly limit: number;
  /** Number of the last one seen, 0 to start. */
  readonly after: number;
  readonly withPayload: boolean;
}
export interface StatsRequest {
  readonly verb: 'stats';
  readonly topic: string;
}

/** States of a message that a peek shows: those in which it is not over. */
export const PEEKED = ['queued', 'leased', 'redelivered', 'dead_lettered'] as const satisfies readonly State[];
export type Peeked = (typeof PEEKED)[number];

export interface TopicsRequest {
  readonly verb: 'topics';
  readonly prefix: string;
  readonly limit: number;
  /** Null to begin. */
  readonly cursor: string | null;
}
export interface PeekRequest {
  readonly verb: 'peek';
  readonly topic: string;
  /** Null for all that are not over. */
  readonly state: Peeked | null;
  readonly limit: number;
  readonly cursor: string | null;
  readonly withPayload: boolean;
}
export interface ShowRequest {
  readonly verb: 'show';
  readonly msgId: string;
  /** Not unless it says so. */
  readonly withPayload?: boolean;
}
/** Facts as they become durable (`Feeds`). */
export interface FeedRequest {
  /** Of this topic, or of all that begin with the prefix. */
  readonly topic: string | null;
  readonly prefix: string;
  /** A cursor, `now`, `oldest` for as far back as can be read, or null for as far back as is remembered. */
  readonly after: string | null;
  /** Not of messages, but what the process decided of who may do what. */
  readonly ofDecisions?: boolean;
  /** Of this message alone. */
  readonly onlyMsgId?: string | undefined;
  /** It ends when nothing came for so long; Infinity for never. */
  readonly waitMs: number;
}

/** One leased message as it was when it was leased. */
export interface Delivery {
  readonly msgId: string;
  readonly topic: string;
  readonly shard: number;
  /** Time of the send, RFC 3339 with milliseconds: the string that `hashChain` covers. */
  readonly ts: string;
  readonly idemKey: string;
  readonly payload: Uint8Array;
  readonly payloadHash: string;
  readonly hashChain: string;
  /** Signature over `hashChain`, null without a signing key. */
  readonly sig: string | null;
  /** The attributes as JSON, as they are kept. */
  readonly attrsJson: string;
  readonly corrId: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly receipt: string;
  readonly deadlineMs: number;
}

export interface DeadLetter {
  readonly msgId: string;
  readonly topic: string;
  readonly shard: number;
  readonly ts: string;
  readonly idemKey: string;
  readonly payloadHash: string;
  readonly hashChain: string;
  readonly attrs: Attrs;
  readonly corrId: string;
  readonly epoch: number;
  readonly reason: DeadReason;
  readonly attempt: number;
  readonly lastError: string | null;
  /** RFC 3339 with milliseconds. */
  readonly deadAt: string;
  readonly redrives: number;
  /** Null unless asked for. */
  readonly payload: Uint8Array | null;
}

export interface TopicStats {
  readonly topic: string;
  readonly depth: number;
  readonly queued: number;
  readonly leased: number;
  readonly redelivered: number;
  readonly deadLettered: number;
  readonly oldestReadyMs: number;
}

/** A message as whoever looks sees it, in any state: no receipt, and times from now. */
export interface MessageView {
  readonly msgId: string;
  readonly topic: string;
  readonly shard: number;
  readonly state: State;
  readonly ts: string;
  readonly idemKey: string;
  readonly payloadHash: string;
  readonly hashChain: string;
  readonly attrs: Attrs;
  readonly corrId: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly redrives: number;
  readonly reason: DeadReason | null;
  readonly lastError: string | null;
  /** RFC 3339 with milliseconds; null where it is no dead letter. */
  readonly deadAt: string | null;
  /** ms to the end of its lease, or until it is given out again; null where neither is. */
  readonly untilInMs: number | null;
  /** Null once it is over. */
  readonly payloadBytes: number | null;
  /** Null unless asked for, or when it is damaged. */
  readonly payload: Uint8Array | null;
}

/** A fact, or a gap, with its cursor and its times by the wall clock, RFC 3339 with milliseconds. */
export interface FactView {
  readonly told: Told;
  readonly cursor: string;
  readonly at: string;
  readonly until: string | null;
}

/** A page, and where the next begins; null at the end. */
export interface Page<T> {
  readonly rows: readonly T[];
  readonly next: string | null;
}
/** Topics; shards that serve nothing at the moment have no part in it. */
export interface TopicPage extends Page<TopicStats> {
  readonly downShards: readonly number[];
}
/** One message: null once nothing but its facts is remembered. */
export interface Shown {
  readonly message: MessageView | null;
  readonly timeline: readonly FactView[];
  /** The timeline begins with the send, and misses nothing. */
  readonly isComplete: boolean;
  /** The cursor of the fact from which on nothing is missing. */
  readonly from: string;
}

/** How far a redrive is. */
export interface RedriveReport {
  readonly id: string;
  readonly topic: string;
  readonly dryRun: boolean;
  readonly state: RedriveState;
  /** Why it ended before it was done. */
  readonly endedBy: Outcome | null;
  readonly moved: number;
  readonly skipped: number;
  readonly failed: number;
  /** How many were not moved, by why. */
  readonly reasons: Readonly<Partial<Record<RedriveWhy, number>>>;
  /** The first of them. */
  readonly failures: readonly { readonly msgId: string; readonly why: RedriveWhy }[];
  /** RFC 3339 with milliseconds. */
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** One of several requests that are answered together. */
export interface BatchItem {
  readonly request: Request;
  readonly caller: Caller;
}

/** What became of acks that ride on a recv. */
export type AcksReply = Pick<Reply, 'ackOutcomes' | 'outOfScope'>;

/** The answer to a request: an outcome and what belongs to it. */
export interface Reply {
  readonly outcome: Outcome;
  /** Which field was refused and why, where one was. */
  readonly message?: string;
  /** `not_found` because the message is none of the caller's, alone or among the acks: for the log, never for the caller (LE3). */
  readonly outOfScope?: boolean;
  readonly retryAfterMs?: number;
  readonly msgId?: string;
  readonly payloadHash?: string;
  readonly hashChain?: string;
  readonly state?: State;
  readonly deadlineInMs?: number;
  readonly deliveries?: readonly Delivery[];
  readonly ackOutcomes?: readonly Outcome[];
  readonly moved?: number;
  readonly skipped?: number;
  readonly failed?: number;
  readonly purged?: number;
  readonly deadLetters?: readonly DeadLetter[];
  /** Number to list after, null at the end. */
  readonly next?: number | null;
  readonly stats?: TopicStats;
  readonly topics?: TopicPage;
  readonly peeked?: Page<MessageView>;
  readonly shown?: Shown;
  readonly redrive?: RedriveReport;
}
