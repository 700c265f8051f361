import Type, { type Static, type TSchema } from 'typebox';
import { DEAD_REASONS, FACT_OF, OUTCOMES, STATES } from '../../spec/vocabulary.ts';

/** What requests are answered with, as JSON Schema. */
const closed = { additionalProperties: false } as const;
const msg_id = Type.String({ pattern: '^[0-9A-HJKMNP-TV-Z]{26}$', description: 'ULID; never changes' });
const hash = Type.String({ pattern: '^b3:[0-9a-f]{64}$', description: 'BLAKE3-256' });
const count = Type.Integer({ minimum: 0 });
const moment = Type.String({ format: 'date-time', description: 'RFC 3339 with milliseconds' });
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const codes = [...new Set(Object.values(OUTCOMES).flatMap(({ code }) => (code === null ? [] : [code])))];
const reasons = [...new Set(Object.values(OUTCOMES).flatMap((row) => ('reason' in row ? [row.reason] : [])))];

const envelope = Type.Object(
  {
    msg_id,
    topic: Type.String(),
    ts: moment,
    idem_key: Type.String(),
    payload_b64: Type.String({ contentEncoding: 'base64' }),
    payload_hash: hash,
    attrs: Type.Record(Type.String(), Type.String()),
    corr_id: Type.String({ format: 'uuid' }),
    shard: count,
    attempt: Type.Integer({ minimum: 1, description: '1 for the first delivery' }),
    hash_chain: hash,
    sig: nullable(Type.String({ pattern: '^ed25519:[A-Za-z0-9_-]{43}:[A-Za-z0-9_-]{86}$' })),
    receipt: Type.String({ description: 'settles this lease and no other' }),
    deadline_in_ms: count,
    epoch: Type.Integer({ minimum: 1, description: 'rises with every lease' }),
  },
  closed,
);

const deadLetter = Type.Object(
  {
    msg_id,
    topic: Type.String(),
    ts: moment,
    idem_key: Type.String(),
    payload_hash: hash,
    hash_chain: hash,
    attrs: Type.Record(Type.String(), Type.String()),
    corr_id: Type.String(),
    shard: count,
    epoch: count,
    reason: Type.Enum([...DEAD_REASONS]),
    attempt: count,
    last_error: nullable(Type.String()),
    dead_at: moment,
    redrives: count,
    payload_b64: Type.Optional(Type.String({ contentEncoding: 'base64' })),
  },
  closed,
);

const error = Type.Object(
  {
    code: Type.Enum(codes),
    message: Type.String(),
    corr_id: Type.String({ format: 'uuid' }),
    reason: Type.Optional(Type.Enum(reasons)),
    msg_id: Type.Optional(msg_id),
  },
  closed,
);
const failedItem = Type.Object(
  {
    msg_id: Type.Optional(msg_id),
    code: Type.Enum(codes),
    message: Type.String(),
    reason: Type.Optional(Type.Enum(reasons)),
  },
  closed,
);
const ackResult = Type.Union([Type.Object({ msg_id, ok: Type.Literal(true) }, closed), failedItem]);
const readiness = Type.Object(
  { ready: Type.Boolean(), missing: Type.Array(Type.String()), retry_after: count },
  closed,
);

/** A schema that several answers share, by its name. */
const shared = <T extends TSchema>(name: string, _schema: T) =>
  Type.Unsafe<Static<T>>({ $ref: `#/components/schemas/${name}` });
const oneEnvelope = shared('Envelope', envelope);

const stats = Type.Object(
  {
    topic: Type.String(),
    depth: count,
    queued: count,
    leased: count,
    redelivered: count,
    dead_lettered: count,
    oldest_ready_ms: count,
  },
  closed,
);
const message = Type.Object(
  {
    msg_id,
    topic: Type.String(),
    shard: count,
    state: Type.Enum([...STATES]),
    ts: moment,
    idem_key: Type.String(),
    payload_hash: hash,
    hash_chain: hash,
    attrs: Type.Record(Type.String(), Type.String()),
    corr_id: Type.String(),
    attempt: count,
    epoch: count,
    redrives: count,
    reason: nullable(Type.Enum([...DEAD_REASONS])),
    last_error: nullable(Type.String()),
    dead_at: nullable(moment),
    until_in_ms: nullable(
      Type.Integer({ minimum: 0, description: 'to the end of its lease, or until it is given out again' }),
    ),
    payload_bytes: nullable(count),
    payload_b64: Type.Optional(Type.String({ contentEncoding: 'base64' })),
  },
  closed,
);
const cursor = Type.String({ description: 'what is asked for after it goes on there' });
const fact = Type.Object(
  {
    cursor,
    at: moment,
    fact: Type.Enum(Object.values(FACT_OF)),
    msg_id,
    topic: Type.String(),
    shard: count,
    state: Type.Enum([...STATES]),
    idem_key: Type.String(),
    corr_id: Type.String(),
    payload_hash: hash,
    attempt: count,
    epoch: count,
    reason: Type.Optional(Type.String()),
    last_error: Type.Optional(Type.String()),
    until: Type.Optional(moment),
  },
  closed,
);
const gap = Type.Object(
  { cursor, at: moment, fact: Type.Literal('gap'), shard: nullable(count) },
  { ...closed, description: 'Facts are missing here: of one shard, or of any' },
);

const streamLine = Type.Union(
  [oneEnvelope, Type.Object({ ack_results: Type.Array(ackResult) }, closed), shared('Error', error)],
  { description: 'A message; first the results of acks that rode along; last, where the server ends it, why' },
);

const feedLine = Type.Union([shared('Fact', fact), gap, Type.Object({ cursor }, closed), shared('Error', error)], {
  description: 'A fact or a gap; a cursor alone first and as heartbeat; last, where the server ends it, why',
});

const percent = Type.Integer({ minimum: 0, maximum: 100 });
const node = Type.Object(
  {
    ready: Type.Boolean(),
    missing: Type.Array(Type.String()),
    bounds: Type.Array(Type.Object({ name: Type.String(), percent, shard: nullable(count) }, closed), {
      description:
        'the fullest first: it refuses next; `shard` where it is a bound of each shard, and this is the fullest',
    }),
    journal: Type.Object({ durable: Type.Boolean(), term: nullable(count), lacks: nullable(Type.String()) }, closed),
    shards: Type.Array(
      Type.Object(
        {
          shard: count,
          state: Type.Enum(['serving', 'fallen', 'unsure', 'not_owner', 'halted']),
          term: nullable(count),
          percent,
          node: Type.Optional(
            Type.String({ description: 'the name of the node that has it, where that is another one and known' }),
          ),
        },
        closed,
      ),
    ),
  },
  closed,
);

/** The events of the log that are told, and their fields there. */
export const DECISION_EVENTS = [
  ...['auth.denied', 'request.refused', 'connection.refused', 'tls.handshake_failed', 'integrity.failed'],
  ...['capability.revoked', 'quota.barred', 'keyring.changed'],
] as const;
const said = Type.Optional(Type.String());
const number = Type.Optional(count);
export const decisionFields = {
  ...{
    corr_id: said,
    peer_addr: said,
    cap_scope: said,
    reason: said,
    route: said,
    op: said,
    status: number,
    items: number,
  },
  ...{ kind: said, id: said, note: said, key_id: said, nonce: said, for_s: number, msg_id: said, shard: number },
} as const;
const decision = Type.Object(
  {
    cursor,
    at: moment,
    event: Type.Enum([...DECISION_EVENTS]),
    decision: Type.Enum(['allowed', 'denied']),
    ...decisionFields,
  },
  closed,
);
const decisionLine = Type.Union(
  [shared('Decision', decision), gap, Type.Object({ cursor }, closed), shared('Error', error)],
  { description: 'A decision or a gap; a cursor alone first and as heartbeat; last, where the server ends it, why' },
);

/** Schemas that several answers share, by name. */
export const COMPONENTS = {
  Error: error,
  Envelope: envelope,
  StreamLine: streamLine,
  DeadLetter: deadLetter,
  Message: message,
  Fact: fact,
  FeedLine: feedLine,
  Decision: decision,
  DecisionLine: decisionLine,
  Readiness: readiness,
} as const;

/** A batch: one result an item, in order; what an item is refused for is in its result. */
const results = <T extends TSchema>(result: T) =>
  Type.Object({ results: Type.Array(Type.Union([result, failedItem]), { minItems: 1, maxItems: 256 }) }, closed);
const state = Type.Enum([...STATES]);

const publicKey = Type.Object(
  {
    kty: Type.Literal('OKP'),
    crv: Type.Literal('Ed25519'),
    kid: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: 'RFC 7638 thumbprint' }),
    x: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    use: Type.Literal('sig'),
  },
  closed,
);

/** The answer to a request that was not refused. */
export const ANSWERS = {
  ok: Type.Object({ ok: Type.Literal(true) }, closed),
  sent: Type.Object({ msg_id, duplicate: Type.Boolean(), payload_hash: hash, hash_chain: hash }, closed),
  sentBatch: results(Type.Object({ msg_id, duplicate: Type.Boolean() }, closed)),
  received: Type.Object(
    { messages: Type.Array(oneEnvelope), ack_results: Type.Optional(Type.Array(ackResult)) },
    closed,
  ),
  streamLine: shared('StreamLine', streamLine),
  ackedBatch: results(Type.Object({ msg_id, ok: Type.Literal(true) }, closed)),
  nacked: Type.Object({ ok: Type.Literal(true), state }, closed),
  nackedBatch: results(Type.Object({ msg_id, ok: Type.Literal(true), state }, closed)),
  extended: Type.Object({ ok: Type.Literal(true), deadline_in_ms: count }, closed),
  deadLetters: Type.Object(
    { dead_letters: Type.Array(shared('DeadLetter', deadLetter)), next: nullable(Type.String()) },
    closed,
  ),
  reprocessed: Type.Object({ moved: count, skipped: count, failed: count }, closed),
  redrive: Type.Object(
    {
      id: msg_id,
      topic: Type.String(),
      dry_run: Type.Boolean(),
      state: Type.Enum(['running', 'done', 'cancelled', 'ended']),
      moved: count,
      skipped: count,
      failed: count,
      reasons: Type.Record(Type.String(), count),
      failures: Type.Array(Type.Object({ msg_id, why: Type.String() }, closed)),
      ended_by: nullable(Type.String({ description: 'the code and reason of what ended it before it was done' })),
      started_at: moment,
      ended_at: nullable(moment),
    },
    closed,
  ),
  purged: Type.Object({ purged: count }, closed),
  stats,
  topics: Type.Object(
    { topics: Type.Array(stats), next: nullable(Type.String()), down_shards: Type.Optional(Type.Array(count)) },
    closed,
  ),
  messages: Type.Object({ messages: Type.Array(shared('Message', message)), next: nullable(Type.String()) }, closed),
  message: Type.Object(
    {
      message: nullable(shared('Message', message)),
      timeline: Type.Array(shared('Fact', fact)),
      is_complete: Type.Boolean({ description: 'the timeline begins with the send, and misses nothing' }),
      complete_from: cursor,
    },
    closed,
  ),
  feedLine: shared('FeedLine', feedLine),
  decisionLine: shared('DecisionLine', decisionLine),
  node,
  keys: Type.Object({ keys: Type.Array(publicKey) }, closed),
  readiness: shared('Readiness', readiness),
} as const;
