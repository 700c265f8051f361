import { Authority, freshSession } from './auth/authorize.ts';
import type { Keyring } from './auth/keyring.ts';
import { limitsOf } from './config/limits.ts';
import type { Settings } from './config/settings.ts';
import { ConfigError } from './config/values.ts';
import { DescriptorBudget } from './descriptors.ts';
import type { DispatchMode } from './http/dispatch.ts';
import { Gateway, type GatewayRules } from './http/gateway.ts';
import { Ledger } from './http/ledger.ts';
import { type Condition, Readiness } from './http/readiness.ts';
import { ROUTES } from './http/routes.ts';
import { METRICS_CONNECTIONS_MAX } from './http/server.ts';
import { integrity } from './integrity/hash-chain.ts';
import type { PublicJwk, Signer } from './integrity/signature.ts';
import { JOURNAL_DESCRIPTORS } from './journal/durable.ts';
import { FolderError } from './journal/folder.ts';
import { type Listeners, openListeners } from './listeners.ts';
import { ClockWatch } from './observe/clock-watch.ts';
import { KeyWatch } from './observe/key-watch.ts';
import type { Log } from './observe/log.ts';
import type { DroppedLines } from './observe/log-output.ts';
import { Metrics } from './observe/metrics.ts';
import { FactObserver } from './observe/observer.ts';
import type { ProcessFact, Started, TimeSource } from './ports.ts';
import { Service } from './service/service.ts';
import { ServiceClock } from './service/service-clock.ts';
import { openStore, type Store } from './store.ts';
import { supervise } from './supervise.ts';
import { systemRandom, systemTime } from './system.ts';
import { TraceFile } from './trace/file.ts';
import { askOverHttp, VERIFIER_SOCKETS_MAX } from './verifier/http.ts';

/** Time is looked at at least this often: deadlines are met within it, whatever the load. */
const TICK_MS_MAX = 20;

/** What a running server takes into use without a restart. */
export interface Reloadable {
  readonly settings: Settings;
  /** Null where a remote verifier holds the keys. */
  readonly keyring: Keyring | null;
  /** Signs envelopes (K3); none unless given. */
  readonly signer?: Signer | null;
}

export interface ServerOptions extends Reloadable {
  readonly log: Log;
  /** Lines of the log that nobody took. */
  readonly droppedLines?: () => DroppedLines;
  /** Aborted when the process is to end: a start that is under way ends with its reason. */
  readonly ended?: AbortSignal;
  /** How requests reach the gateway; benches and tests compare the ways. */
  readonly dispatch?: DispatchMode;
  /** The operator takes a damaged last frame of the journal for a torn one. */
  readonly acceptTornTail?: boolean;
  /** Writes what becomes durable as a trace, to this new file. */
  readonly trace?: string | undefined;
  /** The machine's clocks; tests set them. */
  readonly time?: TimeSource;
  /** The journal has failed: all that waited was answered, and the process should end. */
  readonly onFailed?: () => void;
}

/** A running server. */
export interface Running {
  /** As bound, `host:port`. */
  readonly http: string;
  readonly metrics: string;
  /** The path of the Unix socket, or null. */
  readonly uds: string | null;
  /** Takes all of it into use as one swap, at once unless TLS has to be tried. @throws ConfigError, and nothing has changed */
  reload(next: Reloadable): Promise<void>;
  /** Not ready, then drained, then closed. */
  stop(): Promise<void>;
}

const gatewayRules = (s: Settings): GatewayRules => ({
  bytesMax: s.max_body,
  ratio: s.decompress_ratio,
  memoryBytesMax: s.max_body_memory,
  heartbeatMs: s.stream_heartbeat,
});

/** Descriptors that may be open besides those of the process itself and of the connections of the service. */
const othersThanConnections = ({ profile, verifier_url }: Settings): number =>
  METRICS_CONNECTIONS_MAX +
  (verifier_url === null ? 0 : VERIFIER_SOCKETS_MAX) +
  (profile === 'micronode' ? 0 : JOURNAL_DESCRIPTORS);

/**
 * Wires clock, randomness, journal and sockets to the service and starts it. All addresses are ours before the journal is touched:
 * a start that is refused for one of them has said nothing durable. @throws ConfigError, ListenError, FolderError, JournalRefused, or
 * the reason of `ended`
 */
export async function startServer(options: ServerOptions): Promise<Running> {
  const { settings, log } = options;
  const descriptors = new DescriptorBudget(othersThanConnections(settings));
  const metrics = new Metrics(
    ROUTES.map((route) => route.path),
    settings.topic_classes,
    settings.ready_shards,
  );
  metrics.watchLog(options.droppedLines ?? (() => NOTHING_DROPPED));
  const ledger = new Ledger(metrics, log);
  const { registry } = metrics;
  const listeners = await openListeners({
    ...{ settings, descriptors, log, ledger, newSession: freshSession, metrics: registry },
  });
  log.info('server.starting', { http: listeners.http, metrics: listeners.metrics, uds: listeners.uds ?? undefined });
  try {
    // A signal is heard in a turn of the event loop, of which the start may not have had any.
    await new Promise((resolve) => setImmediate(resolve));
    options.ended?.throwIfAborted();
    return await startService(options, metrics, listeners);
  } catch (error) {
    await listeners.close();
    throw error;
  }
}

const NEVER = new AbortController().signal;
const NOTHING_DROPPED: DroppedLines = { decisions: 0, others: 0 };

/** Opens the store, and serves what is in it. */
async function startService(options: ServerOptions, metrics: Metrics, listeners: Listeners): Promise<Running> {
  const { settings, log, ended = NEVER } = options;
  const store = await openStore({
    ended,
    settings,
    log,
    metrics,
    acceptTornTail: options.acceptTornTail ?? false,
    onRoom: () => readiness.look(),
  });
  const clock = new ServiceClock(options.time ?? systemTime, store.clocks);
  store.keepTrying(clock);
  if (store.clocks !== null) log.info('clock.continued', { down_ms: clock.downMs });
  const clockWatch = new ClockWatch(log, clock.aheadMs());
  const trace = traceOf(options, store);
  const { verifier_url, verifier_timeout } = settings;
  const authority = new Authority(options.keyring, clock, settings.cap_cache_ttl, {
    formats: settings.cap_formats,
    failureBurst: settings.auth_failure_burst,
    onPurge: (entries) => log.warn('auth.spike', { reason: 'failures', entries }),
    onBarred: (nonce, forMs) =>
      log.warn('quota.barred', {
        decision: 'denied',
        reason: 'too many quotas',
        nonce: nonce.slice(0, 8),
        for_s: Math.ceil(forMs / 1000),
      }),
    ...(verifier_url === null ? {} : { remote: askOverHttp(verifier_url, verifier_timeout) }),
  });
  restore(authority, store.processFacts);
  let signer = options.signer ?? null;
  const published: PublicJwk[] = signer === null ? [] : [signer.jwk];
  const service = new Service({
    shards: store.shards,
    random: systemRandom,
    integrity: { ...integrity, sigOf: (hashChain) => signer?.sign(hashChain) ?? null },
    observer: new FactObserver(metrics, log),
    // Nothing of profile micronode outlives its message; a journal may still hold the bytes (I1).
    overwrites: store.epoch === null,
    instantOf: (atMs) => clock.instantOf(atMs),
    stampsClocks: store.epoch !== null,
    effects: {
      append: (batches) => {
        const startedMs = performance.now();
        store.append(batches, (error) => {
          metrics.appendSeconds.observe((performance.now() - startedMs) / 1000);
          if (error !== null) return fail(error);
          trace?.take(batches);
          service.durable();
        });
      },
      fell: (...what) => supervision.fell(...what),
      // What one turn of the event loop brings goes into one append; what is noted outlives only what is durable.
      ...(store.epoch === null ? {} : { soon: setImmediate, notes: () => authority.quotas.changes() }),
    },
  });
  service.streamsMax = settings.max_streams;
  service.payloads.bytesMax = settings.payload_memory;
  const supervision = supervise({ service, store, clock, metrics, log, onChange: () => readiness.look() });
  const keyWatch = new KeyWatch(log);
  const readiness = new Readiness({
    conditions: () => conditionsOf(service, authority, keyWatch, store),
    onChange: (state, refusesSends, missing) => {
      log.info('server.state', { state, missing });
      if (state === 'starting' || state === 'draining') service.refuseWrites(state);
      else if (state !== 'failed') service.refuseWrites(refusesSends ? 'degraded_writes' : null);
    },
  });
  const gateway = new Gateway({
    service,
    authority,
    metrics,
    log,
    clock,
    readiness,
    keepRevocation: (revocation, kept) =>
      service.remember({ name: 'revoked', ...revocation }, (durable) => kept(durable ? null : new Error('journal'))),
    publicKeys: () => JSON.stringify({ keys: published }),
    rules: gatewayRules(settings),
    adminEnabled: settings.enable_admin,
    overwrites: true,
  });
  await unlessEnded(takeOver(service, store, clock.nowMs(), settings), ended).catch((error) => {
    readiness.stop();
    store.close();
    throw error;
  });
  listeners.serve(gateway, options.dispatch ?? 'hot-direct');
  metrics.watch({
    shards: service.shards,
    inflight: () => service.inflight,
    shardsDown: () => service.down.size,
    payloadBytes: () => service.payloads.bytes,
    pollCount: () => service.pollCount,
    streamCount: () => service.streamCount,
    authority,
    state: () => readiness.state,
    connections: listeners.connections,
    nowMs: () => clock.nowMs(),
  });
  const ticking = setInterval(() => {
    const nowMs = clock.nowMs();
    clockWatch.look(clock.aheadMs());
    service.tick(nowMs);
    authority.tick(nowMs);
    trace?.flush();
  }, TICK_MS_MAX);
  readiness.started();
  return { http: listeners.http, metrics: listeners.metrics, uds: listeners.uds, reload, stop };

  async function reload(next: Reloadable): Promise<void> {
    const { settings: s, keyring } = next;
    // What can fail comes first.
    const swap = await listeners.prepare(s);
    swap();
    service.changeLimits(limitsOf(s));
    trace?.useLimits(limitsOf(s));
    service.streamsMax = s.max_streams;
    service.payloads.bytesMax = s.payload_memory;
    gateway.rules = gatewayRules(s);
    if (keyring !== null) authority.useKeyring(keyring);
    authority.cache.ttlMs = s.cap_cache_ttl;
    log.level = s.log_level;
    signer = next.signer ?? null;
    // Keys of before stay published: consumers still check what they signed.
    if (signer !== null && published.every(({ kid }) => kid !== signer?.jwk.kid)) published.unshift(signer.jwk);
    // A root key that went takes with it what waits under its capabilities.
    gateway.endInvalid();
    readiness.look();
  }

  async function stop(): Promise<void> {
    readiness.drain();
    // From here on every response is the last of its connection, those of the long polls included.
    const closed = listeners.drain();
    service.endWaiting(clock.nowMs(), true);
    await closed;
    clearInterval(ticking);
    supervision.stop();
    readiness.stop();
    service.stampClocks(clock.nowMs());
    await listeners.close();
    await new Promise((resolve) => service.whenDurable(resolve));
    store.close();
    trace?.close();
  }

  /** Nobody knows what the disk holds: 503 to all that waits, and the process is of no more use (journal rule 4). */
  function fail(error: Error): void {
    log.error('journal.failed', { decision: 'denied', reason: error.message });
    service.journalFailed();
    readiness.look();
    options.onFailed?.();
  }
}

/** A trace to a new file, which begins with the messages that are there; null when none is asked for. @throws ConfigError */
function traceOf({ trace: path, settings, log }: ServerOptions, store: Store): TraceFile | null {
  if (path === undefined) return null;
  const onEnd = (reason: string): void => log.warn('trace.ended', { reason });
  const { shards } = store;
  try {
    return new TraceFile(path, { producer: 'server', commit: null, limits: limitsOf(settings), shards, onEnd });
  } catch (cause) {
    store.close();
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new ConfigError(`--trace ${path}: ${code === 'EEXIST' ? 'exists; name a new file' : message}`);
  }
}

/** On a full disk the first append waits for room: that too ends when the process is told to. @throws the reason of `ended` */
function unlessEnded<T>(work: Promise<T>, ended: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(ended.reason);
    if (ended.aborted) stop();
    ended.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => ended.removeEventListener('abort', stop));
  });
}

/** Takes over what the journal knew, and says so in it: served is nothing before that is durable. */
async function takeOver(service: Service, store: Store, nowMs: number, settings: Settings): Promise<void> {
  const { epoch, shards } = store;
  const limits = limitsOf(settings);
  const started: Started | undefined =
    epoch === null ? undefined : { name: 'started', atMs: nowMs, epoch, shards: shards.length, limits };
  const durable = await new Promise<boolean>((resolve) => service.start(nowMs, started, resolve));
  if (!durable) throw new FolderError(`data: ${settings.data}: the first write to the journal failed`);
}

/** What outlives a process besides messages: revocations, and how far quotas are used. */
function restore(authority: Authority, facts: readonly ProcessFact[]): void {
  for (const fact of facts) {
    if (fact.name === 'revoked') authority.revocations.add(fact);
    if (fact.name === 'charged' || fact.name === 'barred') authority.quotas.restore([fact], authority.clock.nowMs());
  }
}

/** Everything that speaks against writes at the moment (BD3, D7, K5, B8). */
function conditionsOf(service: Service, authority: Authority, keyWatch: KeyWatch, store: Store): Condition[] {
  const found: Condition[] = service.drains
    .filling(authority.clock.nowMs())
    .map(({ name, retryAfterMs }) => ({ name, kind: 'saturated', retryAfterMs }));
  const unhealthy = (name: string, retryAfterMs: number) => found.push({ name, kind: 'unhealthy', retryAfterMs });
  for (const { shard, retryAfterMs } of service.down.list(authority.clock.nowMs())) {
    found.push({ name: `shard_${shard}`, kind: 'partial', retryAfterMs });
  }
  if (store.lack !== null) unhealthy(store.lack, 1_000);
  if (authority.remote?.healthy === false) unhealthy('verifier', 1_000);
  const { keyring, clock } = authority;
  if (keyring !== null && keyWatch.look(keyring, clock.wallMs()) === 'overdue') unhealthy('keyring', 60_000);
  if (service.isFailed) found.push({ name: 'journal', kind: 'failed', retryAfterMs: 1_000 });
  return found;
}
