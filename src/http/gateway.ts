import type { IncomingMessage } from 'node:http';
import { ADMIN_TOPIC, type Op, OUTCOMES, type Outcome } from '../../spec/vocabulary.ts';
import type { AuthFailure, Authority, Capability, Session } from '../auth/authorize.ts';
import type { Revocation } from '../auth/revocation.ts';
import { freshCorrId, isCorrId } from '../observe/ids.ts';
import { type Log, placeOf } from '../observe/log.ts';
import type { Metrics, RejectedReason } from '../observe/metrics.ts';
import type { Clock } from '../ports.ts';
import type { RecvRequest, Reply } from '../service/messages.ts';
import type { Service } from '../service/service.ts';
import { collect } from './collect.ts';
import { type Head, headOf } from './head.ts';
import { Malformed, parseJson } from './json.ts';
import type { Readiness } from './readiness.ts';
import { type Answer, done, refusal } from './reply.ts';
import type { Exchange, Found, Match, Route } from './routes.ts';
import { check } from './schemas.ts';

const NONE = '-';
/** How long the answer to a sender that fails too often is held back. */
const HELD_MS = 1000;
const JSON_TYPE = /^application\/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

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
  readonly bodyBytesMax: number;
  readonly adminEnabled: boolean;
}

/** What a dispatcher brings besides the request. */
export interface Sink {
  /** What this connection presented before. */
  readonly session: Session;
  /** Writes the response; called once. */
  respond(answer: Answer, corrId: string): void;
  /** True when the client can provably not get a response any more. */
  gone(): boolean;
  /** Tells a client that waits for it to send its body (100-continue). */
  proceed(): void;
  /** Calls back when the client leaves before the response. */
  onGone(callback: () => void): void;
}

/** One request on its way: what its log line and counters will say. */
interface Way {
  readonly req: IncomingMessage;
  readonly head: Head;
  readonly corrId: string;
  readonly startedMs: number;
  readonly sink: Sink;
  readonly found: Found;
  route: Route | null;
  capability: Capability | null;
}

/**
 * The way of a request through HTTP: head, capability, body, service, response, in the order of rule BD2. Every
 * dispatcher brings its requests here; nothing else answers.
 */
export class Gateway {
  private readonly options: GatewayOptions;

  constructor(options: GatewayOptions) {
    this.options = options;
  }

  /** What a connection starts with. */
  newSession(): Session {
    return this.options.authority.newSession();
  }

  /** Handles one request; whatever is thrown on the way is a 500, a counter and a log line. */
  handle(req: IncomingMessage, found: Found, sink: Sink): void {
    const head = headOf(req);
    const corrId = head.corrId !== undefined && isCorrId(head.corrId) ? head.corrId.toLowerCase() : freshCorrId();
    const way: Way = { req, head, corrId, startedMs: performance.now(), sink, found, route: null, capability: null };
    this.guarded(way, () => {
      const refused = this.place(way);
      if (refused !== null) this.finish(way, refused);
      else if (way.route?.ops === null) this.read(way);
      else this.identify(way);
    });
  }

  private guarded(way: Way, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(way, error);
    }
  }

  /** What is refused whoever asks. */
  private place(way: Way): Answer | null {
    const { head, found } = way;
    if (head.fault !== null) return { ...refuse(way, 'schema', head.fault), close: true };
    if (found === null) return refuse(way, 'not_found', 'no such path');
    if (typeof found === 'string') return refuse(way, 'method', undefined, found);
    const { route } = found;
    if (route.admin === true && !this.options.adminEnabled) return refuse(way, 'not_found', 'no such path');
    way.route = route;
    return route.ops === null && hasBody(head) ? refuse(way, 'schema', 'body: none is taken here') : null;
  }

  /** Who asks: known here at once, or by the word of a remote verifier. */
  private identify(way: Way): void {
    const { authority } = this.options;
    const { authorization } = way.head;
    const { session } = way.sink;
    // Someone held back who sends more on the same connection without waiting (AU5).
    if (session.held) return this.finish(way, { ...refuse(way, 'auth_flood'), close: true });
    const verdict = authority.authenticate(authorization, session);
    const go = (answer: Capability | AuthFailure): void => {
      const refused = typeof answer === 'string' ? this.unknown(way, answer) : this.admit(way, answer);
      if (refused !== null) this.finish(way, refused);
      else this.read(way);
    };
    if (verdict !== 'unverified') go(verdict);
    else
      authority.ask(authorization as string, way.req.socket.remoteAddress, (answer) =>
        this.guarded(way, () => go(answer)),
      );
  }

  /** Nobody stands behind the request. A sender that has failed too often gets its answer later (AU5). */
  private unknown(way: Way, failure: AuthFailure): Answer {
    this.denied(way, way.route?.ops?.[0] as Op, failure);
    if (failure === 'unavailable') return refuse(way, 'verifier');
    const retryAfterMs = this.options.authority.failed(failure, way.req.socket.remoteAddress);
    if (retryAfterMs === 0 && failure !== 'crowded') return refuse(way, 'cap_auth');
    const { corrId, head } = way;
    way.sink.session.held = true;
    return { ...refusal('auth_flood', corrId, { retryAfterMs, close: hasBody(head) }), heldMs: HELD_MS };
  }

  /** Everything else that is refused before the body is read. */
  private admit(way: Way, capability: Capability): Answer | null {
    const { head } = way;
    const route = way.route as Route;
    const ops = route.ops as readonly Op[];
    way.capability = capability;
    if (!ops.some((op) => capability.allowsOp(op))) {
      this.denied(way, ops[0] as Op, 'op');
      return refuse(way, 'cap_scope');
    }
    if (head.contentLength > this.options.bodyBytesMax) {
      return refuse(way, 'too_large', `body: at most ${this.options.bodyBytesMax} bytes`);
    }
    if (head.contentEncoding !== undefined && head.contentEncoding.toLowerCase() !== 'identity') {
      return refuse(way, 'media_type');
    }
    if (route.method === 'GET') return hasBody(head) ? refuse(way, 'schema', 'body: none is taken here') : null;
    if (head.query !== '') return refuse(way, 'schema', 'query: none is taken here');
    if (head.contentType === undefined || !JSON_TYPE.test(head.contentType)) return refuse(way, 'media_type');
    return null;
  }

  private read(way: Way): void {
    const route = way.route as Route;
    if (route.method === 'GET') return this.serve(way, route.ops === null ? null : queryOf(way.head.query));
    way.sink.proceed();
    collect(way.req, way.head.contentLength, this.options.bodyBytesMax, (body) => {
      this.guarded(way, () => {
        if (body !== null) return this.serve(way, parseJson(body));
        const message = `body: at most ${this.options.bodyBytesMax} bytes`;
        this.finish(way, refusal('too_large', way.corrId, { message, close: true }));
      });
    });
  }

  private serve(way: Way, value: unknown): void {
    const route = way.route as Route;
    const { head, corrId } = way;
    // The body took its time: what the capability was then is not what it is now (AU3).
    const ended = way.capability?.failure() ?? null;
    if (ended !== null) {
      this.denied(way, route.ops?.[0] as Op, ended);
      return this.finish(way, refusal('cap_auth', corrId));
    }
    if (route.open === null) return this.answerItself(way, route, value);
    const mode = head.idemMode;
    if (mode !== undefined && mode !== '200-flag' && mode !== '409') {
      throw new Malformed('x-idempotency-mode: 409 or 200-flag');
    }
    const { msgId } = way.found as Match;
    const exchange = route.open({ value, msgId, corrId }, mode === '200-flag');
    if (exchange.request.verb === 'recv') return this.receive(way, exchange, exchange.request);
    const capability = way.capability as Capability;
    const { service, clock } = this.options;
    const reply = (answer: Reply): void => this.reply(way, exchange, answer);
    service.request(exchange.request, capability, clock.nowMs(), reply);
    if (exchange.request.verb === 'reprocess') way.sink.onGone(() => service.cancel(reply));
  }

  /** A recv may wait, its client may leave meanwhile, and its capability may end: then no payload goes out (LE7, AU3). */
  private receive(way: Way, exchange: Exchange, request: RecvRequest): void {
    const capability = way.capability as Capability;
    const { service, clock } = this.options;
    if (request.acks.length > 0 && !capability.allowsOp('ack')) {
      this.denied(way, 'ack', 'op');
      return this.finish(way, refusal('cap_scope', way.corrId, { message: 'acks: the capability does not allow ack' }));
    }
    let waits = true;
    const reply = (answer: Reply): void => {
      waits = false;
      const deliveries = answer.deliveries ?? [];
      const ended = !capability.isValid();
      if (deliveries.length > 0 && (ended || way.sink.gone())) {
        service.release(deliveries, clock.nowMs());
        return this.reply(way, exchange, { outcome: ended ? 'cap_auth' : 'ok' });
      }
      this.reply(way, exchange, answer);
    };
    const nowMs = clock.nowMs();
    const waitMs = Math.min(request.waitMs, capability.vouchedForMs(nowMs));
    service.request(waitMs < request.waitMs ? { ...request, waitMs } : request, capability, nowMs, reply);
    if (waits && waitMs > 0) way.sink.onGone(() => service.cancel(reply));
  }

  private reply(way: Way, exchange: Exchange, reply: Reply): void {
    if (reply.outcome === 'cap_scope' || reply.outcome === 'cap_auth') {
      this.denied(way, way.route?.ops?.[0] as Op, reply.outcome === 'cap_scope' ? 'topic' : 'ended');
    }
    this.finish(way, exchange.answer(reply, way.corrId, this.options.clock.nowMs()));
  }

  /** The routes that ask no shard. */
  private answerItself(way: Way, route: Route, value: unknown): void {
    if (route.path === '/healthz') return this.finish(way, done('{"ok":true}'));
    if (route.path === '/v1/keys') return this.finish(way, done(this.options.publicKeys()));
    if (route.path === '/v1/admin/revoke') return this.revoke(way, value);
    const { ready, missing, retryAfterS } = this.options.readiness.report();
    const body = JSON.stringify({ ready, missing, retry_after: retryAfterS });
    this.finish(way, ready ? done(body) : { status: 503, body, outcome: 'degraded_writes', retryAfterS });
  }

  /** Ends a capability at once, and says so when it will stay ended (AU3, AU4). */
  private revoke(way: Way, value: unknown): void {
    const { authority, service, clock, log, keepRevocation } = this.options;
    const capability = way.capability as Capability;
    const { nonce, key_id, reason } = check('revoke', value);
    if ((nonce === undefined) === (key_id === undefined)) throw new Malformed('nonce, key_id: exactly one of them');
    if (!capability.allowsTopic(ADMIN_TOPIC)) {
      this.denied(way, 'admin', 'topic');
      return this.finish(way, refusal('cap_scope', way.corrId));
    }
    const atMs = clock.nowMs();
    const retryAfterMs = capability.charge(0, atMs);
    if (retryAfterMs > 0) return this.finish(way, refusal('quota', way.corrId, { retryAfterMs }));
    const kind = nonce === undefined ? 'key_id' : 'nonce';
    const id = (nonce ?? key_id) as string;
    if (!authority.revoke(kind, id)) {
      const message = 'the revocation list is full: rotate the root key instead';
      return this.finish(way, refusal('internal', way.corrId, { message }));
    }
    service.endWaiting(atMs);
    log.warn('capability.revoked', { ...this.context(way), kind, id, note: reason.slice(0, 200) });
    keepRevocation({ kind, value: id, atMs }, (error) =>
      this.finish(way, error === null ? done('{"ok":true}') : refusal('journal', way.corrId)),
    );
  }

  private fail(way: Way, error: unknown): void {
    if (error instanceof Malformed) {
      return this.finish(way, refusal('schema', way.corrId, { message: error.message }));
    }
    const { metrics, log } = this.options;
    metrics.internalErrors.add();
    log.error('request.failed', { ...this.context(way), ...placeOf(error) });
    this.finish(way, refusal('internal', way.corrId, { close: true }));
  }

  // ---- what is seen from outside

  private context(way: Way) {
    return {
      corr_id: way.corrId,
      peer_addr: way.req.socket.remoteAddress ?? NONE,
      cap_scope: way.capability?.label ?? NONE,
      route: way.route?.path ?? NONE,
    };
  }

  /** A security decision line and its counter (O3). */
  private denied(way: Way, op: Op, reason: string): void {
    const { metrics, log } = this.options;
    metrics.authFailures.add(metrics.authFailures.slot(op));
    log.warn('auth.denied', { ...this.context(way), decision: 'denied', op, reason });
  }

  private finish(way: Way, answer: Answer): void {
    const seconds = (performance.now() - way.startedMs) / 1000;
    this.count(way, answer, seconds);
    const { log } = this.options;
    if (answer.outcome === 'integrity') {
      log.warn('integrity.failed', { ...this.context(way), decision: 'denied', reason: 'payload_hash' });
    }
    if (log.debugOn) {
      const { status, outcome } = answer;
      log.debug('request', { ...this.context(way), status, reason: outcome, latency_ms: seconds * 1000 });
    }
    way.sink.respond(answer, way.corrId);
  }

  private count(way: Way, answer: Answer, seconds: number): void {
    const { metrics } = this.options;
    const { route, head } = way;
    const path = route?.path ?? 'other';
    const method = head.method === 'GET' || head.method === 'POST' ? head.method : 'other';
    metrics.request(path, method, answer.status);
    metrics.requestSeconds.observe(seconds);
    if (answer.outcome === 'ok' && route?.hot === true) metrics.latencyOf(path)?.observe(seconds);
    if (answer.status < 400) return;
    const reason = REJECTED[answer.outcome];
    if (reason !== undefined) metrics.rejected.add(metrics.rejected.slot(reason));
    if (answer.outcome === 'integrity') metrics.integrityFailures.add(metrics.integrityFailures.slot('send'));
    if (answer.status === 429 || answer.status === 503) metrics.busy.add(metrics.busy.slot(path));
  }
}

const hasBody = (head: Head): boolean => head.chunked || head.contentLength > 0;

/** A refusal before the body was read: whatever is left of it goes with the connection. */
const refuse = (way: Way, outcome: Parameters<typeof refusal>[0], message?: string, allow?: string): Answer =>
  refusal(outcome, way.corrId, { message, close: hasBody(way.head), ...(allow === undefined ? {} : { allow }) });

const REASON_OF_STATUS: Readonly<Record<number, RejectedReason>> = {
  400: 'schema',
  401: 'unauth',
  403: 'unauth',
  413: 'oversize',
  415: 'schema',
  422: 'integrity',
  429: 'saturated',
};
/** `rejected_total{reason}` of each refusal that it counts. */
const REJECTED: Readonly<Partial<Record<Outcome, RejectedReason>>> = Object.fromEntries(
  Object.entries(OUTCOMES).map(([outcome, { status }]) => [
    outcome,
    outcome === 'auth_flood' ? 'unauth' : REASON_OF_STATUS[status],
  ]),
);

/** A query as an object of strings. @throws Malformed for a name that is there twice */
function queryOf(query: string): Record<string, string> {
  const found: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(query)) {
    if (name in found) throw new Malformed('query: a name is there twice');
    found[name] = value;
  }
  return { ...found };
}
