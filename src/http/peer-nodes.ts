import type { IncomingMessage } from 'node:http';

/** Of what another node was asked, and gave no answer to that can be relied on. */
export const UNANSWERED = 'the node that serves the shard of it did not answer: it may have been done, or not';

/** A request as it goes on to another node. */
export interface Forwarded {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  /** How long its asker may wait for a message, besides the time that an answer takes. */
  readonly waitMs: number;
  /** The answer lasts as long as both sides want it to; that it begins is waited for like any other. */
  readonly isLong: boolean;
}

/** What another node answered. */
export interface PeerAnswer {
  readonly status: number;
  readonly type: string;
  readonly retryAfterS: number | null;
  readonly body: Buffer;
}

/** How a request ends that was sent on; one of these is called, once. */
export interface PeerEnd {
  answered(answer: PeerAnswer): void;
  /** A stream begins: `type`, and the lines as they come. */
  streams(type: string, lines: IncomingMessage): void;
  /** Nothing of it can have reached the node. */
  unreached(): void;
  /** It may have been done, or not. */
  unknown(why: string): void;
}

/** The other nodes of a cluster. */
export interface PeerNodes {
  /** Where the node is that has this shard, as far as is known; null where that is nobody, or us. */
  urlOf(shard: number): string | null;
  /** Calls back when that was looked at anew, or after so long. Gives what ends it. */
  whenChanged(done: () => void, atMostMs: number): () => void;
  /** Gives what ends it: then nothing more is called. */
  send(url: string, request: Forwarded, end: PeerEnd): () => void;
  /** One more request of which this became. */
  count(result: 'answered' | 'not_owner' | 'unreachable' | 'cut' | 'gone'): void;
}
