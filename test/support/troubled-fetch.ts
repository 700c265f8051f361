/** A request as it goes out. */
export interface Outgoing {
  readonly path: string;
  readonly body: Uint8Array;
  /** The capability that it brings. */
  readonly token: string;
}

/** What happens to one request: it goes through, nobody gets it, its answer is lost, or something else answers. */
export type Fate = 'through' | 'unsent' | 'unanswered' | Response;

/** A `fetch` between a client and a real server, which decides of each request what becomes of it, and remembers them all. */
export function troubledFetch(fateOf: (request: Outgoing, number: number) => Fate) {
  const requests: Outgoing[] = [];
  const fetching: typeof fetch = async (input, init = {}) => {
    const headers = new Headers(init.headers);
    const body = typeof init.body === 'string' ? new TextEncoder().encode(init.body) : (init.body as Uint8Array);
    const request = { path: new URL(String(input)).pathname, body, token: headers.get('authorization') ?? '' };
    requests.push(request);
    const fate = fateOf(request, requests.length - 1);
    if (fate instanceof Response) return fate;
    if (fate === 'unsent') throw new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } });
    const response = await fetch(input, init);
    if (fate === 'through') return response;
    await response.arrayBuffer();
    throw new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } });
  };
  return { fetch: fetching, requests, paths: () => requests.map(({ path }) => path) };
}

/** An answer of the error table, as the server would give it. */
export const refusal = (
  status: number,
  code: string,
  more: Record<string, unknown> = {},
  retryAfterS?: number,
): Response =>
  new Response(JSON.stringify({ code, message: 'as a test wants it', corr_id: 'c', ...more }), {
    status,
    headers: retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) },
  });
