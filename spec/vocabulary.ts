/**
 * The words of the mailbox, written once. TLA+ actions, machine events, commands, facts, routes and metrics all take
 * their names from here; `test/vocabulary.test.ts` holds every other place to it.
 */

/** States of a message. `absent` is the pseudo-state before `send`; it is no state of an accepted message. */
export const STATES = ['absent', 'queued', 'leased', 'redelivered', 'acked', 'dead_lettered', 'purged'] as const;
export type State = (typeof STATES)[number];

/** What may be asked of a message: machine event, core command, and (in the past tense) journaled fact. */
export const EVENTS = ['send', 'recv', 'ack', 'nack', 'extend', 'release', 'expire', 'reprocess', 'purge'] as const;
export type EventName = (typeof EVENTS)[number];

/** The fact a command leaves when it acts. */
export const FACT_OF = {
  send: 'sent',
  recv: 'received',
  ack: 'acked',
  nack: 'nacked',
  extend: 'extended',
  release: 'released',
  expire: 'expired',
  reprocess: 'reprocessed',
  purge: 'purged',
} as const satisfies Record<EventName, string>;

/** The TLA+ action of each command (`tla/Mailbox.tla`). */
export const ACTION_OF = {
  send: 'Send',
  recv: 'Recv',
  ack: 'Ack',
  nack: 'Nack',
  extend: 'Extend',
  release: 'Release',
  expire: 'Expire',
  reprocess: 'Reprocess',
  purge: 'Purge',
} as const satisfies Record<EventName, string>;

/** TLA+ actions that are no command on a message: time and the process. */
export const WORLD_ACTIONS = ['Tick', 'Crash', 'Recover'] as const;

/** The fact a process leaves in a shard that it takes over: the TLA+ action `Recover`. */
export const RECOVERED = 'recovered';

/** The longest that a nack may put its message off: `retry_after_ms` is 0 to this (RT1). */
export const RETRY_AFTER_MS_MAX = 12 * 3_600_000;

/** The route of each command; a command without one is never asked for by a client. */
export const ROUTE_OF = {
  send: 'POST /v1/send',
  recv: 'POST /v1/recv',
  ack: 'POST /v1/ack/{msg_id}',
  nack: 'POST /v1/nack/{msg_id}',
  extend: 'POST /v1/extend/{msg_id}',
  release: null,
  expire: null,
  reprocess: 'POST /v1/dlq/reprocess',
  purge: 'POST /v1/dlq/purge',
} as const satisfies Record<EventName, string | null>;

/** Why a message is in the dead letters (DL1). */
export const DEAD_REASONS = ['max_attempts', 'rejected', 'integrity', 'retention', 'ttl'] as const;
export type DeadReason = (typeof DEAD_REASONS)[number];

/** Why a dead letter was purged (DL3): asked for by an admin, too old, or one too many. */
export const PURGE_REASONS = ['admin', 'age', 'count'] as const;
export type PurgeReason = (typeof PURGE_REASONS)[number];

/** What a capability may be used for (wire: Capabilities). */
export const OPS = ['send', 'recv', 'ack', 'nack', 'extend', 'stats', 'view', 'admin'] as const;
export type Op = (typeof OPS)[number];

/** Versions of the capability format, by the first field of the identifier (P2). */
export const CAP_FORMATS = ['v1', 'v2'] as const;
export type CapFormat = (typeof CAP_FORMATS)[number];

/** The reserved topic whose admin may revoke capabilities (AU4). */
export const ADMIN_TOPIC = 'mailbox.admin';

/** Who must act on a refusal: the caller's bytes, its authority, its timing, or us. */
export type Family = 'done' | 'malformed' | 'denied' | 'refused' | 'faulted';

interface OutcomeRow {
  readonly family: Family;
  readonly status: number;
  /** The wire's error code, or null where the outcome is a success. */
  readonly code: string | null;
  readonly retryable: boolean;
  /** The `reason` that goes with a shared code. */
  readonly reason?: string;
}

/** Every outcome, in the order of BD2: the first that applies answers. Append-only. */
export const OUTCOMES = {
  cap_auth: { family: 'denied', status: 401, code: 'E_CAP_AUTH', retryable: false },
  cap_scope: { family: 'denied', status: 403, code: 'E_CAP_SCOPE', retryable: false },
  method: { family: 'malformed', status: 405, code: 'E_METHOD', retryable: false },
  too_large: { family: 'malformed', status: 413, code: 'E_FRAME_TOO_LARGE', retryable: false },
  media_type: { family: 'malformed', status: 415, code: 'E_MEDIA_TYPE', retryable: false },
  timeout: { family: 'malformed', status: 408, code: 'E_TIMEOUT', retryable: true },
  schema: { family: 'malformed', status: 400, code: 'E_SCHEMA', retryable: false },
  integrity: { family: 'malformed', status: 422, code: 'E_INTEGRITY', retryable: false },
  not_found: { family: 'refused', status: 404, code: 'E_NOT_FOUND', retryable: false },
  quota: { family: 'refused', status: 429, code: 'E_SATURATED', retryable: true, reason: 'quota' },
  auth_flood: { family: 'refused', status: 429, code: 'E_SATURATED', retryable: true, reason: 'auth' },
  duplicate: { family: 'refused', status: 409, code: 'E_DUPLICATE', retryable: false },
  idem_mismatch: { family: 'refused', status: 409, code: 'E_IDEM_MISMATCH', retryable: false },
  lease_lost: { family: 'refused', status: 409, code: 'E_LEASE_LOST', retryable: false },
  degraded_writes: {
    family: 'faulted',
    status: 503,
    code: 'E_UNAVAILABLE',
    retryable: true,
    reason: 'degraded_writes',
  },
  draining: { family: 'faulted', status: 503, code: 'E_UNAVAILABLE', retryable: true, reason: 'draining' },
  journal: { family: 'faulted', status: 503, code: 'E_UNAVAILABLE', retryable: true, reason: 'journal' },
  verifier: { family: 'faulted', status: 503, code: 'E_UNAVAILABLE', retryable: true, reason: 'verifier' },
  not_owner: { family: 'faulted', status: 503, code: 'E_UNAVAILABLE', retryable: true, reason: 'not_owner' },
  starting: { family: 'faulted', status: 503, code: 'E_UNAVAILABLE', retryable: true, reason: 'starting' },
  saturated_dedup: { family: 'refused', status: 429, code: 'E_SATURATED', retryable: true, reason: 'dedup' },
  saturated_shard: { family: 'refused', status: 429, code: 'E_SATURATED', retryable: true, reason: 'shard' },
  saturated_inflight: { family: 'refused', status: 429, code: 'E_SATURATED', retryable: true, reason: 'inflight' },
  /** `recv` with nothing to give: a success with no messages, not an error. */
  empty: { family: 'done', status: 200, code: null, retryable: false },
  /** `reprocess` or `purge` of a message that is no dead letter, or whose redrives are spent: counted as skipped. */
  skipped: { family: 'done', status: 200, code: null, retryable: false },
  ok: { family: 'done', status: 200, code: null, retryable: false },
  internal: { family: 'faulted', status: 500, code: 'E_INTERNAL', retryable: true },
  saturated_streams: { family: 'refused', status: 429, code: 'E_SATURATED', retryable: true, reason: 'streams' },
  /** The bodies being read, or the messages held, take all the memory they may. */
  saturated_memory: { family: 'refused', status: 429, code: 'E_SATURATED', retryable: true, reason: 'memory' },
  /** As many redrives at a rate go on as may. */
  saturated_redrives: { family: 'refused', status: 429, code: 'E_SATURATED', retryable: true, reason: 'redrives' },
  /** Its tenant, or its topic, is beyond its share of a bound, and only the reserve is left (BD5). */
  saturated_tenant: { family: 'refused', status: 429, code: 'E_SATURATED', retryable: true, reason: 'tenant' },
  /** As many revocations are remembered as may be: room comes with the next rotation of the root keys. */
  saturated_revocations: {
    family: 'refused',
    status: 429,
    code: 'E_SATURATED',
    retryable: true,
    reason: 'revocations',
  },
  /** What a cursor says is of another process, or no longer remembered: whoever reads begins again. */
  cursor_gone: { family: 'refused', status: 410, code: 'E_CURSOR_GONE', retryable: false },
} as const satisfies Record<string, OutcomeRow>;
export type Outcome = keyof typeof OUTCOMES;

/** The TLA+ action of each refusal the core answers with: a step that changes nothing (`tla/Mailbox.tla Answer`). */
export const REFUSAL_OF = {
  duplicate: 'RefuseDuplicate',
  idem_mismatch: 'RefuseIdemMismatch',
  saturated_dedup: 'RefuseSaturatedDedup',
  saturated_shard: 'RefuseSaturatedShard',
  saturated_inflight: 'RefuseSaturatedInflight',
  saturated_tenant: 'RefuseSaturatedTenant',
  empty: 'RefuseEmpty',
  lease_lost: 'RefuseLeaseLost',
  not_found: 'RefuseNotFound',
  skipped: 'RefuseSkipped',
} as const satisfies Partial<Record<Outcome, string>>;

/** The TLA+ action of a verb said again, by the state in which its first answer left the message (LE4). */
export const SAID_AGAIN = {
  'ack acked': 'AckAgain',
  'nack redelivered': 'NackAgainRedelivered',
  'nack dead_lettered': 'NackAgainDeadLettered',
} as const;

/** Invariants of `semantics`, by the name they carry in TLA+, in `spec/invariants.ts` and in the simulator. */
export const INVARIANTS = [
  'NoLossInv',
  'SingleLeaseProp',
  'EndsProp',
  'AckFinalProp',
  'EpochMonotoneProp',
  'AttemptsBoundedInv',
  'IdempotentInv',
  'WindowProp',
  'CapacityInv',
  'IsolationProp',
  'RoomInv',
  'ReplyDurableInv',
  'PrefixProp',
  'RevokedProp',
  'DeliveredLive',
] as const;
export type InvariantName = (typeof INVARIANTS)[number];
