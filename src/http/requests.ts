import type { DeadReason } from '../../spec/vocabulary.ts';
import {
  type Body,
  BYTES_DEFAULT,
  MESSAGES_DEFAULT,
  PACED_S_MAX,
  PAGE_DEFAULT,
  REPROCESS_MAX,
  TEXT_BYTES_MAX,
  WAIT_MS_MAX,
} from '../api/schemas.ts';
import type {
  AckItem,
  AckRequest,
  DlqListRequest,
  ExtendRequest,
  FeedRequest,
  NackRequest,
  Peeked,
  PeekRequest,
  PurgeRequest,
  RecvRequest,
  RedriveRequest,
  ReprocessRequest,
  SendRequest,
  StatsRequest,
  StreamRequest,
  TopicsRequest,
} from '../service/messages.ts';
import { Malformed } from './json.ts';

/** Checked bodies become the service's requests; what a schema cannot say is checked here. */
const NO_ATTRS = Object.freeze({});

/** How many bytes a text in canonical base64 is; of any other, bytes that it is not the text of. */
function base64Bytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return Math.max(0, Math.floor(text.length / 4) * 3 - padding);
}

/** Canonical base64 only: an encoding has one spelling. @throws Malformed */
function payloadOf(text: string): Buffer {
  // Decoded where it stays, rather than into the pool of small buffers and from there once more.
  const payload = Buffer.allocUnsafeSlow(base64Bytes(text));
  payload.write(text, 'base64');
  if (payload.toString('base64') !== text) throw new Malformed('payload_b64: not canonical base64 with padding');
  return payload;
}

/**
 * A payload of its own: a view keeps a whole body in memory, and one from the pool of small buffers all that was cut from the same
 * block, which no count of bytes would show (BD0).
 */
export const ownBytes = (payload: Buffer): Buffer => {
  if (2 * payload.length >= payload.buffer.byteLength) return payload;
  const own = Buffer.allocUnsafeSlow(payload.length);
  own.set(payload);
  return own;
};

/** UTF-16 units become at most three bytes each. */
const BYTES_OF_UNIT = 3;

/** What is wrong with a text, or null. Most are so short that nobody need count their bytes. */
function faultOf(text: string): string | null {
  const mayBeLonger = text.length * BYTES_OF_UNIT > TEXT_BYTES_MAX;
  if (mayBeLonger && Buffer.byteLength(text) > TEXT_BYTES_MAX) return `at most ${TEXT_BYTES_MAX} bytes`;
  return text.isWellFormed() ? null : 'a lone surrogate';
}

/** @throws Malformed */
export function checkText(field: string, text: string): void {
  const fault = faultOf(text);
  if (fault !== null) throw new Malformed(`${field}: ${fault}`);
}

/** @throws Malformed */
function checkAttrs(attrs: Readonly<Record<string, string>>): void {
  for (const key in attrs) {
    const fault = faultOf(attrs[key] as string);
    if (fault !== null) throw new Malformed(`attrs.${key}: ${fault}`);
  }
}

export const sendOf = (body: Body<'send'>, corrId: string): SendRequest =>
  sendWith(body, payloadOf(body.payload_b64), corrId);

/** `payload` is kept as it is: it must not be a view of something much larger. */
export function sendWith(body: Body<'send_frame'>, payload: Buffer, corrId: string): SendRequest {
  if (body.attrs !== undefined) checkAttrs(body.attrs);
  return {
    verb: 'send',
    topic: body.topic,
    idemKey: body.idem_key,
    payload,
    payloadHash: body.payload_hash ?? null,
    attrs: body.attrs ?? NO_ATTRS,
    corrId,
    delayMs: body.delay_ms ?? 0,
    ttlMs: body.ttl_ms ?? Number.POSITIVE_INFINITY,
  };
}

const acksOf = (acks: Body<'recv'>['acks']): AckItem[] =>
  acks?.map(({ msg_id, receipt }) => ({ msgId: msg_id, receipt })) ?? [];

export const recvOf = (body: Body<'recv'>): RecvRequest => ({
  verb: 'recv',
  topic: body.topic,
  visibilityMs: body.visibility_ms ?? null,
  messagesMax: body.max_messages ?? MESSAGES_DEFAULT,
  bytesMax: body.max_bytes ?? BYTES_DEFAULT,
  waitMs: body.wait_ms ?? 0,
  acks: acksOf(body.acks),
});

export const streamOf = (body: Body<'stream'>): StreamRequest => ({
  topic: body.topic,
  visibilityMs: body.visibility_ms ?? null,
  credit: body.credit ?? MESSAGES_DEFAULT,
  bytesMax: body.max_bytes ?? BYTES_DEFAULT,
  messagesMax: body.max_messages ?? Number.POSITIVE_INFINITY,
  waitMs: body.wait_ms ?? Number.POSITIVE_INFINITY,
  acks: acksOf(body.acks),
});

export const ackOf = (body: Body<'ack'>, msgId: string): AckRequest => ({
  verb: 'ack',
  msgId,
  receipt: body.receipt,
});

export function nackOf(body: Body<'nack'>, msgId: string): NackRequest {
  if (body.reason !== undefined) checkText('reason', body.reason);
  return {
    verb: 'nack',
    msgId,
    receipt: body.receipt,
    reason: body.reason ?? null,
    retryAfterMs: body.retry_after_ms ?? null,
    deadLetter: body.dead_letter ?? false,
  };
}

export const extendOf = (body: Body<'extend'>, msgId: string): ExtendRequest => ({
  verb: 'extend',
  msgId,
  receipt: body.receipt,
  visibilityMs: body.visibility_ms ?? null,
});

export function reprocessOf(body: Body<'reprocess'>): ReprocessRequest {
  const rate = body.rate_per_s ?? REPROCESS_MAX;
  const most = Math.min(REPROCESS_MAX, rate * PACED_S_MAX);
  const limit = body.limit ?? body.msg_ids?.length ?? most;
  // A list is bounded as it stands: which of it can be put back is not known yet.
  const asked = Math.max(limit, body.msg_ids?.length ?? 0);
  if (asked > most) {
    throw new Malformed(
      `rate_per_s: at ${rate} at most ${most} are done in ${PACED_S_MAX} s; limit or msg_ids: ${asked}`,
    );
  }
  return {
    verb: 'reprocess',
    topic: body.topic,
    limit,
    msgIds: body.msg_ids ?? null,
    reason: (body.reason as DeadReason | undefined) ?? null,
    ratePerS: body.rate_per_s ?? null,
    dryRun: body.dry_run ?? false,
  };
}

export const redriveOf = (body: Body<'redrive'>): RedriveRequest => ({
  verb: 'redrive',
  topic: body.topic,
  limit: body.limit ?? Number.POSITIVE_INFINITY,
  msgIds: body.msg_ids ?? null,
  reason: (body.reason as DeadReason | undefined) ?? null,
  ratePerS: body.rate_per_s ?? null,
  dryRun: body.dry_run ?? false,
});

export function purgeOf(body: Body<'purge'>): PurgeRequest {
  if ((body.msg_ids === undefined) === (body.older_than_ms === undefined)) {
    throw new Malformed('msg_ids, older_than_ms: exactly one of them');
  }
  return {
    verb: 'purge',
    topic: body.topic,
    msgIds: body.msg_ids ?? null,
    olderThanMs: body.older_than_ms ?? null,
  };
}

export const dlqListOf = (query: Body<'dlq'>): DlqListRequest => ({
  verb: 'dlq_list',
  topic: query.topic,
  reason: (query.reason as DeadReason | undefined) ?? null,
  limit: Number(query.limit ?? PAGE_DEFAULT),
  after: Number(query.cursor ?? 0),
  withPayload: query.include === 'payload',
});

export const topicsOf = (query: Body<'topics'>): TopicsRequest => ({
  verb: 'topics',
  prefix: query.prefix ?? '',
  limit: Number(query.limit ?? PAGE_DEFAULT),
  cursor: query.cursor ?? null,
});

export const peekOf = (query: Body<'messages'>): PeekRequest => ({
  verb: 'peek',
  topic: query.topic,
  state: (query.state as Peeked | undefined) ?? null,
  limit: Number(query.limit ?? PAGE_DEFAULT),
  cursor: query.cursor ?? null,
  withPayload: query.include === 'payload',
});

export function feedOf({ topic, prefix, after, msg_id, wait_ms }: Body<'feed'>): FeedRequest {
  if ((topic === undefined) === (prefix === undefined)) throw new Malformed('topic, prefix: exactly one of them');
  const waitMs = wait_ms === undefined ? Number.POSITIVE_INFINITY : Number(wait_ms);
  if (wait_ms !== undefined && waitMs > WAIT_MS_MAX) throw new Malformed(`wait_ms: at most ${WAIT_MS_MAX}`);
  return { topic: topic ?? null, prefix: prefix ?? '', after: after ?? null, onlyMsgId: msg_id, waitMs };
}

export function decisionsOf({ after, wait_ms }: Body<'decisions'>): FeedRequest {
  return { ...feedOf({ prefix: '', after, wait_ms } as Body<'feed'>), ofDecisions: true };
}

export const statsOf = (query: Body<'stats'>): StatsRequest => ({ verb: 'stats', topic: query.topic });
