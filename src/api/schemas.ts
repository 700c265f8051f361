import Type, { type Static, type TSchema } from 'typebox';
import { DEAD_REASONS, RETRY_AFTER_MS_MAX } from '../../spec/vocabulary.ts';

/** Request bodies and queries as JSON Schema. Closed: unknown fields are refused (T4). */
const HOURS_12_MS = 12 * 3_600_000;
const DAYS_365_MS = 365 * 86_400_000;

const topic = Type.String({ pattern: '^[a-z0-9][a-z0-9._:-]{0,127}$' });
const msgId = Type.String({ pattern: '^[0-9A-HJKMNP-TV-Z]{26}$' });
const receipt = Type.String({ pattern: '^[!-~]{1,128}$' });
const visibility = Type.Integer({ minimum: 250, maximum: HOURS_12_MS });
const reason = Type.Enum([...DEAD_REASONS]);
/** Bytes of a text in UTF-8. */
export const TEXT_BYTES_MAX = 1024;
/** Well-formed text without control characters; bytes, of which a character has one or more, are counted where it is read. */
const text = Type.String({
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
  maxLength: TEXT_BYTES_MAX,
  description: `At most ${TEXT_BYTES_MAX} bytes of UTF-8, without control characters`,
});
/**
 * Canonical base64, as a pattern: every encoding has one spelling, padded, its loose bits zero. For readers of the interface; the
 * server decodes and encodes again, which costs a tenth.
 */
export const BASE64 = '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$';
/** What one recv gives where it does not say: messages, and bytes of payloads. */
export const MESSAGES_DEFAULT = 32;
export const BYTES_DEFAULT = 524_288;
/** What a page has where it does not say. */
export const PAGE_DEFAULT = 100;
/** The longest that a feed waits for something to come. */
export const WAIT_MS_MAX = 12 * 3_600_000;
const closed = { additionalProperties: false } as const;

const sending = {
  topic,
  idem_key: Type.String({ pattern: '^[!-~]{1,128}$' }),
  attrs: Type.Optional(
    Type.Record(Type.String({ pattern: '^(?!__proto__$)[a-z0-9._-]{1,64}$' }), text, {
      maxProperties: 32,
      ...closed,
    }),
  ),
  payload_hash: Type.Optional(Type.String({ pattern: '^b3:[0-9a-f]{64}$' })),
  delay_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: HOURS_12_MS })),
  ttl_ms: Type.Optional(Type.Integer({ minimum: 1, maximum: DAYS_365_MS })),
};
const receiving = {
  topic,
  visibility_ms: Type.Optional(visibility),
  max_messages: Type.Optional(Type.Integer({ minimum: 1, maximum: 256, default: MESSAGES_DEFAULT })),
  max_bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: BYTES_DEFAULT, default: BYTES_DEFAULT })),
  wait_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 20_000, default: 0 })),
  acks: Type.Optional(Type.Array(Type.Object({ msg_id: msgId, receipt }, closed), { maxItems: 256 })),
};
const nacking = {
  receipt,
  reason: Type.Optional(text),
  retry_after_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: RETRY_AFTER_MS_MAX })),
  dead_letter: Type.Optional(Type.Boolean()),
};
/** A batch. Its items are checked one by one, so that each fails alone. */
const items = Type.Array(Type.Unknown(), { minItems: 1, maxItems: 256 });

/** Dead letters that one request may put back, and how long it may take at a rate. */
export const REPROCESS_MAX = 1000;
export const PACED_S_MAX = 60;

/** Of a page: queries are text. */
const limit = Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', default: String(PAGE_DEFAULT) }));
const prefix = Type.Optional(Type.String({ pattern: '^[a-z0-9][a-z0-9._:-]{0,127}$' }));
const cursor = Type.Optional(Type.String({ pattern: '^[!-~]{1,256}$' }));

export const SCHEMAS = {
  send: Type.Object({ ...sending, payload_b64: Type.String() }, closed),
  /** The JSON of a frame: its payload goes beside it. */
  send_frame: Type.Object(sending, closed),
  send_batch: Type.Object({ messages: items }, closed),
  recv: Type.Object(receiving, closed),
  stream: Type.Object(
    {
      ...receiving,
      max_messages: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
      wait_ms: Type.Optional(Type.Integer({ minimum: 1, maximum: HOURS_12_MS })),
      credit: Type.Optional(Type.Integer({ minimum: 1, maximum: 256, default: MESSAGES_DEFAULT })),
    },
    closed,
  ),
  ack: Type.Object({ receipt }, closed),
  ack_batch: Type.Object({ acks: items }, closed),
  /** An ack that names its message itself: an item of a batch, or a frame. */
  ack_item: Type.Object({ msg_id: msgId, receipt }, closed),
  nack: Type.Object(nacking, closed),
  nack_batch: Type.Object({ nacks: items }, closed),
  nack_item: Type.Object({ msg_id: msgId, ...nacking }, closed),
  extend: Type.Object({ receipt, visibility_ms: Type.Optional(visibility) }, closed),
  reprocess: Type.Object(
    {
      topic,
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: REPROCESS_MAX })),
      msg_ids: Type.Optional(Type.Array(msgId, { minItems: 1, maxItems: REPROCESS_MAX })),
      reason: Type.Optional(reason),
      rate_per_s: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
      dry_run: Type.Optional(Type.Boolean()),
    },
    closed,
  ),
  redrive: Type.Object(
    {
      topic,
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
      msg_ids: Type.Optional(Type.Array(msgId, { minItems: 1, maxItems: REPROCESS_MAX })),
      reason: Type.Optional(reason),
      rate_per_s: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
      dry_run: Type.Optional(Type.Boolean()),
    },
    closed,
  ),
  purge: Type.Object(
    {
      topic,
      msg_ids: Type.Optional(Type.Array(msgId, { minItems: 1, maxItems: 1000 })),
      older_than_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: DAYS_365_MS })),
    },
    closed,
  ),
  revoke: Type.Object(
    {
      nonce: Type.Optional(Type.String({ pattern: '^[0-9A-HJKMNP-TV-Z]{26}$' })),
      key_id: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{1,32}$' })),
      reason: text,
    },
    closed,
  ),
  dlq: Type.Object(
    {
      topic,
      reason: Type.Optional(reason),
      limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', default: String(PAGE_DEFAULT) })),
      cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$' })),
      include: Type.Optional(Type.Enum(['payload'])),
    },
    closed,
  ),
  stats: Type.Object({ topic }, closed),
  topics: Type.Object({ prefix, limit, cursor }, closed),
  messages: Type.Object(
    {
      topic,
      state: Type.Optional(Type.Enum(['queued', 'leased', 'redelivered', 'dead_lettered'])),
      limit,
      cursor,
      include: Type.Optional(Type.Enum(['payload'])),
    },
    closed,
  ),
  message: Type.Object({ include: Type.Optional(Type.Enum(['payload'])) }, closed),
  feed: Type.Object(
    {
      topic: Type.Optional(topic),
      prefix,
      after: Type.Optional(Type.String({ pattern: '^(now|oldest|[0-9a-z]{1,12}-[0-9]{1,16})$' })),
      msg_id: Type.Optional(msgId),
      wait_ms: Type.Optional(Type.String({ pattern: '^(0|[1-9][0-9]{0,7})$' })),
    },
    closed,
  ),
  decisions: Type.Object(
    {
      after: Type.Optional(Type.String({ pattern: '^(now|oldest|[0-9a-z]{1,12}-[0-9]{1,16})$' })),
      wait_ms: Type.Optional(Type.String({ pattern: '^(0|[1-9][0-9]{0,7})$' })),
    },
    closed,
  ),
  /** Nothing is asked but what the path names. */
  none: Type.Object({}, closed),
} as const satisfies Record<string, TSchema>;
export type SchemaName = keyof typeof SCHEMAS;
export type Body<N extends SchemaName> = Static<(typeof SCHEMAS)[N]>;
