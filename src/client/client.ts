import type { AnswerOf, BodyOf, RequestOf } from '../api/types.ts';
import { errorOf, MailboxError, noMailbox, objectIn } from './error.ts';
import {
  type Answered,
  APP,
  framesOf,
  OTHER_VERSION,
  receivedIn,
  resultsIn,
  sentIn,
  type UnitBody,
  type Version,
} from './frames.ts';
import { linesOf } from './lines.ts';
import { aboutOf } from './nodes.ts';
import { eachOf } from './pages.ts';
import { type ClientOptions, Transport } from './transport.ts';
import type {
  AckResult,
  DeadLetter,
  DeadLetterQuery,
  DeadLetters,
  DecisionLine,
  DecisionQuery,
  Envelope,
  FeedLine,
  FeedQuery,
  FrameMessage,
  FramesReceived,
  Lease,
  MessageQuery,
  Messages,
  MessagesQuery,
  NackBody,
  NackResult,
  NodeState,
  PublicJwk,
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

const FLAG_200 = { headers: { 'x-idempotency-mode': '200-flag' } };
interface Results<T> {
  readonly results: readonly T[];
}
/** A request that may be given up: what the server does with it then is not known. */
interface Leaving {
  readonly signal?: AbortSignal | undefined;
}

/** The typed client of the HTTP interface (`docs/protocol.md`). Needs a `fetch`, nothing else. */
export class MailboxClient {
  protected readonly transport: Transport;
  /** Of frames. */
  private version: Version = 2;

  constructor(options: ClientOptions) {
    this.transport = new Transport(options);
  }

  /** Safe to repeat: the idem_key makes a second try the same send. A duplicate is a success. */
  send(body: SendBody): Promise<Sent> {
    return this.transport.retrying(() => this.transport.post('/v1/send', body, FLAG_200));
  }
  /** At most 256, one result each, in order; some may be refused. */
  async sendBatch(messages: readonly SendBody[]): Promise<readonly SendResult[]> {
    const answer = await this.transport.retrying(() =>
      this.transport.post<Results<SendResult>>('/v1/send/batch', { messages }, FLAG_200),
    );
    return answer.results;
  }
  /** As `sendBatch`, in frames: payloads go as they are, up to about 1 MiB together. */
  sendFrames(messages: readonly FrameMessage[]): Promise<readonly SendResult[]> {
    return this.transport.retrying(() => this.sendFramesOnce(messages));
  }
  /** The same, tried once: whoever repeats it repeats the same keys. */
  sendFramesOnce(messages: readonly FrameMessage[], { signal }: Leaving = {}): Promise<readonly SendResult[]> {
    const read = (answered: Answered) => resultsIn(answered, messages.length);
    return this.postFrames('/v1/send', { app: APP.send, units: messages.map(unitOf) }, read, { ...FLAG_200, signal });
  }
  /** As `send`, in a frame: the payload goes as it is, up to about 1 MiB. */
  sendBytes(message: FrameMessage): Promise<Sent> {
    const asked = { app: APP.send, units: [unitOf(message)] };
    return this.transport.retrying(() => this.postFrames('/v1/send', asked, sentIn, FLAG_200));
  }
  /** Not tried again by itself: messages of an answer that is lost come back when their leases are over. */
  recv(body: RecvBody): Promise<Received> {
    return this.transport.post('/v1/recv', body, { waitMs: body.wait_ms ?? 0 });
  }
  recvFrames(body: RecvBody, { signal }: Leaving = {}): Promise<FramesReceived> {
    const read = (answered: Answered) => receivedIn(answered, body.acks);
    const more = { signal, waitMs: body.wait_ms ?? 0 };
    return this.postFrames('/v1/recv', { app: APP.recv, units: [{ json: body }] }, read, more);
  }
  /**
   * Messages as they come, until there are `max_messages`, nothing came for `wait_ms`, the caller has enough or `signal`
   * says so. @throws MailboxError when the server ends it, as it does when it drains or the capability ends
   */
  stream(body: StreamBody, signal?: AbortSignal): AsyncGenerator<Envelope> {
    return this.lines('POST', '/v1/recv/stream', body, signal);
  }
  ack(msgId: string, receipt: string): Promise<AnswerOf<'ack'>> {
    return this.transport.retrying(() => this.transport.post(`/v1/ack/${msgId}`, { receipt }));
  }
  ackBatch(acks: readonly Lease[]): Promise<readonly AckResult[]> {
    return this.transport.retrying(() => this.ackBatchOnce(acks));
  }
  /** The same, tried once: it may be said again, which changes nothing where it was done. */
  async ackBatchOnce(acks: readonly Lease[]): Promise<readonly AckResult[]> {
    return (await this.transport.post<Results<AckResult>>('/v1/ack/batch', { acks })).results;
  }
  nack(msgId: string, body: NackBody): Promise<AnswerOf<'nack'>> {
    return this.transport.retrying(() => this.transport.post(`/v1/nack/${msgId}`, body));
  }
  nackBatch(nacks: readonly BodyOf<'nack_item'>[]): Promise<readonly NackResult[]> {
    return this.transport.retrying(() => this.nackBatchOnce(nacks));
  }
  async nackBatchOnce(nacks: readonly BodyOf<'nack_item'>[]): Promise<readonly NackResult[]> {
    return (await this.transport.post<Results<NackResult>>('/v1/nack/batch', { nacks })).results;
  }
  extend(msgId: string, body: RequestOf<'extend'>): Promise<AnswerOf<'extend'>> {
    return this.transport.post(`/v1/extend/${msgId}`, body);
  }
  stats(topic: string): Promise<TopicStats> {
    return this.transport.get('/v1/stats', { topic });
  }
  topics(query: TopicsQuery = {}): Promise<Topics> {
    return this.transport.get('/v1/topics', query);
  }
  eachTopic(query: TopicsQuery = {}): AsyncGenerator<Topics['topics'][number], void, undefined> {
    return eachOf(
      (cursor = query.cursor) => this.topics(cursor === undefined ? query : { ...query, cursor }),
      (page) => page.topics,
    );
  }
  /** Messages of a topic that are not over; nothing is leased. */
  messages(query: MessagesQuery): Promise<Messages> {
    return this.transport.get('/v1/messages', query);
  }
  eachMessage(query: MessagesQuery): AsyncGenerator<Messages['messages'][number], void, undefined> {
    return eachOf(
      (cursor = query.cursor) => this.messages(cursor === undefined ? query : { ...query, cursor }),
      (page) => page.messages,
    );
  }
  message(msgId: string, query: MessageQuery = {}): Promise<Shown> {
    return this.transport.get(`/v1/messages/${msgId}`, query);
  }
  /**
   * Facts as they become durable, until nothing came for `wait_ms`, the caller has enough or `signal` says so; lines that have a cursor
   * alone say how far it is. @throws MailboxError when the server ends it or the connection breaks: then it goes on `after` the last cursor
   */
  feed(query: FeedQuery, signal?: AbortSignal): AsyncGenerator<FeedLine> {
    return this.lines('GET', `/v1/feed?${new URLSearchParams(query)}`, null, signal);
  }
  /** How full the bounds of the process are that answers. */
  node(): Promise<NodeState> {
    return this.transport.get('/v1/node', {});
  }
  /** What this process decided of who may do what, in the same way; for a capability of topic `mailbox.admin`. */
  decisions(query: DecisionQuery = {}, signal?: AbortSignal): AsyncGenerator<DecisionLine> {
    return this.lines('GET', `/v1/feed/decisions?${new URLSearchParams(query)}`, null, signal);
  }
  startRedrive(body: RedriveBody): Promise<Redrive> {
    return this.transport.post('/v1/dlq/redrives', body);
  }
  redrive(id: string): Promise<Redrive> {
    return this.transport.get(`/v1/dlq/redrives/${id}`, {});
  }
  cancelRedrive(id: string): Promise<Redrive> {
    return this.transport.delete(`/v1/dlq/redrives/${id}`);
  }
  deadLetters(query: DeadLetterQuery): Promise<DeadLetters> {
    return this.transport.get('/v1/dlq', query);
  }
  /** All of them, page by page as they are gone through. */
  eachDeadLetter(query: DeadLetterQuery): AsyncGenerator<DeadLetter, void, undefined> {
    const ask = (cursor = query.cursor) => this.deadLetters(cursor === undefined ? query : { ...query, cursor });
    return eachOf(ask, (page) => page.dead_letters);
  }
  reprocess(body: ReprocessBody): Promise<Reprocessed> {
    return this.transport.post('/v1/dlq/reprocess', body);
  }
  purge(body: PurgeBody): Promise<AnswerOf<'purge'>> {
    return this.transport.post('/v1/dlq/purge', body);
  }
  revoke(body: RevokeBody): Promise<AnswerOf<'revoke'>> {
    return this.transport.post('/v1/admin/revoke', body);
  }

  /** Keys that sign envelopes, for `verifyEnvelope`. Fetched once over a channel you trust, and pinned. */
  async keys(): Promise<readonly PublicJwk[]> {
    return (await this.transport.get<{ keys: readonly PublicJwk[] }>('/v1/keys', {})).keys;
  }

  /** In the newest version of frames; a server of before refuses that, having done nothing, and is asked in the first from then on. */
  private async postFrames<T>(
    path: string,
    { app, units }: { readonly app: number; readonly units: readonly UnitBody[] },
    read: (answered: Answered) => Promise<T | typeof OTHER_VERSION>,
    more: Parameters<Transport['postFrames']>[3],
  ): Promise<T> {
    const about = aboutOf(path, Object(units[0]?.json).topic);
    const ask = (version: Version) =>
      this.transport.postFrames(path, framesOf(app, units, version), (response) => read({ response, version }), {
        about,
        ...more,
      });
    const answer = await ask(this.version);
    if (answer !== OTHER_VERSION) return answer;
    this.version = 1;
    return (await ask(this.version)) as T;
  }

  /** An answer of lines, each an object, for as long as it lasts. @throws MailboxError when the server ends it with one, or it breaks off */
  private async *lines<T>(
    method: 'GET' | 'POST',
    path: string,
    body: object | null,
    signal?: AbortSignal,
  ): AsyncGenerator<T> {
    const leaving = new AbortController();
    const either = signal === undefined ? leaving.signal : AbortSignal.any([signal, leaving.signal]);
    const { response, brokenOff } = await this.transport.lines(method, path, body, either);
    try {
      for await (const line of linesOf(response)) {
        const value = objectIn(line);
        if (value === null) throw noMailbox(response.status);
        if ('code' in value) throw errorOf(response.status, value);
        yield value as T;
      }
    } catch (error) {
      // Left by `signal`, it ends with what that was aborted with.
      if (error instanceof MailboxError || either.aborted) throw error;
      throw brokenOff(error);
    } finally {
      leaving.abort();
    }
  }
}

const unitOf = ({ payload, ...json }: FrameMessage): UnitBody => ({ json, payload });
