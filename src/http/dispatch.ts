import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { H3 } from 'h3';
import { toNodeHandler } from 'h3/node';
import type { Session } from '../auth/authorize.ts';
import type { Gateway, Sink } from './gateway.ts';
import type { Answer } from './reply.ts';
import { match, ROUTES } from './routes.ts';

/** Two ways to the one gateway: straight from node:http for the hot routes, through h3 for the others. */
export type DispatchMode = 'hot-direct' | 'all-h3' | 'all-direct';

/** Response headers of an answer. `closing`: the connection goes after it. */
function headersOf(answer: Answer, corrId: string, closing: boolean): string[] {
  const headers = ['content-type', 'application/json', 'x-corr-id', corrId];
  if (answer.retryAfterS !== undefined) headers.push('retry-after', String(answer.retryAfterS));
  if (answer.allow !== undefined) headers.push('allow', answer.allow);
  if (closing) headers.push('connection', 'close');
  return headers;
}

export interface DispatchOptions {
  readonly gateway: Gateway;
  readonly mode: DispatchMode;
  /** True while the server drains: every response is the last of its connection. */
  readonly closing: () => boolean;
  readonly writeTimeoutMs: number;
}

export type NodeRequestHandler = (req: IncomingMessage, res: ServerResponse) => void;

export function createDispatch(options: DispatchOptions): NodeRequestHandler {
  const { gateway, mode } = options;
  const throughH3 = h3Handler(options);
  return (req, res) => {
    const found = match(req.method ?? '', req.url ?? '');
    // h3 sees routes only: what has none may not even be a request that the web's Request can hold (TRACE).
    const routed = mode !== 'all-direct' && found !== null && typeof found !== 'string';
    if (routed && (mode === 'all-h3' || found.route.hot !== true)) throughH3(req, res);
    else gateway.handle(req, found, new DirectSink(req, res, options));
  };
}

const sessions = new WeakMap<Socket, Session>();

function sessionOf(socket: Socket, gateway: Gateway): Session {
  let session = sessions.get(socket);
  if (session === undefined) {
    session = gateway.newSession();
    sessions.set(socket, session);
  }
  return session;
}

/** What both ways know of a client. */
abstract class NodeSink implements Sink {
  readonly session: Session;
  protected readonly res: ServerResponse;
  private readonly req: IncomingMessage;
  private readonly options: DispatchOptions;

  constructor(req: IncomingMessage, res: ServerResponse, options: DispatchOptions) {
    this.req = req;
    this.res = res;
    this.options = options;
    this.session = sessionOf(req.socket, options.gateway);
  }

  respond(answer: Answer, corrId: string): void {
    if (answer.heldMs !== undefined) return this.hold(answer, corrId, answer.heldMs);
    if (this.res.headersSent || this.res.destroyed) return;
    const close = answer.close === true || this.options.closing();
    this.write(answer, headersOf(answer, corrId, close), close);
  }

  /** Answers later, and reads nothing from this connection meanwhile (AU5). */
  private hold({ heldMs: _, ...answer }: Answer, corrId: string, heldMs: number): void {
    const { socket } = this.req;
    socket.pause();
    const held = setTimeout(() => {
      this.session.held = false;
      socket.resume();
      this.respond(answer, corrId);
    }, heldMs);
    this.res.once('close', () => clearTimeout(held));
  }

  protected abstract write(answer: Answer, headers: string[], close: boolean): void;

  protected bound(close: boolean): void {
    bound(this.res, close, this.options.writeTimeoutMs);
  }

  gone(): boolean {
    return this.res.destroyed || this.req.socket.destroyed;
  }

  proceed(): void {
    if (this.req.headers.expect !== undefined) this.res.writeContinue();
  }

  onGone(callback: () => void): void {
    this.res.once('close', () => {
      if (!this.res.writableFinished) callback();
    });
  }
}

/** Longer bodies are not worth copying once more to spare a system call its vector. */
const ONE_WRITE_MAX = 16_384;

class DirectSink extends NodeSink {
  protected override write(answer: Answer, headers: string[], close: boolean): void {
    const { body } = answer;
    const { res } = this;
    const bytes = Buffer.byteLength(body);
    headers.push('content-length', String(bytes));
    res.writeHead(answer.status, headers);
    if (bytes !== body.length || bytes > ONE_WRITE_MAX) res.end(body);
    else {
      // Head and body as one text in one write: `end` with a body would gather them in a vector, at twice the cost.
      res.write(body, 'latin1');
      res.uncork();
      res.end();
    }
    this.bound(close);
  }
}

class WebSink extends NodeSink {
  resolve: (response: Response) => void = () => {};

  protected override write(answer: Answer, headers: string[], close: boolean): void {
    const pairs: [string, string][] = [];
    for (let i = 0; i < headers.length; i += 2) pairs.push([headers[i] as string, headers[i + 1] as string]);
    this.resolve(new Response(answer.body, { status: answer.status, headers: pairs }));
    setImmediate(() => this.bound(close));
  }
}

/**
 * A response that its reader does not take is cut by an absolute deadline (D1): `server.timeout` would wait for ever on
 * a reader that drips. A connection that closes is closed by us once the response is out.
 */
function bound(res: ServerResponse, close: boolean, writeTimeoutMs: number): void {
  if (res.writableLength === 0 && !close) return;
  const socket = res.socket;
  const deadline = setTimeout(() => socket?.destroy(), writeTimeoutMs);
  res.once('close', () => clearTimeout(deadline));
  res.once('finish', () => clearTimeout(deadline));
}

/** The same routes on h3. Its handlers return web responses; the gateway decides what is in them. */
function h3Handler(options: DispatchOptions): NodeRequestHandler {
  const app = new H3({ debug: false });
  for (const route of ROUTES) {
    app.on(route.method, route.path.replace('{msg_id}', ':msg_id'), (event) => {
      const { req, res } = (event.req.runtime as { node: { req: IncomingMessage; res: ServerResponse } }).node;
      return new Promise<Response>((resolve) => {
        const sink = new WebSink(req, res, options);
        sink.resolve = resolve;
        options.gateway.handle(req, match(req.method ?? '', req.url ?? ''), sink);
      });
    });
  }
  return toNodeHandler(app) as NodeRequestHandler;
}
