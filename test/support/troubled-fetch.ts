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
  const underWay = new Set<Outgoing>();
  const fetching: typeof fetch = async (input, init = {}) => {
    const headers = new Headers(init.headers);
    const body = typeof init.body === 'string' ? new TextEncoder().encode(init.body) : (init.body as Uint8Array);
    const request = { path: new URL(String(input)).pathname, body, token: headers.get('authorization') ?? '' };
    requests.push(request);
    underWay.add(request);
    try {
      return await answer(request, input, init);
    } finally {
      underWay.delete(request);
    }
  };
  async function answer(request: Outgoing, input: Parameters<typeof fetch>[0], init: RequestInit): Promise<Response> {
    const fate = fateOf(request, requests.length - 1);
    if (fate instanceof Response) return fate;
    if (fate === 'unsent') throw new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } });
    const response = await fetch(input, init);
    // Whole: whoever waits for it has it without waiting for the network once more.
    const body = await response.arrayBuffer();
    if (fate === 'through') return new Response(body, response);
    throw new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } });
  }
  const pathsOf = (some: Iterable<Outgoing>) => Array.from(some, ({ path }) => path);
  return { fetch: fetching, requests, paths: () => pathsOf(requests), underWay: () => pathsOf(underWay) };
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
