import { SERVER_STATES } from '../../spec/readiness.machine.ts';
import { DEAD_REASONS, OPS, PURGE_REASONS } from '../../spec/vocabulary.ts';

/** Why requests were refused, as `rejected_total` counts them. */
export const REJECTED_REASONS = ['unauth', 'oversize', 'ratio_cap', 'saturated', 'schema', 'integrity'] as const;
export type RejectedReason = (typeof REJECTED_REASONS)[number];

interface MetricRow {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Each with all of its values, or, where they come from the settings, with what they are. */
  readonly labels?: Readonly<Record<string, readonly string[] | string>>;
  /** What it counts or shows: its help in a scrape. */
  readonly help: string;
  /** When it moves. */
  readonly moves: string;
  /** What whoever sees it does; '' where it only tells. */
  readonly act: string;
  /** There is none of it in a server without an engine. */
  readonly withEngine?: true;
}

const ROUTE = 'path of a route, or `other`';
const SHARD = 'number of a shard, from 0';
const CLASS = 'a prefix of `topic_classes`, or `other`';
/** As `/readyz` names it, shards without their numbers. */
const MISSING = [
  ...['shard_capacity', 'dedup_capacity', 'global_inflight', 'memory', 'window_memory'],
  ...['disk_space', 'descriptors', 'system_memory'],
  ...['engine', 'engine_unreplicated'],
  ...['verifier', 'keyring', 'journal', 'shard', 'shard_halted', 'other'],
];
/** How a shard comes to a node, or goes. */
export const OWNERSHIP_CHANGES = ['taken', 'handed_over', 'not_owner', 'unsure', 'fallen', 'halted'] as const;
export const APPEND_OUTCOMES = ['durable', 'refused', 'unknown', 'failed'] as const;
/** What became of requests that another node was asked for. */
export const PROXIED = ['answered', 'not_owner', 'unreachable', 'cut', 'gone'] as const;
const QUEUES = ['queued', 'redelivered', 'leased', 'dead'] as const;
const BOUNDS = ['shard', 'dedup', 'dead', 'inflight'] as const;

/** Every series of `/metrics` (O1, O5). The compiler refuses one that is not here. Raw topics and ids are never a label (I4). */
export const METRICS = {
  http_requests_total: {
    type: 'counter',
    labels: { route: ROUTE, method: ['GET', 'POST', 'other'], status: 'status of the answer' },
    help: 'Requests answered.',
    moves: 'when an answer is given; series appear with their first request',
    act: '',
  },
  rejected_total: {
    type: 'counter',
    labels: { reason: REJECTED_REASONS },
    help: 'Requests refused, by reason.',
    moves: 'with each request, item of a batch or connection that is refused for its bytes, its authority or a bound',
    act: '`saturated`: more consumers or a larger bound. `unauth`: look for a key that was dropped. Others: look at `request.refused` in the log',
  },
  auth_failures_total: {
    type: 'counter',
    labels: { scope: OPS },
    help: 'Failed authorizations, by the op they were for.',
    moves: 'with each 401 and 403',
    act: 'one sender is slowed down by itself; many at once: a key was dropped too early, or capabilities ran out',
  },
  tls_handshake_failures_total: {
    type: 'counter',
    help: 'TLS handshakes that failed.',
    moves: 'when a client speaks no TLS 1.3, or does not take the certificate',
    act: 'look at the certificate: `tls.certificate` in the log',
  },
  dlq_total: {
    type: 'counter',
    labels: { topic_class: CLASS, reason: DEAD_REASONS },
    help: 'Messages dead-lettered.',
    moves: 'when a message is not delivered any more',
    act: '`mailbox dlq list`, then reprocess or purge',
  },
  dlq_reprocess_total: {
    type: 'counter',
    labels: { topic_class: CLASS },
    help: 'Dead letters put back in the queue.',
    moves: 'with each message that a reprocess takes',
    act: '',
  },
  dlq_purged_total: {
    type: 'counter',
    labels: { topic_class: CLASS, reason: PURGE_REASONS },
    help: 'Dead letters purged.',
    moves: 'by an admin, by age (`dlq_retention`), or for room (`dlq_max_per_topic`, `dlq_capacity`)',
    act: 'other reasons than `admin`: dead letters go before somebody looked at them',
  },
  integrity_fail_total: {
    type: 'counter',
    labels: { reason: ['send', 'at_rest'] },
    help: 'Hashes that did not match.',
    moves: '`send`: a sender names a hash that its payload has not. `at_rest`: a payload on the disk has changed',
    act: '`at_rest`: look at the disk, and verify the last backup',
  },
  tenant_rejections_total: {
    type: 'counter',
    help: 'Refused: the tenant of the topic is beyond its share.',
    moves: 'with each 429 `tenant`',
    act: 'it grows: one tenant wants more than `tenant_share` while only `tenant_reserve` of a bound is left; `request.refused` says whose',
  },
  busy_rejections_total: {
    type: 'counter',
    labels: { endpoint: ROUTE },
    help: 'Answers 429 and 503, by route.',
    moves: 'with each of them',
    act: 'see `saturation` and `not_ready` for what is missing',
  },
  enqueued_total: {
    type: 'counter',
    help: 'Messages accepted.',
    moves: 'with each send that is no duplicate',
    act: '',
  },
  delivered_total: {
    type: 'counter',
    help: 'Leases given.',
    moves: 'with each message of a recv or a stream',
    act: '',
  },
  redelivered_total: {
    type: 'counter',
    help: 'Leases given of messages that were delivered before.',
    moves: 'after a nack, a lease that ran out, or a reprocess',
    act: 'a large share of `delivered_total`: consumers fail, or need a longer visibility',
  },
  visibility_timeout_total: {
    type: 'counter',
    help: 'Leases that ran out.',
    moves: 'when a consumer neither settles nor extends in time',
    act: 'consumers die or are slow: let them extend, or ask for a longer visibility',
  },
  internal_errors_total: {
    type: 'counter',
    help: 'Errors thrown while a request was handled.',
    moves: 'never, but for defects of ours',
    act: 'report the line `request.failed`, `shard.failed` or `answer.unlisted`',
  },
  journal_bytes_total: {
    type: 'counter',
    help: 'Bytes written to the log.',
    moves: 'with each group commit (profile macronode)',
    act: '',
  },
  journal_snapshots_total: {
    type: 'counter',
    help: 'Snapshots made.',
    moves: 'about once a segment (profile macronode)',
    act: 'stands still while `journal_bytes_total` grows: `journal.snapshot_failed` says why',
  },
  journal_torn_tails_total: {
    type: 'counter',
    help: 'Writes cut off by a crash, put aside at the start.',
    moves: 'at a start, once at most',
    act: 'nothing that was answered is lost; look why it crashed',
  },
  shard_failures_total: {
    type: 'counter',
    labels: { shard: SHARD },
    help: 'Times that something in a shard threw.',
    moves: 'never, but for defects of ours',
    act: 'report the line `shard.failed`',
  },
  shard_restarts_total: {
    type: 'counter',
    labels: { shard: SHARD },
    help: 'Times that a shard was made anew.',
    moves: 'when a shard that fell serves again',
    act: '',
  },
  request_latency_seconds: {
    type: 'histogram',
    help: 'From the head of a request to its answer.',
    moves: 'with each answer, the waits of long polls included',
    act: '',
  },
  enqueue_latency_seconds: {
    type: 'histogram',
    help: 'From a parsed send to its durable answer.',
    moves: 'with each send that is accepted',
    act: 'high: compare `journal_sync_latency_seconds`; if that is low, the processor is busy',
  },
  dequeue_latency_seconds: {
    type: 'histogram',
    help: 'From a parsed recv to its answer, waiting included.',
    moves: 'with each recv',
    act: 'long where consumers wait for messages: no fault',
  },
  ack_commit_latency_seconds: {
    type: 'histogram',
    help: 'From a parsed ack to its durable answer.',
    moves: 'with each ack',
    act: 'as `enqueue_latency_seconds`',
  },
  journal_append_latency_seconds: {
    type: 'histogram',
    help: 'From an append to its durability.',
    moves: 'with each group commit',
    act: 'high: the disk is slow, or other programs use it',
  },
  journal_sync_latency_seconds: {
    type: 'histogram',
    help: 'One sync of the journal.',
    moves: 'with each sync (profile macronode)',
    act: 'high: the disk is slow, or other programs use it',
  },
  delivery_attempts: {
    type: 'histogram',
    help: 'Attempts of a message at its lease.',
    moves: 'with each lease',
    act: 'near `max_attempts`: dead letters will follow',
  },
  log_lines_dropped_total: {
    type: 'counter',
    labels: { kind: ['decision', 'other'] },
    help: 'Log lines dropped, for nobody took them.',
    moves: 'while the reader of the log is slow, gone or out of space',
    act: 'look at the reader of the log; `decision`: lines of security decisions are missing',
  },
  shard_owner: {
    type: 'gauge',
    withEngine: true,
    labels: { shard: SHARD },
    help: '1 where this node serves the shard.',
    moves: 'when the shard comes or goes (with an engine)',
    act: 'added up over all nodes it is 1 for each shard: 0 for longer than 20 s, and nobody serves it',
  },
  ownership_changes_total: {
    type: 'counter',
    withEngine: true,
    labels: { reason: OWNERSHIP_CHANGES },
    help: 'Times that a shard came to this node or went.',
    moves: 'when nodes come, go or fail (with an engine)',
    act: '`halted`: what was durable is gone, see `shard.given_up`. `not_owner` again and again: the node is too slow to renew its leases',
  },
  engine_append_total: {
    type: 'counter',
    withEngine: true,
    labels: { outcome: APPEND_OUTCOMES },
    help: 'Frames sent to the engine, by what became of them.',
    moves: 'with each frame (with an engine)',
    act: '`unknown`: connections are lost, or the standby does not answer. `refused`: somebody else wrote there, or there is no room',
  },
  engine_append_seconds: {
    type: 'histogram',
    withEngine: true,
    help: 'From a statement to its answer.',
    moves: 'with each statement of an append (with an engine)',
    act: 'high: the engine, its standby, or the way to either is slow',
  },
  lease_left_seconds: {
    type: 'gauge',
    withEngine: true,
    help: 'How long the shards of this node may still be answered for, where that is shortest; 0 without any.',
    moves: 'back to 12 s with each renewal, every 3 s (with an engine)',
    act: 'under 6: renewals do not get through',
  },
  takeover_seconds: {
    type: 'histogram',
    withEngine: true,
    help: 'From the claim of a shard until it is served.',
    moves: 'with each shard that comes to this node (with an engine)',
    act: 'high: logs are long, see `journal_snapshots_total`',
  },
  proxied_total: {
    type: 'counter',
    withEngine: true,
    labels: { result: PROXIED },
    help: 'Requests that were for another node, by what became of them.',
    moves: 'with each (with an engine)',
    act: '`unreachable`: a `node_url` is wrong, or a node is gone. `not_owner`: shards move, or nobody has them',
  },
  queue_depth: {
    type: 'gauge',
    labels: { queue: QUEUES, shard: SHARD },
    help: 'Messages by queue and shard.',
    moves: 'with each message',
    act: '`queued` grows: more consumers. `dead` grows: see `dlq_total`',
  },
  saturation: {
    type: 'gauge',
    labels: { queue: BOUNDS, shard: SHARD },
    help: 'Share of each bound that is used, 0 to 1.',
    moves: 'with `shard_capacity`, `dedup_capacity`, `dlq_capacity` and `global_inflight`',
    act: 'from 0.9 on `/readyz` says no, at 1 sends (`inflight`: receives) are refused',
  },
  inflight: {
    type: 'gauge',
    labels: { shard: SHARD },
    help: 'Leases in force.',
    moves: 'with each lease that begins or ends',
    act: '',
  },
  shards_down: {
    type: 'gauge',
    help: 'Shards that serve nothing at the moment.',
    moves: 'when a shard falls, is parked, or nobody knows what its log holds',
    act: 'not 0 for a minute: `shard.parked`, `shard.given_up` or `journal.unsure` says why',
  },
  memory_bytes: {
    type: 'gauge',
    labels: { kind: ['payload', 'live', 'remembered'] },
    help: 'Bytes held, by what takes them.',
    moves: 'with each message, dead letters included; `remembered` until windows close',
    act: '`payload` and `live` near `memory`: consume, purge, or raise it; `remembered` near `window_memory`: raise it, or a shorter `t_replay`',
  },
  reorder_depth_max: {
    type: 'gauge',
    labels: { shard: SHARD },
    help: 'How far a delivery was out of order at most.',
    moves: 'when a message is delivered before one that was available earlier',
    act: 'over 32: a defect of ours; report it',
  },
  oldest_ready_message_age_seconds: {
    type: 'gauge',
    help: 'Age of what has been ready longest.',
    moves: 'while a message waits for a consumer; 0 when none does',
    act: 'grows: some topic has no consumer, or too few',
  },
  cap_cache_size: {
    type: 'gauge',
    help: 'Verified capabilities remembered.',
    moves: 'with each capability, for `cap_cache_ttl`',
    act: '',
  },
  cap_cache_evictions: {
    type: 'gauge',
    help: 'Verified capabilities forgotten.',
    moves: 'by time, by a revocation, for room',
    act: '',
  },
  cap_cache_purges: {
    type: 'gauge',
    help: 'Times that a spike of failures emptied the cache.',
    moves: 'when many authentications fail at once',
    act: 'see whose they are: `auth.denied` in the log',
  },
  revocations: {
    type: 'gauge',
    help: 'Revoked nonces and key ids remembered.',
    moves: 'with each revocation, until what it revokes has run out',
    act: '',
  },
  root_key_age_seconds: {
    type: 'gauge',
    help: 'Age of the root key that signs; 0 with a remote verifier.',
    moves: 'with time, back to 0 by a rotation',
    act: 'from 25 days on rotate; at 30 days sends are refused',
  },
  server_state: {
    type: 'gauge',
    labels: { state: SERVER_STATES },
    help: '1 for the state the server is in.',
    moves: 'when what `/readyz` says changes',
    act: '`degraded_writes`: `not_ready` says why',
  },
  not_ready: {
    type: 'gauge',
    labels: { missing: MISSING },
    help: '1 for each thing that is missing for writes to be welcome.',
    moves: 'as `missing` of `/readyz`; `shard` and `shard_halted` say how many',
    act: '"When something fails" of operations.md goes through them',
  },
  long_polls: {
    type: 'gauge',
    help: 'Receives waiting for a message.',
    moves: 'with each recv that waits',
    act: '',
  },
  streams: {
    type: 'gauge',
    help: 'Open streams.',
    moves: 'with each stream',
    act: 'near `max_streams`: raise it',
  },
  connections: {
    type: 'gauge',
    help: 'Open connections.',
    moves: 'with each connection of the service',
    act: 'near `connections_max`: idle ones that never authenticated make room',
  },
  body_memory_bytes: {
    type: 'gauge',
    help: 'Bytes of large request bodies that are being read.',
    moves: 'with bodies above 64 KiB',
    act: 'near `max_body_memory`: raise it, or look who sends them slowly',
  },
  connections_max: {
    type: 'gauge',
    help: 'Connections that are let in at once.',
    moves: 'with `max_connections` and the limit of open files, whichever is less',
    act: 'less than `max_connections`: raise the limit of open files',
  },
  process_open_fds: {
    type: 'gauge',
    help: 'Open file descriptors; 0 where the system does not tell.',
    moves: 'with connections and files',
    act: 'near `process_max_fds`: something else than connections takes them; report it',
  },
  process_max_fds: {
    type: 'gauge',
    help: 'Limit of open file descriptors; 0 where there is none that is known.',
    moves: 'when it is changed from outside',
    act: '',
  },
  process_start_time_seconds: {
    type: 'gauge',
    help: 'When the process began, in seconds since 1970.',
    moves: 'with each start',
    act: 'changes again and again: it ends and is started again; the last lines of the log say why',
  },
  process_resident_memory_bytes: {
    type: 'gauge',
    help: 'Memory that the process occupies.',
    moves: 'with messages held, and by the garbage collector',
    act: 'near the limit of the machine or the container: lower `memory` and `window_memory`',
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

type Rows = typeof METRICS;
export type MetricName = keyof Rows;
/** Names of a type. */
export type MetricOf<T extends MetricRow['type']> = {
  [N in MetricName]: Rows[N]['type'] extends T ? N : never;
}[MetricName];
/** Names of the labels of a metric. */
export type LabelOf<N extends MetricName> = Rows[N] extends { readonly labels: infer L } ? keyof L & string : never;
