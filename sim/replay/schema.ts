import Type, { type TSchema } from 'typebox';
import { OPS } from '../../spec/vocabulary.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { GROUP_NAMES } from '../capabilities.ts';
import { FULL_OF } from '../disk.ts';
import { ERRORS_OF, TEARS } from '../disk-trouble.ts';
import { DEFECTS } from '../node.ts';
import { SETTLE_BY } from '../setup.ts';

/** A replay file as JSON Schema. Closed: unknown fields are refused (T4). */
const closed = { additionalProperties: false } as const;
const ms = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const count = (minimum: number): TSchema => Type.Integer({ minimum, maximum: 1_000_000_000 });
const word = Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 });
const text = Type.String({ maxLength: 1000 });
const object = (fields: Record<string, TSchema>): TSchema => Type.Object(fields, closed);
const orNull = (schema: TSchema): TSchema => Type.Union([schema, Type.Null()]);
const range = object({ min: ms, max: ms });
const who = Type.Enum(['all', ...GROUP_NAMES]);

const setup = object({
  nodes: Type.Integer({ minimum: 1, maximum: 16 }),
  shards: Type.Integer({ minimum: 1, maximum: 64 }),
  topics: Type.Integer({ minimum: 1, maximum: 1000 }),
  limits: object(Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((key) => [key, ms]))),
  durationMs: Type.Integer({ minimum: 1, maximum: 2 ** 31 }),
  settleMs: Type.Integer({ minimum: 1, maximum: 2 ** 31 }),
  settleBy: Type.Enum([...SETTLE_BY]),
  heals: orNull(Type.Array(Type.Integer({ minimum: 0, maximum: 15 }), { minItems: 1 })),
  syncMs: range,
  skewMs: Type.Array(Type.Integer(), { maxItems: 16 }),
  cacheTtlMs: ms,
  connectionsMax: count(1),
  diskBytes: Type.Optional(orNull(count(1))),
  defect: orNull(Type.Enum([...DEFECTS])),
});

const capability = object({
  name: text,
  key: Type.Integer({ minimum: 1, maximum: 200 }),
  nonce: Type.String({ pattern: '^[0-9A-HJKMNP-TV-Z]{26}$' }),
  ops: Type.Array(Type.Enum([...OPS]), { minItems: 1 }),
  topic: Type.String({ pattern: '^[a-z0-9][a-z0-9._:-]{0,127}$' }),
  /** Seconds of simulated time; null for ever. */
  expiresS: orNull(ms),
  quotaOps: count(1),
  forged: Type.Boolean(),
});

const node = Type.Integer({ minimum: 0, maximum: 15 });
const kind = (...names: readonly string[]): TSchema => Type.Enum([...names]);
const fault = Type.Union([
  object({ node, kind: kind('crash', 'drain'), downMs: ms }),
  object({ node, kind: kind('pause', 'clock_freeze'), forMs: ms }),
  object({ node, kind: kind('partition'), who, direction: kind('both', 'requests', 'replies'), forMs: ms }),
  object({ node, kind: kind('delay', 'slow_reader'), who, byMs: ms, forMs: ms }),
  object({ node, kind: kind('clock_step'), byMs: Type.Integer() }),
  object({ node, kind: kind('clock_drift'), rate: Type.Number({ minimum: 0.1, maximum: 10 }), forMs: ms }),
  object({ node, kind: kind('connection_flood'), connections: count(1), forMs: ms }),
  object({ node, kind: kind('power_cut'), ops: count(1), tear: kind(...TEARS), downMs: ms }),
  object({ node, kind: kind('disk_error'), of: kind(...ERRORS_OF) }),
  object({ node, kind: kind('disk_full'), bytes: count(0), of: Type.Optional(kind(...FULL_OF)), forMs: ms }),
  object({ node, kind: kind('short_write', 'lost_sync', 'descriptors'), forMs: ms }),
  object({ node, kind: kind('bit_flip'), bits: count(1) }),
  object({ node, kind: kind('misdirected_write') }),
  object({ node, kind: kind('shard_kill'), shard: Type.Integer({ minimum: 0, maximum: 63 }) }),
  object({
    node,
    kind: kind('keyring'),
    keys: Type.Array(Type.Integer({ minimum: 1, maximum: 200 }), { minItems: 1 }),
  }),
]);

const topic = text;
const verb = (name: string, fields: Record<string, TSchema>): TSchema => object({ verb: Type.Enum([name]), ...fields });
const ask = Type.Union([
  verb('send', {
    topic,
    idemKey: text,
    payload: Type.String({ pattern: '^([0-9a-f]{2})*$' }),
    payloadHash: orNull(text),
    attrs: Type.Object({}),
    corrId: text,
    delayMs: ms,
    ttlMs: Type.Optional(ms),
  }),
  verb('recv', { topic, visibilityMs: orNull(ms), messagesMax: count(1), bytesMax: count(1), waitMs: ms }),
  verb('ack', {}),
  verb('nack', { reason: orNull(text), retryAfterMs: orNull(ms), deadLetter: Type.Boolean() }),
  verb('extend', { visibilityMs: orNull(ms) }),
  verb('reprocess', {
    topic,
    limit: count(1),
    reason: orNull(text),
    ratePerS: orNull(count(1)),
    named: Type.Boolean(),
  }),
  verb('purge', { topic, olderThanMs: orNull(ms), named: Type.Boolean() }),
  verb('dlq_list', { topic, reason: orNull(text), limit: count(1), after: ms, withPayload: Type.Boolean() }),
  verb('stats', { topic }),
  verb('revoke', { nonce: text }),
]);

const call = object({
  id: Type.Integer({ minimum: 1, maximum: 2 ** 28 - 1 }),
  by: text,
  group: Type.Enum([...GROUP_NAMES]),
  node,
  capability: ms,
  ask,
  refs: Type.Array(object({ topic, idemKey: text, epoch: ms, nth: Type.Optional(ms) })),
  timeoutMs: Type.Integer({ minimum: 1, maximum: 2 ** 31 }),
  copies: Type.Array(
    object({
      outMs: Type.Integer({ minimum: 1, maximum: 2 ** 31 }),
      backMs: Type.Integer({ minimum: 1, maximum: 2 ** 31 }),
      end: kind('answered', 'lost', 'gone'),
    }),
    { maxItems: 4 },
  ),
});

export const replaySchema = object({
  format: Type.Enum(['svc-mailbox replay 1']),
  title: text,
  from: text,
  version: text,
  verdict: object({ kind: kind('held', 'safety', 'liveness', 'crashed'), rule: orNull(text), detail: Type.String() }),
  minimal: Type.Boolean(),
  hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  prints: Type.String({ pattern: '^[A-Za-z0-9+/]*=*$' }),
  script: object({
    setup,
    clocksAreTrue: Type.Boolean(),
    capabilities: Type.Array(capability),
    tapes: Type.Array(Type.Array(word)),
    elements: Type.Array(Type.Union([object({ atMs: ms, call }), object({ atMs: ms, fault })])),
  }),
});
