import type { IncomingMessage } from 'node:http';
import { type Op, OUTCOMES, type Outcome } from '../../spec/vocabulary.ts';
import type { Capability } from '../auth/authorize.ts';
import { fieldsOf, type Log, placeOf } from '../observe/log.ts';
import type { RejectedReason } from '../observe/metric-table.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Cause } from '../ports/observer.ts';
import { peerOf } from './peer.ts';
import type { Answer } from './reply.ts';
import type { Route } from './routes.ts';
import { unlistedIn } from './unlisted.ts';

const NONE = '-';

/** One request on its way: what its log line and counters will say. */
export interface Way {
  readonly req: IncomingMessage;
  readonly corrId: string;
  readonly startedMs: number;
  route: Route | null;
  capability: Capability | null;
  /** The body is frames, and so is every answer. */
  readonly isFrames?: boolean;
  /** Its decision line is written: there is one a request. */
  decided: boolean;
}

/** What is seen from outside of requests: counters, decision lines (O2, O3), and nothing that was sent (I2). */
export class AccessLog {
  private readonly metrics: Metrics;
  private readonly log: Log;

  constructor(metrics: Metrics, log: Log) {
    this.metrics = metrics;
    this.log = log;
  }

  context(way: Way) {
    return { ...fieldsOf(this.causeOf(way)), route: way.route?.path ?? NONE };
  }

  /** The request as what it brings about is told of: under its own capability, or that of one of its units. */
  causeOf(way: Way, capability = way.capability): Cause {
    return { corrId: way.corrId, peer: peerOf(way.req.socket), scope: capability?.label ?? NONE };
  }

  /** Nobody, or someone who may not: counted by what it was for. */
  denied(way: Way, op: Op, reason: string): void {
    const { authFailures } = this.metrics;
    authFailures.add(authFailures.slot(op));
    if (way.decided) return;
    way.decided = true;
    this.log.warn('auth.denied', { ...this.context(way), decision: 'denied', op, reason });
  }

  /** A request is answered. */
  answered(way: Way, answer: Answer): void {
    const seconds = (performance.now() - way.startedMs) / 1000;
    this.count(way, answer, seconds);
    const { log } = this;
    if (answer.outcome !== 'ok' || answer.refusedItems !== undefined) this.hold(way, answer);
    if (answer.status >= 400) this.refused(way, answer.outcome, answer.status, 1);
    else if (answer.refusedItems !== undefined) this.refusedItems(way, answer.refusedItems);
    if (log.debugOn) {
      const { status, outcome } = answer;
      log.debug('request', { ...this.context(way), status, reason: outcome, latency_ms: seconds * 1000 });
    }
  }

  /** A thrown error: its place, not its text, which may quote what the caller sent (I2). */
  failed(way: Way, error: unknown): void {
    this.metrics.internalErrors.add();
    this.log.error('request.failed', { ...this.context(way), ...placeOf(error) });
  }

  /** Holds what is no plain success to the contract. What that does not list is a bug of ours, and goes out all the same. */
  private hold(way: Way, answer: Answer): void {
    const outcome = unlistedIn(way, answer);
    if (outcome === null) return;
    this.metrics.internalErrors.add();
    this.log.error('answer.unlisted', { ...this.context(way), status: answer.status, reason: outcome });
  }

  private refusedItems(way: Way, outcomes: readonly Outcome[]): void {
    const { metrics } = this;
    for (const outcome of outcomes) this.reject(REJECTED[outcome], outcome);
    const worst = outcomes.find((outcome) => isDecision(outcome, way)) ?? null;
    if (worst !== null) this.refused(way, worst, OUTCOMES[worst].status, outcomes.length);
    if (outcomes.some((outcome) => isBusy(OUTCOMES[outcome].status))) {
      metrics.busy.add(metrics.busy.slot(way.route?.path ?? OTHER));
    }
  }

  /** One decision line a request, unless the lifecycle alone refused it: a duplicate or a lost lease is no attack. */
  private refused(way: Way, outcome: Outcome, status: number, items: number): void {
    if (way.decided || !isDecision(outcome, way)) return;
    way.decided = true;
    const event = outcome === 'integrity' ? 'integrity.failed' : 'request.refused';
    const reason = outcome === 'integrity' ? 'payload_hash' : outcome;
    const more = items > 1 ? { items } : {};
    this.log.warn(event, { ...this.context(way), decision: 'denied', status, reason, ...more });
  }

  private count(way: Way, answer: Answer, seconds: number): void {
    const { metrics } = this;
    const { route } = way;
    const path = route?.path ?? OTHER;
    const { method } = way.req;
    metrics.request(path, method === 'GET' || method === 'POST' ? method : OTHER, answer.status);
    metrics.requestSeconds.observe(seconds);
    if (answer.status < 400) {
      if (route?.hot === true && answer.outcome === 'ok') metrics.latencyOf(path)?.observe(seconds);
      return;
    }
    this.reject(answer.rejected ?? REJECTED[answer.outcome], answer.outcome);
    if (isBusy(answer.status)) metrics.busy.add(metrics.busy.slot(path));
  }

  private reject(reason: RejectedReason | undefined, outcome: Outcome): void {
    const { rejected, integrityFailures, tenantRefused } = this.metrics;
    if (reason !== undefined) rejected.add(rejected.slot(reason));
    if (outcome === 'saturated_tenant') tenantRefused.add();
    if (outcome === 'integrity') integrityFailures.add(integrityFailures.slot('send'));
  }

  /** A connection is cut, or refused before it makes a request; `way` is the request that it is cut in. */
  cut(peer: string, reason: string, counted: RejectedReason = 'schema', way: Way | null = null): void {
    const { rejected } = this.metrics;
    rejected.add(rejected.slot(counted));
    const who = way === null ? { peer_addr: peer, cap_scope: NONE } : this.context(way);
    this.log.warn('connection.refused', { ...who, decision: 'denied', reason });
  }

  /** `code` is Node's name for what went wrong. */
  handshakeFailed(peer: string, code: string): void {
    this.metrics.tlsFailures.add();
    this.log.warn('tls.handshake_failed', { peer_addr: peer, cap_scope: NONE, decision: 'denied', reason: code });
  }

  /** Nobody gets in at this address, where somebody did. `code` is the system's name for what went wrong. */
  deaf(address: string, code: string): void {
    this.log.error('server.not_listening', { address, reason: code });
  }
}

const OTHER = 'other';
const isBusy = (status: number): boolean => status === 429 || status === 503;

/** Whether a refusal is one of security: of bytes, of authority, of too much. */
function isDecision(outcome: Outcome, way: Way): boolean {
  const { family, status } = OUTCOMES[outcome];
  return (
    family === 'malformed' || family === 'denied' || status === 429 || (outcome === 'not_found' && way.route === null)
  );
}

const REASON_OF_STATUS: Readonly<Record<number, RejectedReason>> = {
  400: 'schema',
  401: 'unauth',
  403: 'unauth',
  408: 'schema',
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
