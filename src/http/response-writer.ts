import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Session } from '../auth/authorize.ts';
import { letGo } from '../node/authentication.ts';
import type { Way } from './access-log.ts';
import type { Connection } from './connection.ts';
import type { ResponseWriter, StreamOut } from './exchange.ts';
import { peerOf } from './peer.ts';
import type { Answer } from './reply.ts';
import { isOneText, type StayRules, writeWhole } from './whole-response.ts';

export interface ResponseWriterOptions {
  /** True while the server drains: every response is the last of its connection. */
  readonly closing: () => boolean;
  readonly rules: () => StayRules & { readonly writeTimeoutMs: number };
  /** A reader is cut because it does not read. */
  readonly onSlowReader: (socket: Socket, way: Way | null) => void;
}

/** Writes the response to one request of node:http, and knows whether its client is still there. */
export class NodeResponseWriter implements ResponseWriter {
  private readonly req: IncomingMessage;
  private readonly res: ServerResponse;
  private readonly connection: Connection;
  private readonly options: ResponseWriterOptions;
  /** Behind the response to an earlier request of the connection: nothing of it can be written yet. */
  private isQueued: boolean;
  /** Called when the client leaves without an answer. */
  private leaving: (() => void)[] | null = null;
  private way: Way | null = null;

  constructor(req: IncomingMessage, res: ServerResponse, connection: Connection, options: ResponseWriterOptions) {
    this.req = req;
    this.res = res;
    this.connection = connection;
    this.options = options;
    this.isQueued = res.socket === null;
    if (this.isQueued) {
      res.once('socket', () => {
        this.isQueued = false;
      });
    }
  }

  serves(way: Way): void {
    this.way = way;
  }

  get session(): Session {
    return this.connection.session;
  }

  get peer(): string {
    return peerOf(this.connection.socket);
  }

  respond(answer: Answer, corrId: string): boolean {
    const { res, connection } = this;
    if (answer.heldMs !== undefined) return this.hold(answer, corrId, answer.heldMs);
    this.settle();
    if (res.headersSent || connection.socket.writableEnded || connection.socket.destroyed) return true;
    const close = answer.close === true || this.options.closing();
    if (close) connection.isClosing = true;
    this.write(answer, corrId, close);
    const isWritten = res.writableLength === 0;
    if (!isWritten || close) this.bound();
    return isWritten;
  }

  /** Answers later, and reads nothing from this connection meanwhile (AU5). */
  private hold({ heldMs: _, ...answer }: Answer, corrId: string, heldMs: number): boolean {
    const { connection } = this;
    connection.pause();
    const held = setTimeout(() => {
      connection.resume();
      this.respond(answer, corrId);
      letGo(this.session, () => connection.isClosing);
    }, heldMs);
    this.onGone(() => clearTimeout(held));
    return true;
  }

  private write(answer: Answer, corrId: string, close: boolean): void {
    const { res } = this;
    const { status, body } = answer;
    const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    if (!close && writeWhole(res, answer, bytes, corrId, this.options.rules())) return;
    const headers = headersOf(answer, corrId, close);
    headers.push('content-length', String(bytes));
    res.writeHead(status, headers);
    if (!isOneText(body, bytes)) res.end(body);
    else {
      // Head and body as one text in one write: `end` with a body would gather them in a vector, at twice the cost.
      res.write(body, 'latin1');
      res.uncork();
      res.end();
    }
  }

  /**
   * A response that its reader does not take is cut by an absolute deadline (D1): `server.timeout` would wait for ever
   * on a reader that drips. A connection that closes is closed by us once the response is out.
   */
  private bound(): void {
    const { res } = this;
    if (this.isQueued) {
      res.once('socket', () => this.bound());
      return;
    }
    const deadline = this.deadline();
    const clear = (): void => clearTimeout(deadline);
    res.once('close', clear);
    res.once('finish', clear);
  }

  private deadline(): NodeJS.Timeout {
    const { rules, onSlowReader } = this.options;
    return setTimeout(() => {
      onSlowReader(this.connection.socket, this.way);
      this.cut();
    }, rules().writeTimeoutMs);
  }

  stream(type: string, corrId: string, owner?: string): StreamOut {
    const { res, connection } = this;
    const close = this.options.closing();
    const headers = ['content-type', type, 'x-corr-id', corrId];
    if (owner !== undefined) headers.push('x-mailbox-owner', owner);
    if (close) headers.push('connection', 'close');
    res.writeHead(200, headers);
    res.flushHeaders();
    // One listener for all writes: a stream may have any number of them.
    const deadlines = new Set<NodeJS.Timeout>();
    const clear = (deadline: NodeJS.Timeout): void => {
      clearTimeout(deadline);
      deadlines.delete(deadline);
    };
    res.once('close', () => deadlines.forEach(clear));
    return {
      write: (text, written) => {
        const deadline = this.isQueued ? null : this.deadline();
        if (deadline !== null) deadlines.add(deadline);
        res.write(text, (error) => {
          if (deadline !== null) clear(deadline);
          if (error == null) written();
        });
      },
      end: (text) => {
        this.settle();
        connection.isClosing ||= close;
        res.end(text);
        this.bound();
      },
    };
  }

  gone(): boolean {
    return this.connection.socket.destroyed;
  }

  cut(): void {
    this.connection.socket.destroy();
  }

  onLate(reader: { late(): void }): void {
    this.connection.onLate(reader);
  }

  proceed(): void {
    if (this.req.headers.expect !== undefined) this.res.writeContinue();
  }

  onGone(callback: () => void): void {
    this.leaving ??= [];
    this.leaving.push(callback);
    this.connection.onClose(callback);
  }

  onWritten(callback: (nothing: boolean) => void): void {
    const { res, connection } = this;
    const onClose = (): void => end();
    const end = (): void => {
      connection.off(onClose);
      res.off('finish', onClose);
      callback(this.isQueued);
    };
    connection.onClose(onClose);
    res.once('finish', onClose);
  }

  /** It is answered: who leaves now leaves with an answer. */
  private settle(): void {
    for (const callback of this.leaving ?? []) this.connection.off(callback);
    this.leaving = null;
    this.connection.answered();
  }
}

/** Response headers of an answer. `closing`: the connection goes after it. */
function headersOf(answer: Answer, corrId: string, closing: boolean): string[] {
  const headers = ['content-type', answer.type ?? 'application/json', 'x-corr-id', corrId];
  if (answer.retryAfterS !== undefined) headers.push('retry-after', String(answer.retryAfterS));
  if (answer.owner !== undefined) headers.push('x-mailbox-owner', answer.owner);
  if (answer.allow !== undefined) headers.push('allow', answer.allow);
  if (closing) headers.push('connection', 'close');
  return headers;
}
