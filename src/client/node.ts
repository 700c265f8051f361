import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import { Readable } from 'node:stream';

export interface NodeFetchOptions {
  /** Path of a Unix socket to go through, whatever host a URL names. */
  readonly socketPath?: string | undefined;
  /** PEM certificates to trust instead of those that Node comes with. */
  readonly ca?: string | undefined;
}

/** A `fetch` for what the one of Node does not do: Unix sockets, and certificates of one's own. Keeps connections. */
export function nodeFetch({ socketPath, ca }: NodeFetchOptions): typeof fetch {
  const agent = new Agent({ keepAlive: true });
  const tlsAgent = new TlsAgent({ keepAlive: true, minVersion: 'TLSv1.3', ...(ca === undefined ? {} : { ca }) });
  return (input, init = {}) => {
    const url = new URL(String(input));
    const isTls = url.protocol === 'https:';
    const headers = init.headers as Record<string, string>;
    const { signal } = init;
    const options = {
      method: init.method ?? 'GET',
      headers,
      agent: isTls ? tlsAgent : agent,
      ...(signal == null ? {} : { signal }),
      ...(socketPath === undefined ? {} : { socketPath }),
    };
    return new Promise((resolve, reject) => {
      const onResponse = (res: IncomingMessage): void => resolve(responseOf(res));
      const req: ClientRequest = isTls ? httpsRequest(url, options, onResponse) : httpRequest(url, options, onResponse);
      req.on('error', reject);
      req.end(init.body ?? undefined);
    });
  };
}

function responseOf(res: IncomingMessage): Response {
  const headers = Object.entries(res.headers).map(([name, value]): [string, string] => [name, String(value)]);
  return new Response(Readable.toWeb(res) as ReadableStream, { status: res.statusCode ?? 0, headers });
}
