import Type, { type Static, type TSchema } from 'typebox';
import { DEAD_REASONS, RETRY_AFTER_MS_MAX } from '../../spec/vocabulary.ts';
import { type Fault, type FindFault, faultFinder } from './explain.ts';
import { Malformed } from './json.ts';

/** Request bodies and queries as JSON Schema (`wire`: HTTP, Limits). Closed: unknown fields are refused (T4). */
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
  max_messages: Type.Optional(Type.Integer({ minimum: 1, maximum: 256 })),
  max_bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 524_288 })),
  wait_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 20_000 })),
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
      credit: Type.Optional(Type.Integer({ minimum: 1, maximum: 256 })),
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
      limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$' })),
      cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$' })),
      include: Type.Optional(Type.Enum(['payload'])),
    },
    closed,
  ),
  stats: Type.Object({ topic }, closed),
} as const satisfies Record<string, TSchema>;
export type SchemaName = keyof typeof SCHEMAS;
export type Body<N extends SchemaName> = Static<(typeof SCHEMAS)[N]>;

/** What a pattern means, in words. */
const MEANING: Readonly<Record<string, string>> = {
  topic: '1..128 of a-z 0-9 . _ : -, the first a letter or digit',
  idem_key: '1..128 ASCII characters from ! to ~',
  payload_hash: 'b3: and 64 lower-case hex digits',
  msg_id: 'a ULID of 26 characters',
  msg_ids: 'ULIDs of 26 characters',
  nonce: '26 characters',
  receipt: '1..128 ASCII characters',
  key_id: '1..32 of A-Z a-z 0-9 _ -',
  limit: 'a whole number 1..1000',
  cursor: 'the `next` of the page before',
  attrs: 'text without control characters',
  reason: 'text without control characters',
};

const finders = Object.fromEntries(
  Object.entries(SCHEMAS).map(([name, schema]) => [name, faultFinder(schema)]),
) as Record<SchemaName, FindFault>;

/** The value as what the schema says it is. @throws Malformed naming the first field that is not. */
export function check<N extends SchemaName>(name: N, value: unknown): Body<N> {
  const fault = finders[name](value);
  if (fault !== null) throw new Malformed(said(fault));
  return value as Body<N>;
}

function said({ path, keyword, text }: Fault): string {
  const above = path.slice(0, -1);
  if (keyword === 'additionalProperties') {
    const hint = above.join() === 'attrs' ? ' (keys are 1..64 of a-z 0-9 . _ -)' : '';
    return `${[...above, fieldName(path.at(-1) as string)].join('.')}: ${text}${hint}`;
  }
  const field = path.join('.').slice(0, 80) || 'body';
  const meaning = MEANING[path.findLast((part) => part in MEANING) ?? ''];
  if (keyword === 'maxLength') return `${field}: at most ${TEXT_BYTES_MAX} bytes`;
  return `${field}: ${keyword === 'pattern' ? (meaning ?? text) : text}`;
}

/** A caller's own word where it looks like the name of a field; anything else might be a secret that slipped (I2). */
const fieldName = (word: string): string => (/^[a-z_][a-z0-9_]{0,31}$/.test(word) ? word : '(a name that is none)');
