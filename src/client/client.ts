import type { AnswerOf, BodyOf, RequestOf } from '../api/types.ts';
import type { PublicJwk } from '../integrity/signature.ts';
import { APP_PROTO } from '../wire/frame.ts';
import { errorOf, MailboxError, noMailbox, objectIn, retryAfterMsOf, type Wait } from './error.ts';
import { framesOf, OAP_TYPE, receivedIn, resultsIn, sentIn, type UnitBody } from './frames.ts';
import { linesOf } from './lines.ts';
import type {
  AckResult,
  DeadLetterQuery,
  DeadLetters,
  Envelope,
  FeedLine,
  FeedQuery,
  FrameMessage,
  FramesReceived,
  Lease,
  Messages,
  MessagesQuery,
  NackBody,
  NackResult,
  PurgeBody,
  Received,
  RecvBody,
  Redrive,
  RedriveBody,
  ReprocessBody,
  Reprocessed,
  RevokeBody,
  SendBody,
  SendResult,
  Sent,
  Shown,
  StreamBody,
  TopicStats,
  Topics,
  TopicsQuery,
} from './types.ts';

const JSON_BODY = { 'content-type': 'application/json' };
const FLAG_200 = { 'x-idempotency-mode': '200-flag' };
interface Results<T> {
  readonly results: readonly T[];
}

export interface ClientOptions {
  readonly url: string;
  readonly capability: string;
  /** Tries of a request that is safe to repeat, default 5. */
  readonly attempts?: number;
  readonly backoffBaseMs?: number;
  readonly backoffMaxMs?: number;
  /** Longest that a request waits altogether to be tried again; what would take longer fails at once. Default: no bound. */
  readonly retryForMs?: number;
  /** Called before each such wait. */
  readonly onWait?: (wait: Wait) => void;
  /** For tests. */
  readonly fetch?: typeof fetch;
  readonly wait?: (ms: number) => Promise<void>;
  readonly random?: () => number;
}

/** The typed client of the HTTP interface (`docs/protocol.md`). Needs a `fetch`, nothing else. */
export class MailboxClient {
  private readonly options: ClientOptions;

  constructor(options: ClientOptions) {
    this.options = options;
  }

  /** Safe to repeat: the idem_key makes a second try the same send. A duplicate is a success. */
  send(body: SendBody): Promise<Sent> {
    return this.retrying(() => this.post('/v1/send', body, FLAG_200));
  }
  /** At most 256, one result each, in order; some may be refused. */
  async sendBatch(messages: readonly SendBody[]): Promise<readonly SendResult[]> {
    const answer = await this.retrying(() => this.post<Results<SendResult>>('/v1/send/batch', { messages }, FLAG_200));
    return answer.results;
  }
  /** As `sendBatch`, in frames: payloads go as they are, up to about 1 MiB together. */
  async sendFrames(messages: readonly FrameMessage[]): Promise<readonly SendResult[]> {
    const units = messages.map(({ payload, ...json }): UnitBody => ({ json, payload }));
    const body = framesOf(APP_PROTO.send, units);
    return resultsIn(await this.retrying(() => this.postFrames('/v1/send', body, FLAG_200)));
  }
  /** As `send`, in a frame: the payload goes as it is, up to about 1 MiB. */
  sendBytes({ payload, ...json }: FrameMessage): Promise<Sent> {
    const body = framesOf(APP_PROTO.send, [{ json, payload }]);
    return this.retrying(async () => sentIn(await this.postFrames('/v1/send', body, FLAG_200)));
  }
  recv(body: RecvBody): Promise<Received> {
    return this.post('/v1/recv', body);
  }
  async recvFrames(body: RecvBody): Promise<FramesReceived> {
    return receivedIn(await this.postFrames('/v1/recv', framesOf(APP_PROTO.recv, [{ json: body }])));
  }
  /**
   * Messages as they come, until there are `max_messages`, nothing came for `wait_ms`, the caller has enough or `signal`
   * says so. @throws MailboxError when the server ends it, as it does when it drains or the capability ends
   */
  stream(body: StreamBody, signal?: AbortSignal): AsyncGenerator<Envelope> {
    return this.linesFrom('/v1/recv/stream', 'POST', JSON.stringify(body), signal) as AsyncGenerator<Envelope>;
  }

  private async *linesFrom(
    path: string,
    method: string,
    body: string | null,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<unknown> {
    const leaving = new AbortController();
    const either = signal === undefined ? leaving.signal : AbortSignal.any([signal, leaving.signal]);
    try {
      const response = await this.request(method, path, body, body === null ? {} : JSON_BODY, either);
      for await (const line of linesOf(response)) {
        const value = objectIn(line);
        if (value === null) throw noMailbox(response.status);
        if ('code' in value) throw errorOf(response.status, value);
        yield value;
      }
    } finally {
      leaving.abort();
    }
  }
  ack(msgId: string, receipt: string): Promise<AnswerOf<'ack'>> {
    return this.retrying(() => this.post(`/v1/ack/${msgId}`, { receipt }));
  }
  async ackBatch(acks: readonly Lease[]): Promise<readonly AckResult[]> {
    return (await this.retrying(() => this.post<Results<AckResult>>('/v1/ack/batch', { acks }))).results;
  }
  nack(msgId: string, body: NackBody): Promise<AnswerOf<'nack'>> {
    return this.retrying(() => this.post(`/v1/nack/${msgId}`, body));
  }
  async nackBatch(nacks: readonly BodyOf<'nack_item'>[]): Promise<readonly NackResult[]> {
    return (await this.retrying(() => this.post<Results<NackResult>>('/v1/nack/batch', { nacks }))).results;
  }
  extend(msgId: string, body: RequestOf<'extend'>): Promise<AnswerOf<'extend'>> {
    return this.post(`/v1/extend/${msgId}`, body);
  }
  stats(topic: string): Promise<TopicStats> {
    return this.get('/v1/stats', { topic });
  }
  topics(query: TopicsQuery = {}): Promise<Topics> {
    return this.get('/v1/topics', query);
  }
  /** Messages of a topic that are not over; nothing is leased. */
  messages(query: MessagesQuery): Promise<Messages> {
    return this.get('/v1/messages', query);
  }
  message(msgId: string): Promise<Shown> {
    return this.get(`/v1/messages/${msgId}`, {});
  }
  /**
   * Facts as they become durable, until nothing came for `wait_ms`, the caller has enough or `signal` says so; lines that have a cursor
   * alone say how far it is. @throws MailboxError when the server ends it
   */
  feed(query: FeedQuery, signal?: AbortSignal): AsyncGenerator<FeedLine> {
    return this.linesFrom(`/v1/feed?${new URLSearchParams(query)}`, 'GET', null, signal) as AsyncGenerator<FeedLine>;
  }
  deadLetters(query: DeadLetterQuery): Promise<DeadLetters> {
    return this.get('/v1/dlq', query);
  }
  startRedrive(body: RedriveBody): Promise<Redrive> {
    return this.post('/v1/dlq/redrives', body);
  }
  redrive(id: string): Promise<Redrive> {
    return this.get(`/v1/dlq/redrives/${id}`, {});
  }
  async cancelRedrive(id: string): Promise<Redrive> {
    return this.read(await this.request('DELETE', `/v1/dlq/redrives/${id}`, null, {}));
  }
  reprocess(body: ReprocessBody): Promise<Reprocessed> {
    return this.post('/v1/dlq/reprocess', body);
  }
  purge(body: PurgeBody): Promise<AnswerOf<'purge'>> {
    return this.post('/v1/dlq/purge', body);
  }
  revoke(body: RevokeBody): Promise<AnswerOf<'revoke'>> {
    return this.post('/v1/admin/revoke', body);
  }

  /** Keys that sign envelopes, for `verifyEnvelope`. Fetched once over a channel you trust, and pinned. */
  async keys(): Promise<readonly PublicJwk[]> {
    return (await this.get<{ keys: readonly PublicJwk[] }>('/v1/keys', {})).keys;
  }

  private async get<T>(path: string, query: Readonly<Record<string, string>>): Promise<T> {
    const asked = new URLSearchParams(query).toString();
    return this.read(await this.request('GET', asked === '' ? path : `${path}?${asked}`, null, {}));
  }
  private async post<T>(path: string, body: object, headers: Record<string, string> = {}): Promise<T> {
    return this.read(await this.request('POST', path, JSON.stringify(body), { ...JSON_BODY, ...headers }));
  }
  /** @throws MailboxError when what answers is no mailbox */
  private async read<T>(response: Response): Promise<T> {
    const value = objectIn(await response.text());
    if (value === null) throw noMailbox(response.status);
    return value as T;
  }
  /** A refused unit is a result of its own; only what refuses the request as a whole throws. */
  private async postFrames(path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
    return this.request('POST', path, body, { 'content-type': OAP_TYPE, ...headers });
  }

  /** The response when it is good. @throws MailboxError */
  private async request(
    method: string,
    path: string,
    body: string | Uint8Array | null,
    headers: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<Response> {
    const { url, capability } = this.options;
    const init: RequestInit = { method, headers: { authorization: `Bearer ${capability}`, ...headers } };
    if (body !== null) init.body = body as string;
    if (signal !== undefined) init.signal = signal;
    let response: Response;
    try {
      response = await (this.options.fetch ?? fetch)(new URL(path, url), init);
    } catch (error) {
      if (signal?.aborted === true) throw error;
      const { cause, code } = error as { cause?: { code?: string }; code?: string };
      throw new MailboxError(0, 'E_UNREACHABLE', `${url}: ${cause?.code ?? code ?? 'no answer'}`, {}, 0);
    }
    if (response.ok || response.headers.get('content-type') === OAP_TYPE) return response;
    const corr = response.headers.get('x-corr-id');
    const answer = { ...(corr === null ? {} : { corr_id: corr }), ...objectIn(await response.text()) };
    throw errorOf(response.status, answer, retryAfterMsOf(response));
  }

  /** Exponential backoff with full jitter, and never sooner than the server asks for (D6). */
  private async retrying<T>(attempt: () => Promise<T>): Promise<T> {
    const { attempts = 5, backoffBaseMs = 100, backoffMaxMs = 10_000, random = Math.random } = this.options;
    const wait = this.options.wait ?? ((ms: number) => new Promise((resolve) => setTimeout(resolve, ms)));
    let leftMs = this.options.retryForMs ?? Number.POSITIVE_INFINITY;
    for (let tried = 1; ; tried++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof MailboxError) || !error.retryable || tried >= attempts) throw error;
        const ms = error.retryAfterMs + random() * Math.min(backoffMaxMs, backoffBaseMs * 2 ** tried);
        leftMs -= ms;
        if (leftMs < 0 || ms > TIMER_MS_MAX) throw error;
        this.options.onWait?.({ error, ms, leftMs });
        await wait(ms);
      }
    }
  }
}

/** Timers of Node that are longer go off at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;
