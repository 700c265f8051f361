import { type Backoff, backoffMs, type Clock, systemClock, TIMER_MS_MAX } from './clock.ts';
import { errorOf, MailboxError, noMailbox, objectIn, retryAfterMsOf, UnreachableError, type Wait } from './error.ts';
import { OAP_TYPE } from './frames.ts';
import { aboutOf, Nodes, OWNER } from './nodes.ts';

/** A capability, or what gives the one of the moment: it is asked before each request, so that it may be renewed in time. */
export type CapabilitySource = string | (() => string | Promise<string>);

export interface ClientOptions {
  /** Where the mailbox is; or the nodes of a cluster, each as its `node_url` is: what is known of whose a topic is goes there at once. */
  readonly url: string | readonly string[];
  readonly capability: CapabilitySource;
  /** Tries of a request that is safe to repeat, default 5. */
  readonly attempts?: number;
  readonly backoffBaseMs?: number;
  readonly backoffMaxMs?: number;
  /** Longest that a request waits altogether to be tried again; what would take longer fails at once. Default: no bound. */
  readonly retryForMs?: number;
  /** Longest that an answer may take, beyond what was asked to be waited for; then `E_UNREACHABLE`. Default 30 s. */
  readonly timeoutMs?: number;
  /** Called before each such wait. */
  readonly onWait?: (wait: Wait) => void;
  /** Another `fetch`: `nodeFetch`, or one for tests. */
  readonly fetch?: typeof fetch;
  /** For tests. */
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly random?: () => number;
  readonly nowMs?: () => number;
}

/** What a request has besides its method and path. */
interface Asked {
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** How long the server was asked to wait before it answers. */
  readonly waitMs?: number;
  /** What it is about that one node has. */
  readonly about?: string | null;
}

const JSON_BODY = { 'content-type': 'application/json' };

/** Requests and answers over `fetch`, whatever they are about. */
export class Transport {
  readonly clock: Clock;
  readonly backoff: Backoff;
  private readonly options: ClientOptions;
  private readonly nodes: Nodes;

  constructor(options: ClientOptions) {
    this.options = options;
    this.nodes = new Nodes(options.url);
    const { backoffBaseMs = 100, backoffMaxMs = 10_000 } = options;
    this.backoff = { backoffBaseMs, backoffMaxMs };
    const { nowMs = systemClock.nowMs, wait = systemClock.wait, random = systemClock.random } = options;
    this.clock = { nowMs, wait, random };
  }

  async get<T>(path: string, query: object): Promise<T> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const pairs = given.map(([name, value]): [string, string] => [name, String(value)]);
    const about = aboutOf(path, Object(query).topic);
    return this.whole(`GET ${path}?${new URLSearchParams(pairs)}`, { about }, jsonIn<T>);
  }

  delete<T>(path: string): Promise<T> {
    return this.whole(`DELETE ${path}`, {}, jsonIn<T>);
  }

  post<T>(path: string, body: object, { headers = {}, ...more }: Omit<Asked, 'body'> = {}): Promise<T> {
    const about = aboutOf(path, topicIn(body));
    const asked = { about, ...more, body: JSON.stringify(body), headers: { ...JSON_BODY, ...headers } };
    return this.whole(`POST ${path}`, asked, jsonIn<T>);
  }

  /** A refused unit is a result of its own; only what refuses the request as a whole throws. */
  postFrames<T>(
    path: string,
    body: Uint8Array,
    read: (response: Response) => Promise<T>,
    { headers = {}, ...more }: Omit<Asked, 'body'> = {},
  ): Promise<T> {
    return this.whole(`POST ${path}`, { ...more, body, headers: { 'content-type': OAP_TYPE, ...headers } }, read);
  }

  /**
   * The answer of lines to a request, as it comes; it lasts as long as it lasts. `brokenOff`: the error where only the beginning of it came.
   */
  async lines(
    method: 'GET' | 'POST',
    path: string,
    body: object | null,
    signal: AbortSignal,
  ): Promise<{ readonly response: Response; readonly brokenOff: (why: unknown) => UnreachableError }> {
    const asked = body === null ? {} : { body: JSON.stringify(body), headers: JSON_BODY };
    const topic = topicIn(body) ?? new URLSearchParams(path.split('?')[1]).get('topic');
    const about = aboutOf(path, topic);
    const url = this.nodes.urlFor(about);
    const response = await this.request(`${method} ${path}`, { ...asked, signal, about }, url);
    return { response, brokenOff: (why) => this.unreachable(why, url) };
  }

  /** A whole answer, in time. */
  private async whole<T>(what: string, asked: Asked, read: (response: Response) => Promise<T>): Promise<T> {
    const { timeoutMs = 30_000 } = this.options;
    const { signal, waitMs = 0, about = null } = asked;
    const url = this.nodes.urlFor(about);
    const late = new AbortController();
    const leave = (): void => late.abort();
    const timer = setTimeout(leave, Math.min(timeoutMs + waitMs, TIMER_MS_MAX));
    if (signal?.aborted === true) leave();
    signal?.addEventListener('abort', leave);
    try {
      const response = await this.request(what, { ...asked, signal: late.signal }, url);
      return await read(response);
    } catch (error) {
      if (error instanceof MailboxError || signal?.aborted === true) throw error;
      throw this.unreachable(late.signal.aborted ? `no answer in ${timeoutMs + waitMs} ms (timeoutMs)` : error, url);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', leave);
    }
  }

  /** The error of a request to which no answer came. */
  private unreachable(why: unknown, url: string): UnreachableError {
    this.nodes.failed(url);
    const { cause, code } = Object(why) as { cause?: { code?: string }; code?: string };
    const said = typeof why === 'string' ? why : (cause?.code ?? code ?? 'no answer');
    return new UnreachableError(0, 'E_UNREACHABLE', `${url}: ${said}`);
  }

  /** The response when it is good. @throws MailboxError, or what the signal was aborted with */
  private async request(
    what: string,
    { body, headers = {}, signal, about = null }: Asked,
    url: string,
  ): Promise<Response> {
    const token = await this.token();
    const [method = '', path = ''] = what.split(' ');
    const init: RequestInit = { method, headers: { authorization: `Bearer ${token}`, ...headers } };
    if (body !== undefined) init.body = body as string;
    if (signal !== undefined) init.signal = signal;
    let response: Response;
    try {
      response = await (this.options.fetch ?? fetch)(new URL(path, url), init);
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw this.unreachable(error, url);
    }
    // Another node may take it.
    if (response.status === 503) this.nodes.failed(url);
    else if (response.ok) this.nodes.learn(about, url, response.headers.get(OWNER));
    if (response.ok || response.headers.get('content-type') === OAP_TYPE) return response;
    const corr = response.headers.get('x-corr-id');
    const answer = { ...(corr === null ? {} : { corr_id: corr }), ...objectIn(await response.text()) };
    throw errorOf(response.status, answer, retryAfterMsOf(response));
  }

  /** @throws UnreachableError: whatever gives capabilities may do so later */
  private async token(): Promise<string> {
    const { capability } = this.options;
    try {
      return typeof capability === 'string' ? capability : await capability();
    } catch (error) {
      throw new UnreachableError(0, 'E_UNREACHABLE', `capability: none was given: ${String(error)}`);
    }
  }

  /** Tries again what may succeed later. */
  async retrying<T>(attempt: () => Promise<T>): Promise<T> {
    const { attempts = 5, retryForMs = Number.POSITIVE_INFINITY } = this.options;
    let leftMs = retryForMs;
    for (let tried = 1; ; tried++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof MailboxError) || !error.retryable || tried >= attempts) throw error;
        const ms = backoffMs(this.backoff, tried, error.retryAfterMs, this.clock.random());
        leftMs -= ms;
        if (leftMs < 0 || ms > TIMER_MS_MAX) throw error;
        this.options.onWait?.({ error, ms, leftMs });
        await this.clock.wait(ms);
      }
    }
  }
}

/** Of a batch, that of its first item. */
function topicIn(body: object | null): unknown {
  const { topic, messages } = Object(body) as { readonly topic?: unknown; readonly messages?: readonly unknown[] };
  return topic ?? Object(messages?.[0]).topic;
}

/** @throws MailboxError when what answers is no mailbox */
async function jsonIn<T>(response: Response): Promise<T> {
  const value = objectIn(await response.text());
  if (value === null) throw noMailbox(response.status);
  return value as T;
}
