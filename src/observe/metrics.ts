import { Registry } from 'prom-client';
import { SERVER_STATES, type ServerState } from '../../spec/readiness.machine.ts';
import { OUTCOMES, ROUTE_OF } from '../../spec/vocabulary.ts';
import type { ShardState } from '../core/state.ts';
import { EngineMetrics } from './engine-metrics.ts';
import type { DroppedLines } from './log-output.ts';
import { METRICS } from './metric-table.ts';
import { type Counters, type Histogram, SeriesMaker } from './series.ts';

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
  /** In bytes. */
  readonly memory: { readonly payloadBytes: number; readonly liveBytes: number; readonly endedBytes: number };
  readonly pollCount: () => number;
  readonly streamCount: () => number;
  readonly authority: WatchedAuthority;
  readonly state: () => ServerState;
  readonly connections: () => number;
  /** Held by large bodies that are being read. */
  readonly bodyBytes: () => number;
  readonly nowMs: () => number;
}

/** What the process takes of the machine. */
export interface ProcessUse {
  readonly openDescriptors: number;
  /** 0 where no limit is known. */
  readonly descriptorsMax: number;
  readonly residentBytes: number;
  readonly startedS: number;
  /** So many are let in at once. */
  readonly connectionsMax: number;
}

/** The metric set of the requirements (O1), on a registry of its own. Raw topics and ids are never a label (I4). */
export class Metrics {
  readonly registry = new Registry();
  private readonly make: SeriesMaker;
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
  /** What is missing for writes to be welcome, as `/readyz` names it. */
  missing: readonly string[] = [];
  /** Highest reorder depth seen, by shard. */
  readonly reorderDepth: Float64Array;
  private readonly shards: readonly string[];
  private readonly topicClasses: readonly string[];
  private readonly statuses: readonly string[];
  private readonly routeIndex: ReadonlyMap<string, number>;
  /** Slots of `requests` seen so far, by route, method and status. */
  private readonly requestSlots = new Map<number, number>();
  private readonly byRoute: ReadonlyMap<string, Histogram>;

  /** `prefix` stands before every name. */
  constructor(routes: readonly string[], topicClasses: readonly string[], shards: number, prefix = '') {
    const make = new SeriesMaker(this.registry, prefix);
    this.make = make;
    const statuses = [...new Set(Object.values(OUTCOMES).map((row) => String(row.status)))].sort();
    const topic_class = [...topicClasses, OTHER];
    const endpoint = [...routes, OTHER];
    const shard = Array.from({ length: shards }, (_, number) => String(number));
    const { http_requests_total, dlq_total, dlq_purged_total } = METRICS;
    this.shards = shard;
    this.topicClasses = topicClasses;
    this.statuses = statuses;
    this.routeIndex = new Map(routes.map((path, i) => [path, i + 1]));
    this.reorderDepth = new Float64Array(shards);
    this.requests = make.counters('http_requests_total', {
      ...{ route: endpoint, method: http_requests_total.labels.method, status: [...statuses, OTHER] },
    });
    this.rejected = make.counters('rejected_total', METRICS.rejected_total.labels);
    this.authFailures = make.counters('auth_failures_total', METRICS.auth_failures_total.labels);
    this.tlsFailures = make.counters('tls_handshake_failures_total', {});
    this.dead = make.counters('dlq_total', { topic_class, reason: dlq_total.labels.reason });
    this.reprocessed = make.counters('dlq_reprocess_total', { topic_class });
    this.purged = make.counters('dlq_purged_total', { topic_class, reason: dlq_purged_total.labels.reason });
    this.integrityFailures = make.counters('integrity_fail_total', METRICS.integrity_fail_total.labels);
    this.tenantRefused = make.counters('tenant_rejections_total', {});
    this.busy = make.counters('busy_rejections_total', { endpoint });
    this.enqueued = make.counters('enqueued_total', {});
    this.delivered = make.counters('delivered_total', {});
    this.redelivered = make.counters('redelivered_total', {});
    this.timedOut = make.counters('visibility_timeout_total', {});
    this.internalErrors = make.counters('internal_errors_total', {});
    this.journalBytes = make.counters('journal_bytes_total', {});
    this.snapshots = make.counters('journal_snapshots_total', {});
    this.tornTails = make.counters('journal_torn_tails_total', {});
    this.shardFailures = make.counters('shard_failures_total', { shard });
    this.shardRestarts = make.counters('shard_restarts_total', { shard });
    this.requestSeconds = make.histogram('request_latency_seconds', SECONDS);
    this.enqueueSeconds = make.histogram('enqueue_latency_seconds', SECONDS);
    this.dequeueSeconds = make.histogram('dequeue_latency_seconds', SECONDS);
    this.ackSeconds = make.histogram('ack_commit_latency_seconds', SECONDS);
    this.appendSeconds = make.histogram('journal_append_latency_seconds', SECONDS);
    this.syncSeconds = make.histogram('journal_sync_latency_seconds', SECONDS);
    this.attempts = make.histogram('delivery_attempts', ATTEMPTS);
    this.byRoute = new Map([
      [pathOf('send'), this.enqueueSeconds],
      [pathOf('recv'), this.dequeueSeconds],
      [pathOf('ack'), this.ackSeconds],
    ]);
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
    this.make.counter('log_lines_dropped_total', () => [
      { labels: { kind: 'decision' }, value: dropped().decisions },
      { labels: { kind: 'other' }, value: dropped().others },
    ]);
  }

  /** What there is only with an engine. */
  forEngine(): EngineMetrics {
    return new EngineMetrics(this.make, this.shards);
  }

  watchProcess(look: () => ProcessUse): void {
    const { make } = this;
    make.figure('process_open_fds', () => look().openDescriptors);
    make.figure('process_max_fds', () => look().descriptorsMax);
    make.figure('process_resident_memory_bytes', () => look().residentBytes);
    make.figure('process_start_time_seconds', () => look().startedS);
    make.figure('connections_max', () => look().connectionsMax);
  }

  /** Gauges over the running server. */
  watch(living: Living): void {
    const { make } = this;
    this.watchShards(living);
    this.watchAuthority(living.authority);
    make.gauge('server_state', () =>
      SERVER_STATES.map((state) => ({ labels: { state }, value: Number(state === living.state()) })),
    );
    make.gauge('not_ready', () => {
      const { missing: known } = METRICS.not_ready.labels;
      const kinds = this.missing
        .map((name) => name.replace(/^shard_\d+/, 'shard'))
        .map((kind) => (known.includes(kind) ? kind : OTHER));
      return known.map((missing) => ({ labels: { missing }, value: kinds.filter((kind) => kind === missing).length }));
    });
    make.figure('shards_down', living.shardsDown);
    make.gauge('memory_bytes', () => {
      const { payloadBytes, liveBytes, endedBytes } = living.memory;
      const held = { payload: payloadBytes, live: liveBytes, remembered: endedBytes };
      return Object.entries(held).map(([kind, value]) => ({ labels: { kind }, value }));
    });
    make.figure('long_polls', living.pollCount);
    make.figure('streams', living.streamCount);
    make.figure('connections', living.connections);
    make.figure('body_memory_bytes', living.bodyBytes);
  }

  private watchShards(living: Living): void {
    const { make } = this;
    const { shards } = living;
    const byQueue = (values: (shard: ShardState) => Readonly<Record<string, number>>) => () =>
      shards.flatMap((shard) =>
        Object.entries(values(shard)).map(([queue, value]) => ({ labels: { queue, shard: shard.shard }, value })),
      );
    make.gauge(
      'queue_depth',
      byQueue((s) => ({ queued: s.queued, redelivered: s.redelivered, leased: s.leases.size, dead: s.dead.size })),
    );
    make.gauge(
      'saturation',
      byQueue((s) => ({
        shard: s.depth / s.limits.shardCapacity,
        dedup: s.windows.size / s.limits.dedupCapacity,
        dead: s.dead.size / s.limits.dlqCapacity,
        inflight: living.inflight() / s.limits.globalInflight,
      })),
    );
    const byShard = (value: (shard: ShardState) => number) => () =>
      shards.map((shard) => ({ labels: { shard: shard.shard }, value: value(shard) }));
    make.gauge(
      'inflight',
      byShard((s) => s.leases.size),
    );
    make.gauge(
      'reorder_depth_max',
      byShard((s) => this.reorderDepth[s.shard] as number),
    );
    make.figure('oldest_ready_message_age_seconds', () => {
      const oldest = Math.min(...shards.map((s) => s.ready.first()?.readyAtMs ?? Number.POSITIVE_INFINITY));
      return oldest === Number.POSITIVE_INFINITY ? 0 : Math.max(0, living.nowMs() - oldest) / 1000;
    });
  }

  private watchAuthority(authority: WatchedAuthority): void {
    const { make } = this;
    make.figure('cap_cache_size', () => authority.cache.size);
    make.figure('cap_cache_evictions', () => authority.cache.evictions);
    make.figure('cap_cache_purges', () => authority.purges);
    make.figure('revocations', () => authority.revocations.size);
    make.figure('root_key_age_seconds', () => {
      const { keyring, clock } = authority;
      return keyring === null ? 0 : Math.max(0, clock.wallMs() - keyring.newest.createdMs) / 1000;
    });
  }
}
