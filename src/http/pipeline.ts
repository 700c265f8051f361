import type { IncomingMessage } from 'node:http';
import { type Op, OUTCOMES, type Outcome } from '../../spec/vocabulary.ts';
import type { Refusing } from '../api/errors.ts';
import type { Capability, Session } from '../auth/authorize.ts';
import type { MailboxNode } from '../node/node.ts';
import { Turns } from '../node/turns.ts';
import type { FeedRequest, StreamRequest } from '../service/messages.ts';
import type { AccessLog } from './access-log.ts';
import { Asking } from './asking.ts';
import { type BodyRules, type Peek, readBody } from './body.ts';
import { BodyMemory, type MayTake } from './body-memory.ts';
import { connectionOf, knownConnection } from './connection.ts';
import { HttpExchange, type ResponseWriter } from './exchange.ts';
import { NdjsonFeedReader } from './formats/feed.ts';
import { FramesFormat, firstCapability, framed } from './formats/frames.ts';
import { NdjsonReader } from './formats/stream.ts';
import { OAP_TYPE } from './formats/units.ts';
import { type Head, hasBody } from './head.ts';
import { Malformed, PARTS_OF_BATCH, PARTS_OF_ONE, parseJson } from './json.ts';
import { partOf } from './merged-batch.ts';
import { NodeRoutes } from './node-routes.ts';
import {
  deniedAnswer,
  flagOf,
  isReadable,
  MANY_OF_TENANT,
  NO_BODY,
  NO_PATH,
  queryOf,
  tooLarge,
  unread,
} from './reading.ts';
import { type Answer, refusal, refuse } from './reply.ts';
import type { Found, Match, Route } from './routes.ts';
import type { Routing } from './routing.ts';
import { TenantConnections } from './tenant-connections.ts';

/** What may change while the server runs. */
export interface PipelineRules extends BodyRules {
  readonly heartbeatMs: number;
}

export interface PipelineOptions {
  readonly node: MailboxNode;
  readonly accessLog: AccessLog;
  /** Body of `GET /v1/keys`. */
  readonly publicKeys: () => string;
  readonly rules: PipelineRules;
  /** Connections there may be. */
  readonly connectionsMax: () => number;
  readonly adminEnabled: boolean;
  /** Bodies are overwritten once they are parsed (I1). */
  readonly overwrites: boolean;
  /** Where nodes share shards: what is for another one. */
  readonly routing?: Routing;
}

/**
 * The way of a request through HTTP: head, capability, body, node, response, in the order of rule BD2. Every dispatcher brings its
 * requests here; nothing else answers.
 */
export class Pipeline {
  private readonly options: PipelineOptions;
  readonly accessLog: AccessLog;
  rules: PipelineRules;
  private readonly node: MailboxNode;
  private readonly nodeRoutes: NodeRoutes;
  private readonly asking: Asking;
  /** Of bodies that are being read. */
  readonly bodies: BodyMemory;
  private readonly connections: TenantConnections;
  private readonly turns = new Turns(setImmediate);

  constructor(options: PipelineOptions) {
    this.options = options;
    this.node = options.node;
    this.rules = options.rules;
    this.accessLog = options.accessLog;
    const mayTake: MayTake = (bound, used, own) => this.node.service.mayTenantTake(bound, used, own);
    this.bodies = new BodyMemory(mayTake);
    this.connections = new TenantConnections({
      tenantOf: (capability) => this.tenantOf(capability),
      ...{ mayTake, connectionsMax: options.connectionsMax },
    });
    this.nodeRoutes = new NodeRoutes(options.node, options.publicKeys);
    this.asking = new Asking({
      ...{ node: options.node, routing: options.routing ?? null },
      guarded: (exchange, step) => this.guarded(exchange, step),
      letGo: (exchange) => this.letGo(exchange),
      weigh: (exchange, answer) => this.weigh(exchange, answer),
      finish: (exchange, answer) => this.finish(exchange, answer),
      passOn: (exchange, answer) => this.passOn(exchange, answer),
    });
  }

  /** What a connection starts with. */
  newSession(): Session {
    return this.node.authority.newSession();
  }

  /** Handles one request; whatever is thrown on the way is a 500, a counter and a log line. */
  handle(req: IncomingMessage, found: Found, writer: ResponseWriter): void {
    const exchange = new HttpExchange(req, found, writer, this.accessLog);
    this.guarded(exchange, () => {
      const refused = this.place(exchange);
      if (refused !== null) this.finish(exchange, refused);
      else if (exchange.route?.ops === null || bringsItsOwn(exchange)) this.enter(exchange);
      else
        this.identify(exchange, exchange.head.authorization, (denied) => {
          if (denied === null) this.guarded(exchange, () => this.enter(exchange));
          else this.finish(exchange, denied);
        });
    });
  }

  private guarded(exchange: HttpExchange, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(exchange, error);
    }
  }

  // ---- before the body

  /** What is refused whoever asks. */
  private place(exchange: HttpExchange): Answer | null {
    const { head, found } = exchange;
    if (head.fault !== null) return { ...refuse(exchange, 'schema', { message: head.fault }), close: true };
    if (found === null) return refuse(exchange, 'not_found', NO_PATH);
    if (typeof found === 'string') return refuse(exchange, 'method', { allow: found });
    const { route } = found;
    if (route.admin === true && !this.options.adminEnabled) return refuse(exchange, 'not_found', NO_PATH);
    exchange.route = route;
    exchange.isFrames = route.frames !== null && head.contentType?.toLowerCase() === OAP_TYPE;
    return route.ops === null && hasBody(head) ? refuse(exchange, 'schema', NO_BODY) : null;
  }

  /** Who sends this header; or the answer to whoever does. */
  private identify(exchange: HttpExchange, header: string | undefined, done: (denied: Answer | null) => void): void {
    const ops = exchange.route?.ops as readonly Op[];
    this.node.authentication.identify(exchange, header, ops, (denied) =>
      done(denied === null ? this.seat(exchange) : deniedAnswer(exchange, denied)),
    );
  }

  /** The connection counts under the tenant who asks (BD5); the answer where that has too many of them. */
  private seat(exchange: HttpExchange): Answer | null {
    const connection = knownConnection(exchange.req.socket);
    if (connection === undefined || this.connections.admit(connection, exchange.capability as Capability)) return null;
    return { ...refuse(exchange, 'saturated_tenant', { message: MANY_OF_TENANT }), close: true };
  }

  private tenantOf(capability: Capability | null): string {
    return capability === null ? '' : this.node.service.tenantOf(capability.reach);
  }

  /** Refuses what can be refused before the body is read, then reads it. */
  private enter(exchange: HttpExchange): void {
    const refused = exchange.route?.ops === null ? null : this.admit(exchange);
    if (refused !== null) this.finish(exchange, refused);
    else this.read(exchange);
  }

  private admit(exchange: HttpExchange): Answer | null {
    const { head } = exchange;
    if (exchange.route?.method !== 'POST') return hasBody(head) ? refuse(exchange, 'schema', NO_BODY) : null;
    if (head.contentLength > this.rules.bytesMax)
      return refuse(exchange, 'too_large', { message: tooLarge(this.rules) });
    if (head.query !== '') return refuse(exchange, 'schema', { message: 'query: none is taken here' });
    return isReadable(exchange) ? null : refuse(exchange, 'media_type');
  }

  // ---- the body

  private read(exchange: HttpExchange): void {
    const { head, client } = exchange;
    const route = exchange.route as Route;
    if (route.method !== 'POST') {
      if (route.ops === null) return this.serve(exchange, null);
      return this.inTurn(exchange, 0, () => this.serve(exchange, queryOf(head.query)));
    }
    client.proceed();
    const count = { memory: this.bodies, tenant: () => this.tenantOf(exchange.capability) };
    const reader = readBody(exchange.req, head, this.rules, count, this.peekAt(exchange), (body, giveBack) => {
      if (typeof body !== 'string')
        return this.inTurn(exchange, body.length, () => this.serveBody(exchange, body), giveBack);
      exchange.bodyBytes = this.readAtMost(head);
      this.guarded(exchange, () => this.finish(exchange, unread(body, this.rules, exchange.corrId)));
    });
    if (reader !== null) client.onLate(reader);
  }

  /** Goes on with what is read of it when its tenant has its turn (BD5); `begun` is told of that, whatever becomes of it. */
  private inTurn(exchange: HttpExchange, bytes: number, step: () => void, begun = nothing): void {
    const work = { bytes, begun, step: () => this.guarded(exchange, step) };
    this.turns.take(
      connectionOf(exchange.req.socket, () => this.newSession()),
      work,
    );
  }

  private serveBody(exchange: HttpExchange, body: Buffer): void {
    const route = exchange.route as Route;
    exchange.bodyBytes = body.length;
    if (exchange.isFrames) return this.serveFrames(exchange, body);
    const value = parseJson(body, route.item === undefined ? PARTS_OF_ONE : PARTS_OF_BATCH);
    if (this.options.routing !== undefined) exchange.body = body;
    else if (this.options.overwrites) body.fill(0);
    this.serve(exchange, value);
  }

  /** Of a body that was given up: it may have been all of it. */
  private readAtMost({ contentLength }: Head): number {
    return Math.min(contentLength > 0 ? contentLength : Number.POSITIVE_INFINITY, this.rules.bytesMax);
  }

  /** Without a capability in the head no more is read than the first frame's own. */
  private peekAt(exchange: HttpExchange): Peek | null {
    if (!bringsItsOwn(exchange)) return null;
    return (start, then) => {
      const first = firstCapability(start);
      if (first === 'more' && start.length < exchange.head.contentLength) return false;
      const header = first === 'more' || first.token === null ? undefined : `Bearer ${first.token}`;
      this.identify(exchange, header, (denied) => {
        if (denied !== null) this.finish(exchange, { ...denied, close: true });
        then(denied === null);
      });
      return true;
    };
  }

  // ---- the node

  /** The body took its time: what the capability was then is not what it is now (AU3). */
  private hasEnded(exchange: HttpExchange): boolean {
    const ended = this.node.requests.ended(exchange, exchange.route?.ops?.[0] as Op);
    if (ended !== null) this.finish(exchange, refusal(ended.outcome as Refusing, exchange.corrId));
    return ended !== null;
  }

  private serve(exchange: HttpExchange, value: unknown): void {
    if (this.hasEnded(exchange)) return;
    const { head, corrId } = exchange;
    const route = exchange.route as Route;
    if (route.json !== null) {
      const { msgId } = exchange.found as Match;
      const capability = exchange.capability as Capability;
      const input = { value, msgId, corrId, capability, flag200: flagOf(head) };
      const { json } = route;
      const again = route.item === undefined ? null : (items: readonly number[]) => partOf(json, input, items);
      this.asking.ask(exchange, json(input), false, again);
    } else if (route.stream !== null) this.serveStream(exchange, route.stream(value));
    else if (route.feed !== null) this.serveFeed(exchange, route.feed(value));
    else this.nodeRoutes.answer(exchange, route.path, value, (answer) => this.finish(exchange, answer));
  }

  private serveStream(exchange: HttpExchange, request: StreamRequest): void {
    this.asking.follow(exchange, request.topic, () => {
      this.letGo(exchange);
      const reader = new NdjsonReader(exchange, request, (answer) => this.finish(exchange, answer));
      this.node.requests.openStream(exchange, request, { heartbeatMs: this.rules.heartbeatMs, reader });
    });
  }

  private serveFeed(exchange: HttpExchange, request: FeedRequest): void {
    this.asking.follow(exchange, request.topic, () => {
      const reader = new NdjsonFeedReader(exchange, (answer) => this.finish(exchange, answer));
      const { heartbeatMs } = this.rules;
      this.node.requests.openFeed(exchange, request, { heartbeatMs, gatherMs: FEED_GATHER_MS, reader });
    });
  }

  private serveFrames(exchange: HttpExchange, body: Buffer): void {
    if (this.hasEnded(exchange)) return;
    if (this.options.routing !== undefined) exchange.body = body;
    const frames = new FramesFormat(exchange, body, this.rules, flagOf(exchange.head));
    this.node.authentication.identifyAll(exchange, frames.tokens, (found, held) => {
      this.guarded(exchange, () => {
        frames.open(found);
        this.asking.ask(exchange, frames, held);
      });
    });
  }

  // ---- the response

  /** What no quota counts is counted too (BD4). */
  private weigh(exchange: HttpExchange, answer: Answer): void {
    const { capability } = exchange;
    if (capability === null) return;
    const { outcome, refusedItems } = answer;
    const items = refusedItems === undefined ? 0 : refusedItems.filter(isMalformed).length;
    if (items > 0 || isMalformed(outcome)) capability.refused(exchange.bodyBytes, items, this.node.clock.nowMs());
    else if (answer.status === 200) capability.taken();
  }

  private fail(exchange: HttpExchange, error: unknown): void {
    if (error instanceof Malformed) {
      return this.finish(exchange, refusal('schema', exchange.corrId, { message: error.message }));
    }
    this.accessLog.failed(exchange, error);
    this.finish(exchange, refusal('internal', exchange.corrId, { close: true }));
  }

  /** What another node answered: it has charged for it, and counts what it refused. */
  private passOn(exchange: HttpExchange, answer: Answer): void {
    this.letGo(exchange);
    this.accessLog.answered(exchange, answer);
    exchange.client.respond(
      exchange.isFrames && answer.type === undefined ? framed(answer, exchange.route as Route) : answer,
      exchange.corrId,
    );
  }

  /** The body is not sent on any more. Of frames the payloads may be parts of it. */
  private letGo(exchange: HttpExchange): void {
    if (this.options.overwrites && !exchange.isFrames) exchange.body?.fill(0);
    exchange.body = null;
  }

  private finish(exchange: HttpExchange, answer: Answer): void {
    this.letGo(exchange);
    this.weigh(exchange, answer);
    this.accessLog.answered(exchange, answer);
    const response = exchange.isFrames && answer.type === undefined ? framed(answer, exchange.route as Route) : answer;
    if (!exchange.client.respond(response, exchange.corrId)) this.node.requests.written(exchange);
  }
}

/** How much later than at once a fact is told to who has had all before it. */
const FEED_GATHER_MS = 50;

const nothing = (): void => {};

const isMalformed = (outcome: Outcome): boolean => OUTCOMES[outcome].family === 'malformed';

/** Frames may bring their capabilities themselves, where the head brings none and the body is not encoded. */
const bringsItsOwn = ({ isFrames, head }: HttpExchange): boolean =>
  isFrames && head.authorization === undefined && head.contentEncoding === undefined;
