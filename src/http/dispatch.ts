import type { IncomingMessage, ServerResponse } from 'node:http';
import { fromNodeHandler, H3 } from 'h3';
import { toNodeHandler } from 'h3/node';
import type { Session } from '../auth/authorize.ts';
import { connectionOf } from './connection.ts';
import { peerOf } from './peer.ts';
import type { Pipeline } from './pipeline.ts';
import { NodeResponseWriter, type ResponseWriterOptions } from './response-writer.ts';
import { match, ROUTES } from './routes.ts';

/** Two ways to the one pipeline: straight from node:http for the hot routes, through h3 for the others. */
export type DispatchMode = 'hot-direct' | 'all-h3' | 'all-direct';

export interface DispatchOptions extends ResponseWriterOptions {
  readonly pipeline: Pipeline;
  readonly mode: DispatchMode;
}

export type NodeRequestHandler = (req: IncomingMessage, res: ServerResponse) => void;

export function createDispatch(options: DispatchOptions): NodeRequestHandler {
  const { pipeline, mode } = options;
  const newSession = (): Session => pipeline.newSession();
  const throughH3 = h3Handler(options, newSession);
  return (req, res) => {
    const connection = connectionOf(req.socket, newSession);
    if (connection.isClosing) return;
    if (!connection.takes(res)) {
      pipeline.accessLog.cut(peerOf(req.socket), 'pipelining');
      connection.isClosing = true;
      req.socket.destroy();
      return;
    }
    const found = match(req.method ?? '', req.url ?? '');
    // h3 sees routes only: what has none may not even be a request that the web's Request can hold (TRACE).
    const routed = mode !== 'all-direct' && found !== null && typeof found !== 'string';
    if (routed && (mode === 'all-h3' || found.route.hot !== true)) throughH3(req, res);
    else pipeline.handle(req, found, new NodeResponseWriter(req, res, connection, options));
  };
}

/** The same routes on h3: it finds the handler, the pipeline writes the response. */
function h3Handler(options: DispatchOptions, newSession: () => Session): NodeRequestHandler {
  const { pipeline } = options;
  const app = new H3({ debug: false });
  const handler = fromNodeHandler((request, response) => {
    const [req, res] = [request as IncomingMessage, response as ServerResponse];
    const writer = new NodeResponseWriter(req, res, connectionOf(req.socket, newSession), options);
    pipeline.handle(req, match(req.method ?? '', req.url ?? ''), writer);
    // h3 takes a handler that is over for one that has answered.
    return new Promise<void>((resolve) => res.once('close', resolve));
  });
  for (const { method, path } of ROUTES) app.on(method, path.replace(/\{([a-z_]+)\}/, ':$1'), handler);
  return toNodeHandler(app) as NodeRequestHandler;
}
