import { Registry } from 'prom-client';
import { SERVER_STATES, type ServerState } from '../../spec/readiness.machine.ts';
import { DEAD_REASONS, OPS, OUTCOMES, PURGE_REASONS, ROUTE_OF } from '../../spec/vocabulary.ts';
import type { ShardState } from '../core/state.ts';
import type { DroppedLines } from './log-output.ts';
import { Counters, counter, gauge, Histogram } from './series.ts';

/** Why requests were refused, as `rejected_total` counts them. */
export const REJECTED_REASONS = ['unauth', 'oversize', 'ratio_cap', 'saturated', 'schema', 'integrity'] as const;
export type RejectedReason = (typeof REJECTED_REASONS)[number];

const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const ATTEMPTS = [1, 2, 3, 4, 5, 7, 10, 20, 50, 100, 1000];
const OTHER = 'other';
const pathOf = (event: 'send' | 'recv' | 'ack'): string => ROUTE_OF[event].split(' ')[1] as string;

/** What the gauges look at of who verifies capabilities. */
export interface WatchedAuthority {
  readonly cache: { readonly size: number; readonly evictions: number };
  readonly purges: number;
  readonly revocations: { readonly size: number };
  readonly keyring: { readonly newest: { readonly createdMs: number } } | null;
  readonly clock: { wallMs(): number };
}

/** What the gauges look at. */
export interface Living {
  readonly shards: readonly ShardState[];
  readonly inflight: () => number;
  readonly shardsDown: () => number;
  readonly payloadBytes: () => number;
  readonly pollCount: () => number;
  readonly streamCount: () => number;
  readonly authority: WatchedAuthority;
  readonly state: () => ServerState;
  readonly connections: () => number;
  readonly nowMs: () => number;
}

/** The metric set of the requirements (O1), on a registry of its own. Raw topics and ids are never a label (I4). */
export class Metrics {
  readonly registry = new Registry();
  readonly requests: Counters;
  readonly rejected: Counters;
  readonly authFailures: Counters;
  readonly tlsFailures: Counters;
  readonly dead: Counters;
  readonly reprocessed: Counters;
  readonly purged: Counters;
  readonly integrityFailures: Counters;
  readonly busy: Counters;
  readonly tenantRefused: Counters;
  readonly enqueued: Counters;
  readonly delivered: Counters;
  readonly redelivered: Counters;
  readonly timedOut: Counters;
  readonly internalErrors: Counters;
  readonly journalBytes: Counters;
  readonly snapshots: Counters;
  readonly tornTails: Counters;
  readonly shardFailures: Counters;
  readonly shardRestarts: Counters;
  readonly requestSeconds: Histogram;
  readonly enqueueSeconds: Histogram;
  readonly dequeueSeconds: Histogram;
  readonly ackSeconds: Histogram;
  readonly appendSeconds: Histogram;
  readonly syncSeconds: Histogram;
  readonly attempts: Histogram;
  /** Highest reorder depth seen, by shard. */
  readonly reorderDepth: Float64Array;
  private readonly topicClasses: readonly string[];
  private readonly statuses: readonly string[];
  private readonly routeIndex: ReadonlyMap<string, number>;
  /** Slots of `requests` seen so far, by route, method and status. */
  private readonly requestSlots = new Map<number, number>();
  private readonly byRoute: ReadonlyMap<string, Histogram>;

  constructor(routes: readonly string[], topicClasses: readonly string[], shards: number) {
    const r = this.registry;
    const counters = (name: string, help: string, labels: Readonly<Record<string, readonly string[]>> = {}) =>
      new Counters(r, name, help, labels);
    const statuses = [...new Set(Object.values(OUTCOMES).map((row) => String(row.status)))].sort();
    const classes = { topic_class: [...topicClasses, OTHER] };
    this.topicClasses = topicClasses;
    this.statuses = statuses;
    this.routeIndex = new Map(routes.map((path, i) => [path, i + 1]));
    this.reorderDepth = new Float64Array(shards);
    this.requests = counters('http_requests_total', 'Requests answered.', {
      route: [...routes, OTHER],
      method: ['GET', 'POST', OTHER],
      status: [...statuses, OTHER],
    });
    this.rejected = counters('rejected_total', 'Requests refused, by reason.', { reason: REJECTED_REASONS });
    this.authFailures = counters('auth_failures_total', 'Failed authorizations, by the op they were for.', {
      scope: OPS,
    });
    this.tlsFailures = counters('tls_handshake_failures_total', 'TLS handshakes that failed.');
    this.dead = counters('dlq_total', 'Messages dead-lettered.', { ...classes, reason: DEAD_REASONS });
    this.reprocessed = counters('dlq_reprocess_total', 'Dead letters put back in the queue.', classes);
    this.purged = counters('dlq_purged_total', 'Dead letters purged.', { ...classes, reason: PURGE_REASONS });
    this.integrityFailures = counters('integrity_fail_total', 'Hashes that did not match.', {
      reason: ['send', 'at_rest'],
    });
    this.tenantRefused = counters('tenant_rejections_total', 'Refused: the tenant of the topic is beyond its share.');
    this.busy = counters('busy_rejections_total', 'Answers 429 and 503, by route.', { endpoint: [...routes, OTHER] });
    this.enqueued = counters('enqueued_total', 'Messages accepted.');
    this.delivered = counters('delivered_total', 'Leases given.');
    this.redelivered = counters('redelivered_total', 'Leases given of messages that were delivered before.');
    this.timedOut = counters('visibility_timeout_total', 'Leases that ran out.');
    this.internalErrors = counters('internal_errors_total', 'Errors thrown while a request was handled.');
    this.journalBytes = counters('journal_bytes_total', 'Bytes written to the log.');
    this.snapshots = counters('journal_snapshots_total', 'Snapshots made.');
    this.tornTails = counters('journal_torn_tails_total', 'Writes cut off by a crash, put aside at the start.');
    const byShard = { shard: Array.from({ length: shards }, (_, shard) => String(shard)) };
    this.shardFailures = counters('shard_failures_total', 'Times that something in a shard threw.', byShard);
    this.shardRestarts = counters('shard_restarts_total', 'Times that a shard was made anew.', byShard);
    const seconds = (name: string, help: string) => new Histogram(r, name, help, SECONDS);
    this.requestSeconds = seconds('request_latency_seconds', 'From the head of a request to its answer.');
    this.enqueueSeconds = seconds('enqueue_latency_seconds', 'From a parsed send to its durable answer.');
    this.dequeueSeconds = seconds('dequeue_latency_seconds', 'From a parsed recv to its answer, waiting included.');
    this.ackSeconds = seconds('ack_commit_latency_seconds', 'From a parsed ack to its durable answer.');
    this.appendSeconds = seconds('journal_append_latency_seconds', 'From an append to its durability.');
    this.syncSeconds = seconds('journal_sync_latency_seconds', 'One sync of the journal.');
    this.byRoute = new Map([
      [pathOf('send'), this.enqueueSeconds],
      [pathOf('recv'), this.dequeueSeconds],
      [pathOf('ack'), this.ackSeconds],
    ]);
    this.attempts = new Histogram(r, 'delivery_attempts', 'Attempts of a message at its lease.', ATTEMPTS);
  }

  /** Counts one answered request. */
  request(path: string, method: string, status: number): void {
    const key =
      (this.routeIndex.get(path) ?? 0) + (method === 'POST' ? 1000 : method === 'GET' ? 2000 : 3000) + status * 10_000;
    let slot = this.requestSlots.get(key);
    if (slot === undefined) {
      const known = this.statuses.includes(String(status)) ? String(status) : OTHER;
      slot = this.requests.slot(this.routeIndex.has(path) ? path : OTHER, method, known);
      this.requestSlots.set(key, slot);
    }
    this.requests.add(slot);
  }

  /** The histogram beside `request_latency_seconds` that a route has, if any. */
  latencyOf(path: string): Histogram | undefined {
    return this.byRoute.get(path);
  }

  /** The configured class of a topic: the first prefix that fits, else `other`. */
  classOf(topic: string): string {
    return this.topicClasses.find((prefix) => topic.startsWith(prefix)) ?? OTHER;
  }

  /** Log lines that nobody could take, decision lines apart (O3). */
  watchLog(dropped: () => DroppedLines): void {
    counter(this.registry, 'log_lines_dropped_total', 'Log lines dropped, for nobody took them.', () => [
      { labels: { kind: 'decision' }, value: dropped().decisions },
      { labels: { kind: 'other' }, value: dropped().others },
    ]);
  }

  /** Gauges over the running server. */
  watch(living: Living): void {
    const one = (value: number) => [{ labels: {}, value }];
    const perShard = (values: (shard: ShardState) => Readonly<Record<string, number>>) => () =>
      living.shards.flatMap((shard) =>
        Object.entries(values(shard)).map(([queue, value]) => ({ labels: { queue, shard: shard.shard }, value })),
      );
    gauge(
      this.registry,
      'queue_depth',
      'Messages by queue and shard.',
      perShard((s) => ({ queued: s.queued, redelivered: s.redelivered, leased: s.leases.size, dead: s.dead.size })),
    );
    gauge(
      this.registry,
      'saturation',
      'Share of each bound that is used, 0 to 1.',
      perShard((s) => ({
        shard: s.depth / s.limits.shardCapacity,
        dedup: s.idemLine.size / s.limits.dedupCapacity,
        dead: s.dead.size / s.limits.dlqCapacity,
        inflight: living.inflight() / s.limits.globalInflight,
      })),
    );
    gauge(this.registry, 'inflight', 'Leases in force.', () =>
      living.shards.map((s) => ({ labels: { shard: s.shard }, value: s.leases.size })),
    );
    gauge(this.registry, 'shards_down', 'Shards that serve nothing at the moment.', () => one(living.shardsDown()));
    gauge(this.registry, 'payload_bytes', 'Bytes of all payloads held.', () => one(living.payloadBytes()));
    gauge(this.registry, 'reorder_depth_max', 'How far a delivery was out of order at most.', () =>
      living.shards.map((s) => ({ labels: { shard: s.shard }, value: this.reorderDepth[s.shard] as number })),
    );
    gauge(this.registry, 'oldest_ready_message_age_seconds', 'Age of what has been ready longest.', () => {
      const oldest = Math.min(...living.shards.map((s) => s.ready.first()?.readyAtMs ?? Number.POSITIVE_INFINITY));
      return one(oldest === Number.POSITIVE_INFINITY ? 0 : Math.max(0, living.nowMs() - oldest) / 1000);
    });
    this.watchAuthority(living.authority);
    gauge(this.registry, 'server_state', '1 for the state the server is in.', () =>
      SERVER_STATES.map((state) => ({ labels: { state }, value: Number(state === living.state()) })),
    );
    gauge(this.registry, 'long_polls', 'Receives waiting for a message.', () => one(living.pollCount()));
    gauge(this.registry, 'streams', 'Open streams.', () => one(living.streamCount()));
    gauge(this.registry, 'connections', 'Open connections.', () => one(living.connections()));
  }

  private watchAuthority(authority: WatchedAuthority): void {
    const figure = (name: string, help: string, value: () => number) =>
      gauge(this.registry, name, help, () => [{ labels: {}, value: value() }]);
    figure('cap_cache_size', 'Verified capabilities remembered.', () => authority.cache.size);
    figure('cap_cache_evictions', 'Verified capabilities forgotten.', () => authority.cache.evictions);
    figure('cap_cache_purges', 'Times that a spike of failures emptied the cache.', () => authority.purges);
    figure('revocations', 'Revoked nonces and key ids remembered.', () => authority.revocations.size);
    figure('root_key_age_seconds', 'Age of the root key that signs; 0 with a remote verifier.', () => {
      const { keyring, clock } = authority;
      return keyring === null ? 0 : Math.max(0, clock.wallMs() - keyring.newest.createdMs) / 1000;
    });
  }
}
