import Type, { type TSchema } from 'typebox';
import { BASE64, PACED_S_MAX, REPROCESS_MAX, SCHEMAS, type SchemaName } from './schemas.ts';

/**
 * Request bodies as readers of the interface see them: what the server checks with its schemas, and what it checks beside them
 * (`src/http/requests.ts`), as far as JSON Schema can say it. It cannot count the bytes of a text.
 */

/** Of a whole body (`max_body`). */
const BODY_BYTES_MAX = 1024 ** 2;
const LEAST = '{"topic":"a","idem_key":"a","payload_b64":""}';

const payload_b64 = Type.String({
  pattern: BASE64,
  maxLength: 4 * Math.floor((BODY_BYTES_MAX - LEAST.length) / 4),
  contentEncoding: 'base64',
  description: 'Canonical base64, padded; the whole body is at most 1 MiB',
});

/** One of these two and not both. */
const either = (schema: TSchema, one: string, other: string): TSchema =>
  Type.Unsafe({ ...schema, oneOf: [{ required: [one] }, { required: [other] }] });

/** At `rate_per_s` so many may be put back that it is done within a minute. */
function paced(schema: TSchema): TSchema {
  const anyRate = Math.ceil(REPROCESS_MAX / PACED_S_MAX);
  const slow = Array.from({ length: anyRate - 1 }, (_, i) => {
    const most = (i + 1) * PACED_S_MAX;
    return {
      properties: { rate_per_s: { const: i + 1 }, limit: { maximum: most }, msg_ids: { maxItems: most } },
      required: ['rate_per_s'],
    };
  });
  const description = `limit and msg_ids must be reached within ${PACED_S_MAX} s at rate_per_s`;
  return Type.Unsafe({
    ...schema,
    description,
    anyOf: [{ properties: { rate_per_s: { minimum: anyRate } } }, ...slow],
  });
}

/** A batch: what its items are to be. Whatever they are, each is answered alone. */
const batchOf = (batch: TSchema & { properties: Readonly<Record<string, TSchema>> }, item: TSchema): TSchema => {
  const [[name, items] = ['', {}]] = Object.entries(batch.properties);
  const alone = { description: 'Anything else is refused in its own result' };
  return Type.Unsafe({ ...batch, properties: { [name]: { ...items, items: { anyOf: [item, alone] } } } });
};

const send = Type.Unsafe<unknown>({
  ...SCHEMAS.send,
  properties: { ...SCHEMAS.send.properties, payload_b64 },
});

const DOCUMENTED: Readonly<Partial<Record<SchemaName, TSchema>>> = {
  send,
  send_batch: batchOf(SCHEMAS.send_batch, send),
  ack_batch: batchOf(SCHEMAS.ack_batch, SCHEMAS.ack_item),
  nack_batch: batchOf(SCHEMAS.nack_batch, SCHEMAS.nack_item),
  reprocess: paced(SCHEMAS.reprocess),
  purge: either(SCHEMAS.purge, 'msg_ids', 'older_than_ms'),
  revoke: either(SCHEMAS.revoke, 'nonce', 'key_id'),
  feed: either(SCHEMAS.feed, 'topic', 'prefix'),
};

/** A request's schema with all that the server checks beside it. */
export const documented = (name: SchemaName): TSchema => DOCUMENTED[name] ?? SCHEMAS[name];
