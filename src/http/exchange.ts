import type { IncomingMessage } from 'node:http';
import type { Op } from '../../spec/vocabulary.ts';
import type { Capability, Session } from '../auth/authorize.ts';
import { type Client, type Exchange, NOBODY, NOTHING_LEASED } from '../node/exchange.ts';
import { freshCorrId, isCorrId } from '../observe/ids.ts';
import type { Cause } from '../ports/observer.ts';
import type { AccessLog, Way } from './access-log.ts';
import { type Head, headOf } from './head.ts';
import type { Answer } from './reply.ts';
import type { Found, Route } from './routes.ts';

/** A response that is written bit by bit. */
export interface StreamOut {
  /** Calls back later, when the system has taken all of it; never when the client leaves before. One write at a time. */
  write(text: string, written: () => void): void;
  end(text: string): void;
}

/** What a dispatcher brings besides the request. */
export interface ResponseWriter extends Client {
  readonly session: Session;
  /** What is asked: told of when its client is cut. */
  serves(way: Way): void;
  /** Writes the response; called once. False while some of it waits for its reader. */
  respond(answer: Answer, corrId: string): boolean;
  /** Writes the head of a response whose lines follow. */
  stream(type: string, corrId: string, owner?: string): StreamOut;
  /** Tells a client that waits for it to send its body (100-continue). */
  proceed(): void;
  /** Tells the reader of the body when it does not come in time. */
  onLate(reader: { late(): void }): void;
}

/** One HTTP request on its way: to the node, to the log, and back. */
export class HttpExchange implements Exchange, Way {
  readonly req: IncomingMessage;
  readonly head: Head;
  readonly corrId: string;
  readonly startedMs = performance.now();
  readonly client: ResponseWriter;
  readonly found: Found;
  route: Route | null = null;
  capability: Capability | null = null;
  decided = false;
  /** Of its body, expanded, as far as it was read. */
  bodyBytes = 0;
  /** Of a request that another node may be asked for: all of it, until it is decided where it goes. */
  body: Buffer | null = null;
  /** The body is frames, and so is every answer. */
  isFrames = false;
  leased = NOTHING_LEASED;
  holders = NOBODY;
  private readonly accessLog: AccessLog;

  constructor(req: IncomingMessage, found: Found, client: ResponseWriter, accessLog: AccessLog) {
    this.req = req;
    this.head = headOf(req);
    const { corrId } = this.head;
    this.corrId = corrId !== undefined && isCorrId(corrId) ? corrId.toLowerCase() : freshCorrId();
    this.client = client;
    this.found = found;
    this.accessLog = accessLog;
    client.serves(this);
  }

  causeOf(capability: Capability): Cause {
    return this.accessLog.causeOf(this, capability);
  }

  denied(op: Op, reason: string): void {
    this.accessLog.denied(this, op, reason);
  }
}
