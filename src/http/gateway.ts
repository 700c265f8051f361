import type { IncomingMessage } from 'node:http';
import { ADMIN_TOPIC, type Op } from '../../spec/vocabulary.ts';
import type { Authority, Capability, Session } from '../auth/authorize.ts';
import { freshCorrId, isCorrId } from '../observe/ids.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Clock } from '../ports.ts';
import type { BatchItem, Delivery, Reply, Request } from '../service/messages.ts';
import type { Service } from '../service/service.ts';
import { type BodyFault, type BodyRules, type Peek, readBody } from './body.ts';
import { isCoding } from './expand.ts';
import { OAP_TYPE } from './frames.ts';
import { type Head, headOf } from './head.ts';
import { Malformed, parseJson } from './json.ts';
import { Ledger, type Way as Seen } from './ledger.ts';
import { fillIn, itemsOf } from './many.ts';
import { FramesExchange, firstCapability, framed } from './oap.ts';
import type { Readiness } from './readiness.ts';
import { type Answer, done, refusal } from './reply.ts';
import type { Found, Input, Match, Route } from './routes.ts';
import { check } from './schemas.ts';
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
  readonly rules: GatewayRules;
  readonly adminEnabled: boolean;
}

/** What a dispatcher brings besides the request. */
export interface Sink {
  /** What this connection presented before. */
  readonly session: Session;
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
  private readonly unwritten = new Set<Unwritten>();

  constructor(options: GatewayOptions) {
    this.options = options;
    this.rules = options.rules;
    this.ledger = new Ledger(options.metrics, options.log);
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
    try {
      const refused = this.admit(way);
      if (refused !== null) this.finish(way, refused);
      else this.read(way);
    } catch (error) {
      this.fail(way, error);
    }
  }

  /** Ends everything that waits under a capability that is no longer valid, responses on their way included (AU3). */
  endInvalid(): void {
    this.options.service.endWaiting(this.options.clock.nowMs());
    for (const { holders, sink } of this.unwritten) if (holders.some((holder) => !holder.isValid())) sink.cut();
  }

  // ---- before the body

  /** Everything that is refused before the body is read. */
  private admit(way: Way): Answer | null {
    const { head, corrId, found } = way;
    const hasBody = head.chunked || head.contentLength > 0;
    const refuse = (outcome: Parameters<typeof refusal>[0], message?: string, allow?: string): Answer =>
      refusal(outcome, corrId, { message, close: hasBody, ...(allow === undefined ? {} : { allow }) });
    if (head.fault !== null) return { ...refuse('schema', head.fault), close: true };
    if (found === null) return refuse('not_found', 'no such path');
    if (typeof found === 'string') return refuse('method', undefined, found);
    const { route } = found;
    if (route.admin === true && !this.options.adminEnabled) return refuse('not_found', 'no such path');
    way.route = route;
    way.isFrames = route.frames !== undefined && head.contentType?.toLowerCase() === OAP_TYPE;
    if (route.ops === null) return hasBody ? refuse('schema', 'body: none is taken here') : null;
    // Frames may bring their capability themselves: then nothing but their beginning is read without one.
    const inFrame = way.isFrames && head.authorization === undefined && head.contentEncoding === undefined;
    const denied = inFrame ? null : this.authenticate(way, head.authorization);
    if (denied !== null) return { ...denied, close: hasBody };
    if (head.contentLength > this.rules.bytesMax) return refuse('too_large', tooLarge(this.rules));
    if (route.method === 'GET') return hasBody ? refuse('schema', 'body: none is taken here') : null;
    if (head.query !== '') return refuse('schema', 'query: none is taken here');
    return this.isReadable(way) ? null : refuse('media_type');
  }

  /** A type and an encoding that the route's body may have. */
  private isReadable({ head, isFrames }: Way): boolean {
    const { contentType, contentEncoding } = head;
    if (contentEncoding !== undefined) {
      const coding = contentEncoding.toLowerCase();
      if (coding !== 'identity' && !isCoding(coding)) return false;
      head.contentEncoding = coding === 'identity' ? undefined : coding;
    }
    return isFrames || (contentType !== undefined && JSON_TYPE.test(contentType));
  }

  /** Finds who asks, and whether they may ask this at all; null when they may (AU1). */
  private authenticate(way: Way, header: string | undefined): Answer | null {
    const ops = way.route?.ops as readonly Op[];
    const capability = this.options.authority.authenticate(header, way.sink.session);
    if (typeof capability === 'string') {
      this.ledger.denied(way, ops[0] as Op, capability);
      return refusal('cap_auth', way.corrId);
    }
    way.capability = capability;
    if (ops.some((op) => capability.allowsOp(op))) return null;
    this.ledger.denied(way, ops[0] as Op, 'op');
    return refusal('cap_scope', way.corrId);
  }

  // ---- the body

  private read(way: Way): void {
    const route = way.route as Route;
    if (route.method === 'GET') return this.serve(way, route.ops === null ? null : queryOf(way.head.query));
    way.sink.proceed();
    readBody(way.req, way.head, this.rules, this.peekAt(way), (body) => {
      try {
        if (typeof body === 'string') this.finish(way, unread(body, this.rules, way.corrId));
        else if (way.isFrames) this.serveFrames(way, body);
        else this.serve(way, parseJson(body));
      } catch (error) {
        this.fail(way, error);
      }
    });
  }

  /** Without a capability in the head no more is read than the first frame's own. */
  private peekAt(way: Way): Peek | null {
    if (!way.isFrames || way.capability !== null) return null;
    return (start) => {
      const first = firstCapability(start);
      if (first === 'more') return 'more';
      const denied = this.authenticate(way, first.token === null ? undefined : `Bearer ${first.token}`);
      if (denied === null) return 'go';
      this.finish(way, { ...denied, close: true });
      return 'stop';
    };
  }

  // ---- the service

  private serve(way: Way, value: unknown): void {
    const route = way.route as Route;
    const input: Input = { value, msgId: (way.found as Match).msgId, corrId: way.corrId };
    const flag200 = flagOf(way.head);
    const capability = way.capability as Capability;
    if (route.one !== undefined) {
      const { request, answer } = route.one(input, flag200);
      this.ask(way, { request, caller: capability }, (reply) => {
        this.finish(way, answer(reply, way.corrId, this.options.clock.nowMs()));
      });
    } else if (route.many !== undefined) {
      const { asks, answer } = route.many(input, flag200);
      this.askAll(way, itemsOf(asks, capability), (replies) => this.finish(way, answer(fillIn(asks, replies))));
    } else if (route.stream !== undefined) {
      const request = route.stream(input);
      if (!this.mayAck(way, capability, request.acks)) return this.finish(way, mayNotAck(way.corrId));
      const { service, clock } = this.options;
      const finish = (answer: Answer): void => this.finish(way, answer);
      const stream = new NdjsonStream({ service, clock, ledger: this.ledger, rules: this.rules, way, request, finish });
      service.stream(request, capability, clock.nowMs(), stream);
    } else this.finish(way, this.answerItself(way, route, value));
  }

  private serveFrames(way: Way, body: Buffer): void {
    const { authority } = this.options;
    const exchange = new FramesExchange(way, body, this.rules, flagOf(way.head), (token) =>
      authority.authenticate(`Bearer ${token}`),
    );
    for (const [op, reason] of exchange.denials) this.ledger.denied(way, op, reason);
    this.askAll(way, exchange.items, (replies) => {
      this.finish(way, exchange.answer(replies, this.options.clock.nowMs()));
    });
  }

  /** Asks one request. It may wait: its client may leave meanwhile, and its capability may end (LE7, AU3). */
  private ask(way: Way, { request, caller }: BatchItem, then: (reply: Reply) => void): void {
    const { service, clock } = this.options;
    const capability = caller as Capability;
    if (request.verb === 'recv' && !this.mayAck(way, capability, request.acks)) {
      return then({ outcome: 'cap_scope', message: 'acks: the capability does not allow ack' });
    }
    let waits = true;
    const reply = (answer: Reply): void => {
      waits = false;
      then(this.handedOut(way, capability, request, answer));
    };
    service.request(request, caller, clock.nowMs(), reply);
    if (waits) way.sink.onGone(() => service.cancel(reply));
  }

  /** Asks several that are answered together; none of them may wait, but a single one. */
  private askAll(way: Way, items: readonly BatchItem[], then: (replies: readonly Reply[]) => void): void {
    if (items.length === 0) return then([]);
    if (items.length === 1) return this.ask(way, items[0] as BatchItem, (reply) => then([reply]));
    this.options.service.batch(items, this.options.clock.nowMs(), (replies) => {
      then(replies.map((reply, i) => this.handedOut(way, items[i]?.caller as Capability, items[i]!.request, reply)));
    });
  }

  /** What a reply comes to now: no payload goes to a client that left, or under a capability that ended meanwhile. */
  private handedOut(way: Way, capability: Capability, request: Request, reply: Reply): Reply {
    const { service, clock } = this.options;
    const deliveries = reply.deliveries ?? NOTHING_LEASED;
    if (deliveries.length > 0) {
      if (way.sink.gone() || !capability.isValid()) {
        service.release(deliveries, clock.nowMs());
        this.ledger.denied(way, 'recv', 'ended');
        return { outcome: 'cap_auth' };
      }
      way.leased = way.leased.length === 0 ? deliveries : [...way.leased, ...deliveries];
      way.holders = way.holders.length === 0 ? [capability] : [...way.holders, capability];
    }
    if (reply.outcome === 'cap_scope') this.ledger.denied(way, opOf(request), 'topic');
    else if (reply.outcome === 'cap_auth') this.ledger.denied(way, opOf(request), 'ended');
    return reply;
  }

  private mayAck(way: Way, capability: Capability, acks: readonly unknown[]): boolean {
    if (acks.length === 0 || capability.allowsOp('ack')) return true;
    this.ledger.denied(way, 'ack', 'op');
    return false;
  }

  // ---- routes that the server answers itself

  private answerItself(way: Way, route: Route, value: unknown): Answer {
    const { readiness } = this.options;
    if (route.path === '/healthz') return done('{"ok":true}');
    if (route.path === '/v1/admin/revoke') return this.revoke(way, value);
    const { ready, missing, retryAfterS } = readiness.report();
    const body = JSON.stringify({ ready, missing, retry_after: ready ? 0 : retryAfterS });
    return ready ? done(body) : { status: 503, body, outcome: 'degraded_writes', retryAfterS };
  }

  private revoke(way: Way, value: unknown): Answer {
    const { authority, clock, log } = this.options;
    const capability = way.capability as Capability;
    const { nonce, key_id, reason } = check('revoke', value);
    if ((nonce === undefined) === (key_id === undefined)) throw new Malformed('nonce, key_id: exactly one of them');
    if (!capability.allowsTopic(ADMIN_TOPIC)) {
      this.ledger.denied(way, 'admin', 'topic');
      return refusal('cap_scope', way.corrId);
    }
    const waitMs = capability.charge(0, clock.nowMs());
    if (waitMs > 0) return refusal('quota', way.corrId, { retryAfterMs: waitMs });
    const kind = nonce === undefined ? 'key_id' : 'nonce';
    if (!authority.revoke(kind, (nonce ?? key_id) as string)) {
      return refusal('internal', way.corrId, { message: 'the revocation list is full: rotate the root key instead' });
    }
    this.endInvalid();
    const note = reason.slice(0, 200);
    log.warn('capability.revoked', { ...this.ledger.context(way), kind, id: nonce ?? key_id, note });
    return done('{"ok":true}');
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
  private watch({ sink, leased, holders }: Way): void {
    const { service, clock } = this.options;
    const entry: Unwritten = { holders, sink };
    this.unwritten.add(entry);
    sink.onWritten((nothing) => {
      this.unwritten.delete(entry);
      if (nothing) service.release(leased, clock.nowMs());
    });
  }
}

const NOTHING_LEASED: readonly Delivery[] = [];
const NOBODY: readonly Capability[] = [];
const opOf = ({ verb }: Request): Op =>
  verb === 'dlq_list' || verb === 'reprocess' || verb === 'purge' ? 'admin' : verb;

const tooLarge = ({ bytesMax }: BodyRules): string => `body: at most ${bytesMax} bytes`;

/** Why a body could not be read. */
function unread(fault: BodyFault, rules: BodyRules, corrId: string): Answer {
  if (fault === 'too_large') return refusal('too_large', corrId, { message: tooLarge(rules), close: true });
  if (fault === 'memory') return refusal('saturated_memory', corrId, { close: true });
  if (fault === 'malformed') return refusal('schema', corrId, { message: 'body: its encoding is broken', close: true });
  const message = `body: expands to more than ${rules.ratio} times its size`;
  return refusal('too_large', corrId, { message, close: true, rejected: 'ratio_cap' });
}

const mayNotAck = (corrId: string): Answer =>
  refusal('cap_scope', corrId, { message: 'acks: the capability does not allow ack' });

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
