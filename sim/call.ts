import type { Op } from '../spec/vocabulary.ts';
import type { Reply, Request } from '../src/service/messages.ts';
import type { Capability, Group } from './capabilities.ts';
import type { Expected } from './checkers/answers.ts';

/** What a client asks of a node: a request of the service, or a revocation of its authority. */
export type Ask = Request | { readonly verb: 'revoke'; readonly nonce: string };
export type Verb = Ask['verb'];

export interface Client {
  /** `consumer 3`. */
  readonly name: string;
  readonly group: Group;
}

/** A lease as a script can name it, without ids: the message by what was sent, the lease by its number. */
export interface LeaseRef {
  readonly topic: string;
  readonly idemKey: string;
  /** The epoch of the lease; 0 for a receipt that nobody was ever given. */
  readonly epoch: number;
  /** Which of the messages that were sent under this key one after the other, as clients came to know them: 0 for the first. */
  readonly nth?: number;
}

/** What becomes of one copy of a request that leaves the client. Times in ms, at least 1. */
export interface Copy {
  readonly outMs: number;
  readonly backMs: number;
  /** `lost`: the answer is; `gone`: the client is, when its answer is about to be written. */
  readonly end: 'answered' | 'lost' | 'gone';
}

/** One call of a client: all that chance decided about it is in here. */
export interface Call {
  readonly id: number;
  /** When it leaves its client. */
  readonly atMs: number;
  readonly by: Client;
  readonly node: number;
  readonly capability: Capability;
  readonly ask: Ask;
  /** The messages that the msg_ids in `ask` stand for, in their order. */
  readonly refs: readonly LeaseRef[];
  readonly timeoutMs: number;
  /** None: the request is dropped. Two: it comes twice. */
  readonly copies: readonly Copy[];
}

/** Told once how a call came out: null when the client will never know. */
export type Answered = (reply: Reply | null) => void;

/** The client's side of a call in progress; for tables by copy. */
export const copyId = (call: Call, copy: number): number => call.id * 4 + copy;

/** What is held against the reply of an exchange. */
export interface Due {
  /** Null: a shard fell over it, or while it was decided, and nobody can say. */
  readonly expected: Expected | null;
  /** Facts decided before it: all of them must be durable when it leaves (AC1). */
  readonly facts: number;
  /** When a poll ends at the latest, by the node's clock. */
  readonly pollEndsMs: number;
}

/** One copy of a call at a node. */
export interface Exchange {
  readonly call: Call;
  readonly copy: number;
  /** The client cannot get a reply any more. */
  closed: boolean;
  /** What the service was told to call; null before and after. */
  held: ((reply: Reply) => void) | null;
  /** What the checkers hold against its reply. */
  due: Due | null;
  /** Shards of the node that had fallen when it came. */
  falls: number;
  /** Takes what leaves the node; null when the connection was refused. */
  reply(reply: Reply | null): void;
}

/** What a capability must allow. */
export const OP_OF: Readonly<Record<Verb, Op>> = {
  send: 'send',
  recv: 'recv',
  ack: 'ack',
  nack: 'nack',
  extend: 'extend',
  stats: 'stats',
  reprocess: 'admin',
  purge: 'admin',
  dlq_list: 'admin',
  revoke: 'admin',
};
