import type { Op } from '../spec/vocabulary.ts';
import type { AuthFailure } from '../src/auth/capability.ts';
import type {
  Delivery,
  FactView,
  FeedRequest,
  Request,
  Reply as ServiceReply,
  StreamRequest,
} from '../src/service/messages.ts';
import type { Capability, Group } from './capabilities.ts';
import type { Expected } from './checkers/expected.ts';
import type { ShardFacts } from './checkers/shard-facts.ts';

/** One of several that are asked together. */
export type BatchAsk = Extract<Request, { verb: 'send' | 'ack' | 'nack' }> & {
  /** Under this one instead of the capability of the call. */
  readonly under?: Capability;
};
/** What a client asks of a node: a request of the service, several of one verb, a stream, or a revocation of its authority. */
export type Ask =
  | Request
  | { readonly verb: 'batch'; readonly items: readonly BatchAsk[] }
  | ({
      readonly verb: 'stream' /** How long its reader takes for a piece. */;
      readonly takesMs: number;
    } & StreamRequest)
  | ({ readonly verb: 'feed'; readonly takesMs: number } & FeedRequest)
  | { readonly verb: 'revoke'; readonly nonce: string };
/** What leaves a node. */
export interface Reply extends ServiceReply {
  /** One for each item of a batch. */
  readonly replies?: readonly ServiceReply[];
}
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

/** Stands for the key in references to redrives, which have none. */
export const REDRIVE_KEY = 'redrive';

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
/** Told what a stream gives, or a feed tells, a piece at a time. */
export type Streamed = (deliveries: readonly Delivery[], facts: readonly FactView[]) => void;

/** The number of one copy of a call, at most four of each. */
export const copyId = (call: Call, copy: number): number => call.id * 4 + copy;

/** What is held against the reply of an exchange. */
export interface Due {
  /** Null: a shard fell over it, or while it was decided, and nobody can say. */
  readonly expected: Expected | null;
  /** Facts decided before it: all of them must be durable when it leaves (AC1). */
  readonly facts: number;
  /** Where shards have logs of their own: those that it rests on, and how many facts of each. */
  readonly logs?: readonly { readonly log: ShardFacts; readonly facts: number }[];
  /** When a poll ends at the latest, by the node's clock. */
  readonly pollEndsMs: number;
  /** Of a batch: what is held against each item; null where nobody can say. */
  readonly items?: readonly (Expected | null)[];
}

/** Messages, or facts, that go out in one piece. */
export const PIECE = 4;

/** A server cuts a reader that is slower than this. */
export const WRITE_TIMEOUT_MS = 5_000;

/** One copy of a call at a node. */
export interface Exchange {
  readonly call: Call;
  readonly copy: number;
  /** The client cannot get a reply any more. */
  closed: boolean;
  /** What the checkers hold against its reply. */
  due: Due | null;
  /** Of a batch: by item, why nobody stands behind the capability that it brings itself. */
  strangers?: readonly (AuthFailure | null)[];
  /** Shards of the node that had fallen when it came. */
  falls: number;
  /** Takes what leaves the node; null when the connection was refused, or cut. */
  reply(reply: Reply | null): void;
  /** Takes a piece of a stream on its way; `taken` is called when its reader has it, or never. */
  piece(deliveries: readonly Delivery[], taken: () => void, facts?: readonly FactView[]): void;
}

/** What a capability must allow, of a batch for each of its items. */
export const OP_OF: Readonly<Record<Exclude<Verb, 'batch'>, Op>> = {
  send: 'send',
  recv: 'recv',
  ack: 'ack',
  nack: 'nack',
  extend: 'extend',
  stats: 'stats',
  reprocess: 'admin',
  purge: 'admin',
  dlq_list: 'admin',
  topics: 'view',
  peek: 'view',
  show: 'view',
  redrive: 'admin',
  redrive_show: 'admin',
  redrive_cancel: 'admin',
  revoke: 'admin',
  stream: 'recv',
  feed: 'view',
};

export const opOf = (ask: Ask): Op => OP_OF[ask.verb === 'batch' ? (ask.items[0] as BatchAsk).verb : ask.verb];
