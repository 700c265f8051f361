import type { IncomingMessage, ServerResponse } from 'node:http';
import { H3 } from 'h3';
import { toNodeHandler } from 'h3/node';
import type { Gateway, Sink } from './gateway.ts';
import type { Answer } from './reply.ts';
import { match, ROUTES } from './routes.ts';

/** Two ways to the one gateway: straight from node:http for the hot routes, through h3 for the others. */
export type DispatchMode = 'hot-direct' | 'all-h3' | 'all-direct';

/** Response headers of an answer. `closing`: the connection goes after it. */
function headersOf(answer: Answer, corrId: string, closing: boolean): string[] {
  const headers = ['content-type', 'application/json', 'x-corr-id', corrId, 'cache-control', 'no-store'];
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
  const { gateway, mode, closing, writeTimeoutMs } = options;
  const direct: NodeRequestHandler = (req, res) => {
    gateway.handle(
      req,
      sinkOf(req, res, (answer, corrId) => {
        const close = answer.close === true || closing();
        const headers = headersOf(answer, corrId, close);
        headers.push('content-length', String(Buffer.byteLength(answer.body)));
        res.writeHead(answer.status, headers);
        res.end(answer.body);
        bound(res, close, writeTimeoutMs);
      }),
    );
  };
  if (mode === 'all-direct') return direct;
  const throughH3 = h3Handler(options);
  return (req, res) => {
    const url = req.url ?? '';
    const mark = url.indexOf('?');
    const found = match(req.method ?? '', mark < 0 ? url : url.slice(0, mark));
    // h3 sees routes only: what has none may not even be a request that the web's Request can hold (TRACE).
    const routed = found !== null && typeof found !== 'string';
    (routed && (mode === 'all-h3' || found.route.hot !== true) ? throughH3 : direct)(req, res);
  };
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

function sinkOf(req: IncomingMessage, res: ServerResponse, respond: (answer: Answer, corrId: string) => void): Sink {
  return {
    respond: (answer, corrId) => {
      if (!res.headersSent && !res.destroyed) respond(answer, corrId);
    },
    gone: () => res.destroyed || req.socket.destroyed,
    proceed: () => {
      if (req.headers.expect !== undefined) res.writeContinue();
    },
    onGone: (callback) => {
      res.once('close', () => {
        if (!res.writableFinished) callback();
      });
    },
  };
}

/** The same routes on h3. Its handlers return web responses; the gateway decides what is in them. */
function h3Handler({ gateway, closing, writeTimeoutMs }: DispatchOptions): NodeRequestHandler {
  const app = new H3({ debug: false });
  const handle = (event: { readonly runtime?: unknown }): Promise<Response> => {
    const { node } = event.runtime as { node: { req: IncomingMessage; res: ServerResponse } };
    const { req, res } = node;
    return new Promise((resolve) => {
      gateway.handle(
        req,
        sinkOf(req, res, (answer, corrId) => {
          const close = answer.close === true || closing();
          const headers = headersOf(answer, corrId, close);
          const pairs: [string, string][] = [];
          for (let i = 0; i < headers.length; i += 2) pairs.push([headers[i] as string, headers[i + 1] as string]);
          resolve(new Response(answer.body, { status: answer.status, headers: pairs }));
          setImmediate(() => bound(res, close, writeTimeoutMs));
        }),
      );
    });
  };
  for (const route of ROUTES)
    app.on(route.method, route.path.replace('{msg_id}', ':msg_id'), (event) => handle(event.req));
  return toNodeHandler(app) as NodeRequestHandler;
}
