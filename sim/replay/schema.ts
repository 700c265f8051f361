import Type, { type TSchema } from 'typebox';
import { OPS } from '../../spec/vocabulary.ts';
import { LIMIT_NAMES, LIMITS, type Limits, leastOf } from '../../src/core/limits.ts';
import { GROUP_NAMES } from '../capabilities.ts';
import { RULE_NAMES } from '../checkers/breach.ts';
import { GOAL_NAMES } from '../checkers/tally.ts';
import { DEFECTS } from '../defects.ts';
import { INJECTED } from '../faults/lookup.ts';
import { NODES_MAX, ROOT_KEYS_MAX, SHARDS_MAX } from '../faults/parameters.ts';
import { SETTLE_BY } from '../setup.ts';
import { SHIFT_MS_MAX } from '../yaml.ts';

/** A replay file as JSON Schema. Closed: unknown fields are refused (T4). */
const closed = { additionalProperties: false } as const;
const ms = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const count = (minimum: number): TSchema => Type.Integer({ minimum, maximum: 1_000_000_000 });
const word = Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 });
/** In one line: it is told in lines. */
const text = Type.String({ maxLength: 1000, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$' });
const object = (fields: Record<string, TSchema>): TSchema => Type.Object(fields, closed);
const orNull = (schema: TSchema): TSchema => Type.Union([schema, Type.Null()]);
const range = object({ min: ms, max: ms });

const whole = (minimum: number, maximum: number): TSchema => Type.Integer({ minimum, maximum });
const shift = whole(-SHIFT_MS_MAX, SHIFT_MS_MAX);
/** Replays of earlier versions lack the later ones. */
export const limitSchemas = Object.fromEntries(
  LIMIT_NAMES.map((limit) => {
    const schema = whole(leastOf(LIMITS[limit]), LIMITS[limit].max);
    return [limit, LIMITS[limit].before === null ? schema : Type.Optional(schema)];
  }),
) as Readonly<Record<keyof Limits, TSchema>>;

const setup = object({
  nodes: whole(1, NODES_MAX),
  shards: whole(1, SHARDS_MAX),
  topics: Type.Integer({ minimum: 1, maximum: 1000 }),
  limits: object(limitSchemas),
  durationMs: Type.Integer({ minimum: 1, maximum: 2 ** 31 }),
  settleMs: Type.Integer({ minimum: 1, maximum: 2 ** 31 }),
  settleBy: Type.Enum([...SETTLE_BY]),
  heals: orNull(Type.Array(whole(0, NODES_MAX - 1), { minItems: 1 })),
  syncMs: range,
  skewMs: Type.Array(shift, { maxItems: NODES_MAX }),
  cacheTtlMs: ms,
  connectionsMax: count(1),
  memoryBytes: Type.Optional(orNull(count(1))),
  windowBytes: Type.Optional(orNull(count(1))),
  verifierMs: Type.Optional(orNull(range)),
  diskBytes: Type.Optional(orNull(count(1))),
  defect: orNull(Type.Enum([...DEFECTS])),
  engine: Type.Optional(
    orNull(
      object({
        ...{ leaseMs: ms, wayMs: range, runMs: range, standbyMs: range, lateMs: range, answersMs: ms },
        ...{ isReplicated: Type.Boolean(), snapshotBytes: count(1) },
      }),
    ),
  ),
});

const capability = object({
  name: text,
  key: whole(1, ROOT_KEYS_MAX),
  nonce: Type.String({ pattern: '^[0-9A-HJKMNP-TV-Z]{26}$' }),
  ops: Type.Array(Type.Enum([...OPS]), { minItems: 1 }),
  topic: Type.String({ pattern: '^[a-z0-9][a-z0-9._:-]{0,127}$' }),
  /** Seconds of simulated time, before its beginning too; null for ever. */
  expiresS: orNull(whole(-1_000, Number.MAX_SAFE_INTEGER)),
  quotaOps: count(1),
  forged: Type.Boolean(),
  added: Type.Optional(
    Type.Array(Type.String({ pattern: '^quota_ops = [1-9][0-9]{0,14}/[1-9][0-9]{0,6}$' }), { maxItems: 7 }),
  ),
});

const node = whole(0, NODES_MAX - 1);
const kind = (...names: readonly string[]): TSchema => Type.Enum([...names]);
/** One of each, by what it says it is. */
export const FAULTS = INJECTED.map(({ kind: name, parameters }) =>
  object({
    node,
    kind: kind(name),
    ...Object.fromEntries(
      Object.entries(parameters).map(([field, { schema, formerly }]) => [
        field,
        formerly === undefined ? schema : Type.Optional(schema),
      ]),
    ),
  }),
);

const topic = Type.String({ pattern: '^[a-z0-9][a-z0-9._:-]{0,127}$' });
const verb = (name: string, fields: Record<string, TSchema>): TSchema => object({ verb: Type.Enum([name]), ...fields });
const SEND = {
  topic,
  idemKey: text,
  payload: Type.String({ pattern: '^([0-9a-f]{2})*$' }),
  payloadHash: orNull(text),
  attrs: Type.Object({}),
  corrId: text,
  delayMs: ms,
  ttlMs: Type.Optional(ms),
};
const NACK = { reason: orNull(text), retryAfterMs: orNull(ms), deadLetter: Type.Boolean() };
/** The number of a capability of its own. */
const under = Type.Optional(ms);
const BATCHED = [verb('send', { ...SEND, under }), verb('ack', { under }), verb('nack', { ...NACK, under })];
const SINGLE = [
  verb('send', SEND),
  verb('recv', { topic, visibilityMs: orNull(ms), messagesMax: count(1), bytesMax: count(1), waitMs: ms }),
  verb('ack', {}),
  verb('nack', NACK),
  verb('extend', { visibilityMs: orNull(ms) }),
  verb('reprocess', {
    topic,
    limit: count(1),
    reason: orNull(text),
    ratePerS: orNull(count(1)),
    named: Type.Boolean(),
  }),
  verb('redrive', {
    ...{ topic, limit: Type.Optional(count(1)), reason: orNull(text), ratePerS: orNull(count(1)) },
    ...{ dryRun: Type.Boolean(), named: Type.Boolean() },
  }),
  verb('redrive_show', {}),
  verb('redrive_cancel', {}),
  verb('purge', { topic, olderThanMs: orNull(ms), named: Type.Boolean() }),
  verb('dlq_list', { topic, reason: orNull(text), limit: count(1), after: ms, withPayload: Type.Boolean() }),
  verb('stats', { topic }),
  verb('topics', { prefix: Type.String(), limit: count(1), cursor: orNull(text) }),
  verb('peek', { topic, state: orNull(text), limit: count(1), cursor: orNull(text), withPayload: Type.Boolean() }),
  verb('show', {}),
  verb('revoke', { nonce: text }),
];
const taking = { visibilityMs: orNull(ms), bytesMax: count(1) };
export const ASKS = [
  ...SINGLE,
  verb('batch', { items: Type.Array(Type.Union(BATCHED), { minItems: 1, maxItems: 256 }) }),
  verb('feed', {
    ...{ topic: orNull(topic), prefix: Type.String({ maxLength: 128 }), after: orNull(text), takesMs: ms },
    waitMs: Type.Optional(ms),
  }),
  verb('stream', {
    ...{ topic, ...taking, credit: count(1), takesMs: ms },
    ...{ messagesMax: Type.Optional(count(1)), waitMs: Type.Optional(ms) },
  }),
];

const callWith = (ask: TSchema): TSchema =>
  object({
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

const goals = (least: number): TSchema =>
  object(Object.fromEntries(GOAL_NAMES.map((goal) => [goal, Type.Optional(count(least))])));

const replayWith = (element: TSchema): TSchema =>
  object({
    format: Type.Enum(['svc-mailbox replay 1']),
    title: text,
    from: text,
    version: text,
    verdict: object({
      kind: kind('held', 'safety', 'liveness', 'crashed', 'goals_missed', 'not_violated'),
      rule: orNull(text),
      detail: Type.String(),
    }),
    expects: Type.Optional(
      object({ goals: goals(1), violates: orNull(Type.Enum([...RULE_NAMES])), counted: goals(0) }),
    ),
    minimal: Type.Boolean(),
    hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    prints: Type.String({ pattern: '^[A-Za-z0-9+/]*=*$' }),
    script: object({
      setup,
      clocksAreTrue: Type.Boolean(),
      capabilities: Type.Array(capability),
      tapes: Type.Array(Type.Array(word)),
      elements: Type.Array(element),
    }),
  });

const called = (ask: TSchema): TSchema => object({ atMs: ms, call: callWith(ask) });
const struck = (fault: TSchema): TSchema => object({ atMs: ms, fault });
export const replaySchema = replayWith(Type.Union([called(Type.Union(ASKS)), struck(Type.Union(FAULTS))]));

/** The same a part at a time, so that what is wrong can be named: of a union every branch complains. */
export const PARTS = {
  head: replayWith(Type.Unknown()),
  called: called(Type.Unknown()),
  struck: struck(Type.Unknown()),
};
