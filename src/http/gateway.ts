import type { IncomingMessage } from 'node:http';
import type { Op } from '../../spec/vocabulary.ts';
import type { Authority, Capability, Session } from '../auth/authorize.ts';
import type { Revocation } from '../auth/revocation.ts';
import { freshCorrId, isCorrId } from '../observe/ids.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Clock } from '../ports.ts';
import type { BatchItem, Delivery, Reply, Request, StreamRequest } from '../service/messages.ts';
import type { Service } from '../service/service.ts';
import { type BodyFault, type BodyRules, type Peek, PIECES_MAX, readBody } from './body.ts';
import { RequestCaller } from './caller.ts';
import { isCoding } from './expand.ts';
import { OAP_TYPE } from './frames.ts';
import { type Head, hasBody, headOf } from './head.ts';
import { HELD_MS, Identification } from './identify.ts';
import { Malformed, PARTS_OF_BATCH, PARTS_OF_ONE, parseJson } from './json.ts';
import { Ledger, type Way as Seen } from './ledger.ts';
import { fillIn, itemsOf } from './many.ts';
import { FramesExchange, firstCapability, framed } from './oap.ts';
import { OwnRoutes } from './own-routes.ts';
import type { Readiness } from './readiness.ts';
import { type Answer, endOf, refusal, refuse } from './reply.ts';
import type { Found, Input, Match, Route } from './routes.ts';
import { NdjsonStream, type StreamOut } from './stream.ts';

const JSON_TYPE = /^application\/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

/** What may change while the server runs. */
export interface GatewayRules extends BodyRules {
  readonly heartbeatMs: number;
}

export interface GatewayOptions {
  readonly service: Service;
  readonly authority: Authority;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly readiness: Readiness;
  /** Makes a revocation outlive the process where the profile does, then calls back: with null when it is kept. */
  readonly keepRevocation: (revocation: Revocation, kept: (error: Error | null) => void) => void;
  /** Body of `GET /v1/keys`. */
  readonly publicKeys: () => string;
  readonly rules: GatewayRules;
  readonly adminEnabled: boolean;
  /** Bodies are overwritten once they are parsed (I1). */
  readonly overwrites: boolean;
}

/** What a dispatcher brings besides the request. */
export interface Sink {
  /** What this connection presented before. */
  readonly session: Session;
  /** What is asked: told of when its client is cut. */
  serves(way: Seen): void;
  /** Writes the response; called once. False while some of it waits for its reader. */
  respond(answer: Answer, corrId: string): boolean;
  /** Writes the head of a response whose lines follow. */
  stream(type: string, corrId: string): StreamOut;
  /** True when the client can provably not get a response any more. */
  gone(): boolean;
  /** Ends the connection at once, whatever waits to be written. */
  cut(): void;
  /** Tells a client that waits for it to send its body (100-continue). */
  proceed(): void;
  /** Tells the reader of the body when it does not come in time. */
  onLate(reader: { late(): void }): void;
  /** Calls back when the client leaves before all of the response was written. */
  onGone(callback: () => void): void;
  /** Calls back when a response that had to wait is written, or never will be: whether nothing at all of it was. */
  onWritten(callback: (nothing: boolean) => void): void;
}

/** One request on its way. */
export interface Way extends Seen {
  readonly head: Head;
  readonly sink: Sink;
  readonly found: Found;
  /** The body is frames, and so is every answer. */
  isFrames: boolean;
  /** What its response hands out, and under which capabilities. */
  leased: readonly Delivery[];
  holders: readonly Capability[];
}

/** A response with payloads that waits for its reader: cut when the capability behind it ends (AU3). */
interface Unwritten {
  readonly holders: readonly Capability[];
  readonly sink: Sink;
}

/**
 * The way of a request through HTTP: head, capability, body, service, response, in the order of rule BD2. Every
 * dispatcher brings its requests here; nothing else answers.
 */
export class Gateway {
  private readonly options: GatewayOptions;
  readonly ledger: Ledger;
  rules: GatewayRules;
  private readonly identification: Identification;
  private readonly ownRoutes: OwnRoutes;
  private readonly unwritten = new Set<Unwritten>();

  constructor(options: GatewayOptions) {
    this.options = options;
    this.rules = options.rules;
    this.ledger = new Ledger(options.metrics, options.log);
    const { ledger } = this;
    this.identification = new Identification(options.authority, ledger);
    this.ownRoutes = new OwnRoutes({ ...options, ledger, endInvalid: () => this.endInvalid() });
  }

  /** What a connection starts with. */
  newSession(): Session {
    return this.options.authority.newSession();
  }

  /** Handles one request; whatever is thrown on the way is a 500, a counter and a log line. */
  handle(req: IncomingMessage, found: Found, sink: Sink): void {
    const head = headOf(req);
    const corrId = head.corrId !== undefined && isCorrId(head.corrId) ? head.corrId.toLowerCase() : freshCorrId();
    const way: Way = {
      req,
      head,
      corrId,
      startedMs: performance.now(),
      sink,
      found,
      route: null,
      capability: null,
      decided: false,
      isFrames: false,
      leased: NOTHING_LEASED,
      holders: NOBODY,
    };
    sink.serves(way);
    this.guarded(way, () => {
      const refused = this.place(way);
      if (refused !== null) this.finish(way, refused);
      else if (way.route?.ops === null || bringsItsOwn(way)) this.enter(way);
      else
        this.identification.identify(way, head.authorization, (denied) => this.go(way, denied, () => this.enter(way)));
    });
  }

  private guarded(way: Way, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(way, error);
    }
  }

  private go(way: Way, refused: Answer | null, step: () => void): void {
    if (refused !== null) this.finish(way, refused);
    else this.guarded(way, step);
  }

  /** Ends everything that waits under a capability that is no longer valid, responses on their way included (AU3). */
  endInvalid(): void {
    this.options.service.endWaiting(this.options.clock.nowMs());
    for (const { holders, sink } of this.unwritten) if (holders.some((holder) => !holder.isValid())) sink.cut();
  }

  // ---- before the body

  /** What is refused whoever asks. */
  private place(way: Way): Answer | null {
    const { head, found } = way;
    if (head.fault !== null) return { ...refuse(way, 'schema', { message: head.fault }), close: true };
    if (found === null) return refuse(way, 'not_found', NO_PATH);
    if (typeof found === 'string') return refuse(way, 'method', { allow: found });
    const { route } = found;
    if (route.admin === true && !this.options.adminEnabled) return refuse(way, 'not_found', NO_PATH);
    way.route = route;
    way.isFrames = route.frames !== undefined && head.contentType?.toLowerCase() === OAP_TYPE;
    return route.ops === null && hasBody(head) ? refuse(way, 'schema', NO_BODY) : null;
  }

  /** Refuses what can be refused before the body is read, then reads it. */
  private enter(way: Way): void {
    const refused = way.route?.ops === null ? null : this.admit(way);
    if (refused !== null) this.finish(way, refused);
    else this.read(way);
  }

  private admit(way: Way): Answer | null {
    const { head } = way;
    if (way.route?.method === 'GET') return hasBody(head) ? refuse(way, 'schema', NO_BODY) : null;
    if (head.contentLength > this.rules.bytesMax) return refuse(way, 'too_large', { message: tooLarge(this.rules) });
    if (head.query !== '') return refuse(way, 'schema', { message: 'query: none is taken here' });
    return isReadable(way) ? null : refuse(way, 'media_type');
  }

  // ---- the body

  private read(way: Way): void {
    const route = way.route as Route;
    if (route.method === 'GET') return this.serve(way, route.ops === null ? null : queryOf(way.head.query));
    way.sink.proceed();
    const reader = readBody(way.req, way.head, this.rules, this.peekAt(way), (body) => {
      this.guarded(way, () => {
        if (typeof body === 'string') this.finish(way, unread(body, this.rules, way.corrId));
        else if (way.isFrames) this.serveFrames(way, body);
        else {
          const value = parseJson(body, way.route?.many === undefined ? PARTS_OF_ONE : PARTS_OF_BATCH);
          if (this.options.overwrites) body.fill(0);
          this.serve(way, value);
        }
      });
    });
    if (reader !== null) way.sink.onLate(reader);
  }

  /** Without a capability in the head no more is read than the first frame's own. */
  private peekAt(way: Way): Peek | null {
    if (!bringsItsOwn(way)) return null;
    return (start, then) => {
      const first = firstCapability(start);
      if (first === 'more' && start.length < way.head.contentLength) return false;
      const header = first === 'more' || first.token === null ? undefined : `Bearer ${first.token}`;
      this.identification.identify(way, header, (refused) => {
        if (refused !== null) this.finish(way, { ...refused, close: true });
        then(refused === null);
      });
      return true;
    };
  }

  // ---- the service

  /** The body took its time: what the capability was then is not what it is now (AU3). */
  private hasEnded(way: Way): boolean {
    const ended = way.capability?.failure() ?? null;
    if (ended === null) return false;
    this.ledger.denied(way, way.route?.ops?.[0] as Op, ended);
    this.finish(way, refusal(endOf(ended), way.corrId));
    return true;
  }

  private serve(way: Way, value: unknown): void {
    if (this.hasEnded(way)) return;
    const route = way.route as Route;
    const input: Input = { value, msgId: (way.found as Match).msgId, corrId: way.corrId };
    const caller = way.capability as Capability;
    if (route.one !== undefined) {
      const { request, answer } = route.one(input, flagOf(way.head));
      this.ask(way, { request, caller }, (reply) =>
        this.finish(way, answer(reply, way.corrId, this.options.clock.nowMs())),
      );
    } else if (route.many !== undefined) {
      const { asks, answer } = route.many(input, flagOf(way.head));
      this.askAll(way, itemsOf(asks, caller), (replies) => this.finish(way, answer(fillIn(asks, replies))));
    } else if (route.stream !== undefined) this.serveStream(way, route.stream(input));
    else this.ownRoutes.answer(way, route.path, value, (answer) => this.finish(way, answer));
  }

  private serveStream(way: Way, request: StreamRequest): void {
    const caller = way.capability as Capability;
    if (!this.mayAck(way, caller, request.acks)) return this.finish(way, refusal('cap_scope', way.corrId, MAY_NOT_ACK));
    const { service, clock } = this.options;
    const finish = (answer: Answer): void => this.finish(way, answer);
    const { ledger, rules } = this;
    const stream = new NdjsonStream({ service, clock, ledger, rules, way, request, finish });
    service.stream(request, new RequestCaller(caller, way, ledger), clock.nowMs(), stream);
  }

  private serveFrames(way: Way, body: Buffer): void {
    if (this.hasEnded(way)) return;
    const exchange = new FramesExchange(way, body, this.rules, flagOf(way.head));
    this.identification.identifyAll(way, exchange.tokens, (found, held) => {
      this.guarded(way, () => {
        exchange.open(found);
        for (const [op, reason] of exchange.denials) this.ledger.denied(way, op, reason);
        this.askAll(way, exchange.items, (replies) => {
          const answer = exchange.answer(replies, this.options.clock.nowMs());
          // Payloads do not wait: their capability might end meanwhile (AU3).
          this.finish(way, held && way.leased.length === 0 ? { ...answer, heldMs: HELD_MS } : answer);
        });
      });
    });
  }

  /** Asks one request. It may wait: its client may leave meanwhile, and its capability may end (LE7, AU3). */
  private ask(way: Way, item: BatchItem, then: (reply: Reply) => void): void {
    const { service, clock } = this.options;
    const capability = item.caller as Capability;
    let { request } = item;
    const nowMs = clock.nowMs();
    if (request.verb === 'recv') {
      if (!this.mayAck(way, capability, request.acks)) return then({ outcome: 'cap_scope', ...MAY_NOT_ACK });
      const waitMs = Math.min(request.waitMs, capability.vouchedForMs(nowMs));
      if (waitMs < request.waitMs) request = { ...request, waitMs };
    }
    let waits = true;
    const reply = (answer: Reply): void => {
      waits = false;
      then(this.handedOut(way, capability, request, answer));
    };
    service.request(request, new RequestCaller(capability, way, this.ledger), nowMs, reply);
    if (waits) way.sink.onGone(() => service.cancel(reply));
  }

  /** Asks several that are answered together; none of them may wait, but one that is alone. */
  private askAll(way: Way, items: readonly BatchItem[], then: (replies: readonly Reply[]) => void): void {
    if (items.length === 0) return then([]);
    if (items.length === 1) return this.ask(way, items[0] as BatchItem, (reply) => then([reply]));
    const asked = items.map(({ request, caller }) => ({
      request,
      caller: new RequestCaller(caller as Capability, way, this.ledger),
    }));
    this.options.service.batch(asked, this.options.clock.nowMs(), (replies) => {
      const handedOut = (reply: Reply, i: number): Reply => {
        const { caller, request } = items[i] as BatchItem;
        return this.handedOut(way, caller as Capability, request, reply);
      };
      then(replies.map(handedOut));
    });
  }

  /** What a reply comes to now: no payload goes to a client that left, or under a capability that ended meanwhile. */
  private handedOut(way: Way, capability: Capability, request: Request, reply: Reply): Reply {
    if (reply.deliveries !== undefined && reply.deliveries.length > 0) {
      const ended = capability.failure();
      if (ended !== null || way.sink.gone()) {
        const caller = new RequestCaller(capability, way, this.ledger);
        this.options.service.release(reply.deliveries, this.options.clock.nowMs(), caller);
        if (ended === null) return { outcome: 'ok' };
        this.ledger.denied(way, 'recv', 'ended');
        return { outcome: endOf(ended) };
      }
      way.leased = way.leased.length === 0 ? reply.deliveries : [...way.leased, ...reply.deliveries];
      way.holders = way.holders.length === 0 ? [capability] : [...way.holders, capability];
    }
    if (reply.outcome === 'cap_scope' || reply.outOfScope === true) this.ledger.denied(way, opOf(request), 'topic');
    else if (reply.outcome === 'cap_auth') {
      this.ledger.denied(way, opOf(request), 'ended');
      return { ...reply, outcome: endOf(capability.failure() ?? 'revoked') };
    }
    return reply;
  }

  private mayAck(way: Way, capability: Capability, acks: readonly unknown[]): boolean {
    if (acks.length === 0 || capability.allowsOp('ack')) return true;
    this.ledger.denied(way, 'ack', 'op');
    return false;
  }

  // ---- the response

  private fail(way: Way, error: unknown): void {
    if (error instanceof Malformed) {
      return this.finish(way, refusal('schema', way.corrId, { message: error.message }));
    }
    this.ledger.failed(way, error);
    this.finish(way, refusal('internal', way.corrId, { close: true }));
  }

  private finish(way: Way, answer: Answer): void {
    this.ledger.answered(way, answer);
    const { sink, leased } = way;
    const response = way.isFrames && answer.type === undefined ? framed(answer, way.route as Route) : answer;
    if (!sink.respond(response, way.corrId) && leased.length > 0) this.watch(way);
  }

  /** Until its reader has taken it: cut when the capability ends, taken back when nothing of it could be written. */
  private watch(way: Way): void {
    const { sink, leased, holders } = way;
    const { service, clock } = this.options;
    const entry: Unwritten = { holders, sink };
    this.unwritten.add(entry);
    sink.onWritten((nothing) => {
      this.unwritten.delete(entry);
      if (nothing)
        service.release(leased, clock.nowMs(), new RequestCaller(holders[0] as Capability, way, this.ledger));
    });
  }
}

const NOTHING_LEASED: readonly Delivery[] = [];
const NOBODY: readonly Capability[] = [];
const opOf = ({ verb }: Request): Op =>
  verb === 'dlq_list' || verb === 'reprocess' || verb === 'purge' ? 'admin' : verb;

const LATE = 'body: did not arrive in time';
const MUCH_READ = 'body: too many large ones are being read';
const MANY_PIECES = `body: in more than ${PIECES_MAX} pieces`;
const NO_PATH = { message: 'no such path' };
const NO_BODY = { message: 'body: none is taken here' };
const MAY_NOT_ACK = { message: 'acks: the capability does not allow ack' };
const tooLarge = ({ bytesMax }: BodyRules): string => `body: at most ${bytesMax} bytes`;

/** Frames may bring their capabilities themselves, where the head brings none and the body is not encoded. */
const bringsItsOwn = ({ isFrames, head }: Way): boolean =>
  isFrames && head.authorization === undefined && head.contentEncoding === undefined;

/** Whether the body has a type and an encoding that the route takes. */
function isReadable({ head, isFrames }: Way): boolean {
  const { contentType, contentEncoding } = head;
  if (contentEncoding !== undefined) {
    const coding = contentEncoding.toLowerCase();
    if (coding !== 'identity' && !isCoding(coding)) return false;
    head.contentEncoding = coding === 'identity' ? undefined : coding;
  }
  return isFrames || (contentType !== undefined && JSON_TYPE.test(contentType));
}

/** Why a body could not be read. */
function unread(fault: BodyFault, rules: BodyRules, corrId: string): Answer {
  if (fault === 'too_large') return refusal('too_large', corrId, { message: tooLarge(rules), close: true });
  if (fault === 'timeout') return refusal('timeout', corrId, { message: LATE, close: true });
  if (fault === 'memory') return refusal('saturated_memory', corrId, { message: MUCH_READ, close: true });
  if (fault === 'pieces') return refusal('schema', corrId, { message: MANY_PIECES, close: true });
  if (fault === 'malformed') return refusal('schema', corrId, { message: 'body: its encoding is broken', close: true });
  const message = `body: expands to more than ${rules.ratio} times its size`;
  return refusal('too_large', corrId, { message, close: true, rejected: 'ratio_cap' });
}

/** What a duplicate is answered with. @throws Malformed */
function flagOf({ idemMode }: Head): boolean {
  if (idemMode !== undefined && idemMode !== '200-flag' && idemMode !== '409') {
    throw new Malformed('x-idempotency-mode: 409 or 200-flag');
  }
  return idemMode === '200-flag';
}

/** A query as an object of strings. @throws Malformed for a name that is there twice */
function queryOf(query: string): Record<string, string> {
  const found: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(query)) {
    if (name in found) throw new Malformed('query: a name is there twice');
    found[name] = value;
  }
  return { ...found };
}
