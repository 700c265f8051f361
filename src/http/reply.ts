import { OUTCOMES, type Outcome } from '../../spec/vocabulary.ts';
import type { DeadLetter, Delivery, Reply } from '../service/messages.ts';

/** A response, before it is written. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly outcome: Outcome;
  readonly retryAfterS?: number;
  /** Methods that the path has (405). */
  readonly allow?: string;
  /** The rest of the request was not read: the connection must go. */
  readonly close?: boolean;
  /** The answer goes out after this time, and nothing more is read from the connection until then (AU5). */
  readonly heldMs?: number;
}

type Refusing = {
  [O in Outcome]: (typeof OUTCOMES)[O]['code'] extends null ? never : O;
}[Outcome];

/** What a refusal says where nothing more exact is known. */
const MESSAGES: Readonly<Record<Refusing, string>> = {
  cap_auth: 'a valid capability is needed',
  cap_scope: 'the capability does not allow this',
  method: 'the path has no such method',
  too_large: 'the request body is too large',
  media_type: 'the body must be application/json without an encoding',
  timeout: 'the request did not arrive in time',
  schema: 'the request is malformed',
  integrity: 'a hash does not match',
  not_found: 'there is nothing of that name here for this capability',
  quota: 'the quota of the capability is used up',
  auth_flood: 'too many failed authentications',
  duplicate: 'this message was accepted before',
  idem_mismatch: 'idem_key: used before with another payload',
  lease_lost: 'the lease is over, or was never under this receipt',
  degraded_writes: 'messages are not accepted at the moment',
  draining: 'the server is shutting down',
  journal: 'the journal has failed',
  verifier: 'capabilities cannot be verified at the moment',
  not_owner: 'another node owns this topic',
  starting: 'the server is starting',
  saturated_dedup: 'the idempotency table is full',
  saturated_shard: 'the queue is full',
  saturated_inflight: 'too many messages are leased',
  internal: 'an error on our side',
};

export interface RefusalDetail {
  readonly message?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly msgId?: string | undefined;
  readonly allow?: string;
  readonly close?: boolean;
}

interface ErrorBody {
  code: string;
  message: string;
  corr_id: string;
  reason?: string;
  msg_id?: string;
}

/** `{"code", "message", "corr_id"}`, with `reason` where a code has several, and `msg_id` for a duplicate. */
export function refusal(outcome: Refusing, corrId: string, detail: RefusalDetail = {}): Answer {
  const row: { status: number; code: string; reason?: string; retryable: boolean } = OUTCOMES[outcome];
  const body: ErrorBody = { code: row.code, message: detail.message ?? MESSAGES[outcome], corr_id: corrId };
  if (row.reason !== undefined) body.reason = row.reason;
  if (detail.msgId !== undefined) body.msg_id = detail.msgId;
  const waits = row.status === 429 || row.status === 503;
  return {
    status: row.status,
    body: JSON.stringify(body),
    outcome,
    ...(waits ? { retryAfterS: Math.max(1, Math.ceil((detail.retryAfterMs ?? 1000) / 1000)) } : {}),
    ...(detail.allow === undefined ? {} : { allow: detail.allow }),
    ...(detail.close === true ? { close: true } : {}),
  };
}

export const refuses = (outcome: Outcome): outcome is Refusing => OUTCOMES[outcome].code !== null;

export const done = (body: string, outcome: Outcome = 'ok'): Answer => ({ status: 200, body, outcome });

/** The service's reply as a response; `write` makes the body of a success. */
export function answerOf(reply: Reply, corrId: string, write: (reply: Reply) => string): Answer {
  const { outcome } = reply;
  if (!refuses(outcome)) return done(write(reply), outcome);
  const { message, retryAfterMs } = reply;
  return refusal(outcome, corrId, { message, retryAfterMs, msgId: outcome === 'duplicate' ? reply.msgId : undefined });
}

// ---- bodies. Values that cannot need escaping (ids, hashes, numbers, base64) go in as they are.

export const sentBody = (reply: Reply, duplicate: boolean): string =>
  `{"msg_id":"${reply.msgId}","duplicate":${duplicate},"payload_hash":"${reply.payloadHash}","hash_chain":"${reply.hashChain}"}`;

export const okBody = (): string => '{"ok":true}';
export const nackedBody = (reply: Reply): string => `{"ok":true,"state":"${reply.state}"}`;
export const extendedBody = (reply: Reply): string => `{"ok":true,"deadline_in_ms":${reply.deadlineInMs}}`;

/** Envelopes, and the results of the acks that rode along, in their order. */
export function receivedBody(reply: Reply, msgIds: readonly string[], nowMs: number): string {
  let body = '{"messages":[';
  const deliveries = reply.deliveries ?? [];
  for (let i = 0; i < deliveries.length; i++) body += (i > 0 ? ',' : '') + envelope(deliveries[i] as Delivery, nowMs);
  if (msgIds.length === 0) return `${body}]}`;
  const results = (reply.ackOutcomes ?? []).map((outcome, i) => ackResult(msgIds[i] as string, outcome));
  return `${body}],"ack_results":[${results.join(',')}]}`;
}

function ackResult(msgId: string, outcome: Outcome): string {
  if (!refuses(outcome)) return `{"msg_id":"${msgId}","ok":true}`;
  return `{"msg_id":"${msgId}","code":"${OUTCOMES[outcome].code}","message":"${MESSAGES[outcome]}"}`;
}

function envelope(d: Delivery, nowMs: number): string {
  const { payload } = d;
  const base64 = Buffer.isBuffer(payload) ? payload.toString('base64') : Buffer.from(payload).toString('base64');
  return (
    `{"msg_id":"${d.msgId}","topic":"${d.topic}","ts":"${d.ts}","idem_key":${JSON.stringify(d.idemKey)},` +
    `"payload_b64":"${base64}","payload_hash":"${d.payloadHash}","attrs":${JSON.stringify(d.attrs)},` +
    `"corr_id":"${d.corrId}","shard":${d.shard},"attempt":${d.attempt},"hash_chain":"${d.hashChain}","sig":${d.sig === null ? 'null' : `"${d.sig}"`},` +
    `"receipt":"${d.receipt}","deadline_in_ms":${Math.max(0, d.deadlineMs - nowMs)},"epoch":${d.epoch}}`
  );
}

export const deadLettersBody = (reply: Reply): string =>
  JSON.stringify({
    dead_letters: (reply.deadLetters ?? []).map(deadLetter),
    next: reply.next == null ? null : String(reply.next),
  });

const deadLetter = (d: DeadLetter) => ({
  msg_id: d.msgId,
  topic: d.topic,
  ts: d.ts,
  idem_key: d.idemKey,
  payload_hash: d.payloadHash,
  hash_chain: d.hashChain,
  attrs: d.attrs,
  corr_id: d.corrId,
  shard: d.shard,
  epoch: d.epoch,
  reason: d.reason,
  attempt: d.attempt,
  last_error: d.lastError,
  dead_at: d.deadAt,
  redrives: d.redrives,
  ...(d.payload === null ? {} : { payload_b64: Buffer.from(d.payload).toString('base64') }),
});

export const statsBody = (reply: Reply): string => {
  const s = reply.stats;
  return JSON.stringify({
    topic: s?.topic,
    depth: s?.depth,
    queued: s?.queued,
    leased: s?.leased,
    redelivered: s?.redelivered,
    dead_lettered: s?.deadLettered,
    oldest_ready_ms: s?.oldestReadyMs,
  });
};

export const reprocessedBody = ({ moved, skipped, failed }: Reply): string =>
  JSON.stringify({ moved, skipped, failed });
export const purgedBody = ({ purged }: Reply): string => JSON.stringify({ purged });
