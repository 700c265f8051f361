import Type, { type TSchema } from 'typebox';
import { DEAD_REASONS, OUTCOMES, type Outcome, STATES } from '../spec/vocabulary.ts';
import { SCHEMAS } from '../src/http/schemas.ts';
import { BODIES } from './bodies.ts';
import { LINKS, type Link } from './links.ts';

/** What the interface says beyond its request schemas: answers, and which refusals each route has. Read by `openapi.ts`. */
const closed = { additionalProperties: false } as const;
const id = { pattern: '^[0-9A-HJKMNP-TV-Z]{26}$' };
const msg_id = Type.String({ ...id, description: 'ULID; never changes' });
const hash = Type.String({ pattern: '^b3:[0-9a-f]{64}$', description: 'BLAKE3-256' });
const count = Type.Integer({ minimum: 0 });
const moment = Type.String({ format: 'date-time', description: 'RFC 3339 with milliseconds' });
const nullable = (schema: TSchema): TSchema => Type.Union([schema, Type.Null()]);
const ok = Type.Object({ ok: Type.Literal(true) }, closed);

const codes = [...new Set(Object.values(OUTCOMES).flatMap(({ code }) => (code === null ? [] : [code])))];
const reasons = Object.values(OUTCOMES).flatMap((row) => ('reason' in row ? [row.reason] : []));

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

const failedItem = Type.Object(
  {
    msg_id: Type.Optional(msg_id),
    code: Type.Enum(codes),
    message: Type.String(),
    reason: Type.Optional(Type.Enum([...new Set(reasons)])),
  },
  closed,
);
const ackResult = Type.Union([Type.Object({ msg_id, ok: Type.Literal(true) }, closed), failedItem]);
/** A batch: one result an item, in order; what an item is refused for is in its result. */
const results = (result: TSchema): TSchema =>
  Type.Object({ results: Type.Array(Type.Union([result, failedItem]), { minItems: 1, maxItems: 256 }) }, closed);

/** Schemas that several answers share, by name. */
export const COMPONENTS = {
  Error: Type.Object(
    {
      code: Type.Enum(codes),
      message: Type.String(),
      corr_id: Type.String({ format: 'uuid' }),
      reason: Type.Optional(Type.Enum([...new Set(reasons)])),
      msg_id: Type.Optional(msg_id),
    },
    closed,
  ),
  Envelope: envelope,
  StreamLine: Type.Union(
    [
      Type.Unsafe({ $ref: '#/components/schemas/Envelope' }),
      Type.Object({ ack_results: Type.Array(ackResult) }, closed),
      Type.Unsafe({ $ref: '#/components/schemas/Error' }),
    ],
    { description: 'A message; first the results of acks that rode along; last, where the server ends it, why' },
  ),
  DeadLetter: deadLetter,
  Readiness: Type.Object({ ready: Type.Boolean(), missing: Type.Array(Type.String()), retry_after: count }, closed),
} as const;
const shared = (name: keyof typeof COMPONENTS): TSchema => Type.Unsafe({ $ref: `#/components/schemas/${name}` });

export interface Described {
  readonly id: string;
  readonly summary: string;
  readonly body?: TSchema;
  readonly query?: TSchema;
  readonly answer: TSchema;
  /** Media type of the answer, JSON unless it says otherwise. */
  readonly type?: string;
  /** Refusals of its own, beside those that every route of its kind has. */
  readonly refusals: readonly Outcome[];
  /** Refusals of a body of one unit of frames, whose status is that of the answer. */
  readonly unitRefusals?: readonly Outcome[];
  /** Where to go on from a 200. */
  readonly links?: Readonly<Record<string, Link>>;
  /** An answer that is no error and not 200. */
  readonly other?: { readonly status: number; readonly answer: TSchema };
}

/** Of whatever asks a shard: the shard may be made anew, the journal may have failed. */
const SHARD: readonly Outcome[] = ['starting', 'journal'];
const LEASE: readonly Outcome[] = ['not_found', 'lease_lost', ...SHARD];
const SENDING: readonly Outcome[] = [
  ...(['integrity', 'duplicate', 'idem_mismatch', 'saturated_dedup', 'saturated_shard'] as const),
  ...(['degraded_writes', 'draining', ...SHARD] as const),
];
const settled = Type.Object({ ok: Type.Literal(true), state: Type.Enum([...STATES]) }, closed);

/** Every route, by method and path. */
export const API: Readonly<Record<string, Described>> = {
  'POST /v1/send': {
    id: 'send',
    summary: 'Accept a message for good, once an idem_key',
    body: BODIES.send,
    answer: Type.Object({ msg_id, duplicate: Type.Boolean(), payload_hash: hash, hash_chain: hash }, closed),
    refusals: SENDING,
    links: LINKS.send,
  },
  'POST /v1/recv': {
    id: 'recv',
    summary: 'Lease messages; acks that ride along are settled first',
    body: SCHEMAS.recv,
    answer: Type.Object(
      {
        messages: Type.Array(shared('Envelope')),
        ack_results: Type.Optional(Type.Array(ackResult)),
      },
      closed,
    ),
    refusals: ['saturated_inflight', ...SHARD],
    links: LINKS.recv,
  },
  'POST /v1/send/batch': {
    id: 'sendBatch',
    summary: 'Send up to 256 messages; each item is the body of POST /v1/send, and succeeds or fails alone',
    body: BODIES.sendBatch,
    answer: results(Type.Object({ msg_id, duplicate: Type.Boolean() }, closed)),
    refusals: [],
    unitRefusals: ['quota', ...SENDING],
    links: LINKS.sendBatch,
  },
  'POST /v1/recv/stream': {
    id: 'recvStream',
    summary: 'Lease messages as they come: NDJSON, one Envelope a line, a blank line as heartbeat',
    body: SCHEMAS.stream,
    type: 'application/x-ndjson',
    answer: shared('StreamLine'),
    refusals: ['saturated_streams', 'draining', ...SHARD],
  },
  'POST /v1/ack/batch': {
    id: 'ackBatch',
    summary: 'Settle up to 256 leases; each item is {msg_id, receipt}, and succeeds or fails alone',
    body: BODIES.ackBatch,
    answer: results(Type.Object({ msg_id, ok: Type.Literal(true) }, closed)),
    refusals: [],
    unitRefusals: ['quota', ...LEASE],
  },
  'POST /v1/nack/batch': {
    id: 'nackBatch',
    summary: 'Give up to 256 messages back; each item is msg_id and the body of POST /v1/nack/{msg_id}',
    body: BODIES.nackBatch,
    answer: results(Type.Object({ msg_id, ok: Type.Literal(true), state: Type.Enum([...STATES]) }, closed)),
    refusals: [],
    unitRefusals: ['quota', ...LEASE],
  },
  'POST /v1/ack/{msg_id}': {
    id: 'ack',
    summary: 'Done with a message',
    body: SCHEMAS.ack,
    answer: ok,
    refusals: LEASE,
  },
  'POST /v1/nack/{msg_id}': {
    id: 'nack',
    summary: 'Give a message back, or up',
    body: SCHEMAS.nack,
    answer: settled,
    refusals: LEASE,
  },
  'POST /v1/extend/{msg_id}': {
    id: 'extend',
    summary: 'Keep a lease for longer',
    body: SCHEMAS.extend,
    answer: Type.Object({ ok: Type.Literal(true), deadline_in_ms: count }, closed),
    refusals: LEASE,
  },
  'GET /v1/dlq': {
    id: 'listDeadLetters',
    summary: 'Dead letters of a topic, oldest first',
    query: SCHEMAS.dlq,
    answer: Type.Object({ dead_letters: Type.Array(shared('DeadLetter')), next: nullable(Type.String()) }, closed),
    refusals: SHARD,
    links: LINKS.deadLetters,
  },
  'POST /v1/dlq/reprocess': {
    id: 'reprocess',
    summary: 'Put dead letters back in the queue',
    body: BODIES.reprocess,
    answer: Type.Object({ moved: count, skipped: count, failed: count }, closed),
    refusals: ['saturated_redrives', ...SHARD],
    links: LINKS.reprocess,
  },
  'POST /v1/dlq/purge': {
    id: 'purge',
    summary: 'Delete dead letters for good, with a trace',
    body: BODIES.purge,
    answer: Type.Object({ purged: count }, closed),
    refusals: SHARD,
  },
  'POST /v1/admin/revoke': {
    id: 'revoke',
    summary: 'End a capability, or all of a root key, at once',
    body: BODIES.revoke,
    answer: ok,
    refusals: ['saturated_revocations', 'journal'],
  },
  'GET /v1/stats': {
    id: 'stats',
    summary: 'What is in a topic',
    query: SCHEMAS.stats,
    answer: Type.Object(
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
    ),
    refusals: SHARD,
  },
  'GET /v1/keys': {
    id: 'keys',
    summary: 'Public keys that sign envelopes, as a JWK set (RFC 8037)',
    answer: Type.Object(
      {
        keys: Type.Array(
          Type.Object(
            {
              kty: Type.Literal('OKP'),
              crv: Type.Literal('Ed25519'),
              kid: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: 'RFC 7638 thumbprint' }),
              x: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
              use: Type.Literal('sig'),
            },
            closed,
          ),
        ),
      },
      closed,
    ),
    refusals: [],
  },
  'GET /healthz': { id: 'health', summary: 'The process lives', answer: ok, refusals: [] },
  'GET /readyz': {
    id: 'readiness',
    summary: 'Whether writers should come here',
    answer: shared('Readiness'),
    refusals: [],
    other: { status: 503, answer: shared('Readiness') },
  },
};
