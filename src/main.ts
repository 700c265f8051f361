import { Authority } from './auth/authorize.ts';
import type { Keyring } from './auth/keyring.ts';
import { readSecretFile } from './auth/secret-file.ts';
import { limitsOf } from './config/limits.ts';
import type { Settings } from './config/settings.ts';
import { ConfigError } from './config/values.ts';
import type { DispatchMode } from './http/dispatch.ts';
import { Gateway, type GatewayRules } from './http/gateway.ts';
import { Readiness } from './http/readiness.ts';
import { ROUTES } from './http/routes.ts';
import { type ConnectionRules, Doors, type Listener, listenMetrics } from './http/server.ts';
import { checkPair, TlsError, type TlsPair } from './http/tls.ts';
import { listenUnix, UnixSocketError } from './http/unix.ts';
import { integrity } from './integrity/hash-chain.ts';
import { memoryJournal } from './journal/memory.ts';
import type { Log } from './observe/log.ts';
import { Metrics } from './observe/metrics.ts';
import { FactObserver } from './observe/observer.ts';
import { Service } from './service/service.ts';
import { systemClock, systemRandom } from './system.ts';

/** Time is looked at at least this often: deadlines are met within it, whatever the load. */
const TICK_MS_MAX = 20;

export interface ServerOptions {
  readonly settings: Settings;
  readonly keyring: Keyring;
  readonly log: Log;
  /** How requests reach the gateway; benches and tests compare the ways. */
  readonly dispatch?: DispatchMode;
}

/** A running server. */
export interface Running {
  /** As bound, `host:port`. */
  readonly http: string;
  readonly metrics: string;
  /** The path of the Unix socket, or null. */
  readonly uds: string | null;
  /** Takes over what can change while it runs, all of it or nothing. @throws ConfigError, and nothing has changed */
  reload(settings: Settings, keyring: Keyring): void;
  /** Not ready, then drained, then closed. */
  stop(): Promise<void>;
}

const PEM_BYTES_MAX = 256 * 1024;

/** The certificate and its key, checked; null without. @throws ConfigError */
function readPair({ tls_cert, tls_key }: Settings, log: Log): TlsPair | null {
  if (tls_cert === null || tls_key === null) return null;
  const error = (message: string): ConfigError => new ConfigError(message);
  const bytesMax = PEM_BYTES_MAX;
  const cert = readSecretFile(tls_cert, { what: 'tls_cert', bytesMax, isPublic: true, error });
  const key = readSecretFile(tls_key, { what: 'tls_key', bytesMax, error });
  try {
    const facts = checkPair({ cert, key }, Date.now());
    if (facts.expired) log.warn('tls.certificate', { ...facts, reason: 'expired' });
    else log.info('tls.certificate', { ...facts });
    return { cert, key };
  } catch (cause) {
    key.fill(0);
    throw cause instanceof TlsError ? new ConfigError(cause.message) : cause;
  }
}

const gatewayRules = (s: Settings): GatewayRules => ({
  bytesMax: s.max_body,
  ratio: s.decompress_ratio,
  memoryBytesMax: s.max_body_memory,
  heartbeatMs: s.stream_heartbeat,
});

const connectionRules = (s: Settings): ConnectionRules => ({
  readTimeoutMs: s.read_timeout,
  writeTimeoutMs: s.write_timeout,
  idleTimeoutMs: s.idle_timeout,
  connectionsMax: s.max_connections,
  requestsPerSocket: s.requests_per_socket,
});

/** Wires clock, randomness, journal and sockets to the service and starts it. @throws ConfigError, or what listen throws. */
export async function startServer({ settings, keyring, log, dispatch }: ServerOptions): Promise<Running> {
  if (settings.profile === 'macronode') {
    throw new ConfigError(
      'profile: macronode needs the embedded journal, which this version does not have; use micronode',
    );
  }
  const pair = readPair(settings, log);
  let inForce = settings;
  const clock = systemClock();
  const authority = new Authority(keyring, clock, settings.cap_cache_ttl);
  const metrics = new Metrics(
    ROUTES.map((route) => route.path),
    settings.topic_classes,
    settings.ready_shards,
  );
  const service = new Service({
    shards: Service.empty(settings.ready_shards, limitsOf(settings)),
    random: systemRandom,
    integrity,
    observer: new FactObserver(metrics, log),
    effects: {
      append: (batches) => {
        const startedMs = performance.now();
        memoryJournal.append(batches, (error) => {
          metrics.appendSeconds.observe((performance.now() - startedMs) / 1000);
          if (error === null) service.durable();
          else service.journalFailed();
        });
      },
    },
  });
  service.streamsMax = settings.max_streams;
  const readiness = new Readiness(service);
  const gateway = new Gateway({
    service,
    authority,
    metrics,
    log,
    clock,
    readiness,
    rules: gatewayRules(settings),
    adminEnabled: settings.enable_admin,
  });
  const doors = new Doors(gateway, connectionRules(settings), dispatch ?? 'hot-direct');
  const listeners: Listener[] = [];
  const opened = async (listener: Promise<Listener>): Promise<Listener> => {
    listeners.push(await listener);
    return listener;
  };
  const closeAll = (deadlineMs: number): Promise<unknown> =>
    Promise.all(listeners.map((listener) => listener.close(deadlineMs)));
  const scrape = await listenMetrics(metrics.registry, settings.metrics_bind.host, settings.metrics_bind.port);
  let http: Listener;
  try {
    http = await opened(doors.listen(settings.bind, pair));
    if (settings.uds !== null) await opened(listenUnix(doors, settings.uds, () => allowedUids(inForce)));
  } catch (error) {
    await Promise.all([scrape.close(0), closeAll(0)]);
    throw error instanceof UnixSocketError ? new ConfigError(error.message) : error;
  } finally {
    pair?.key.fill(0);
  }
  metrics.watch({
    shards: service.shards,
    inflight: () => service.inflight,
    pollCount: () => service.pollCount,
    streamCount: () => service.streamCount,
    cacheSize: () => authority.cache.size,
    cacheEvictions: () => authority.cache.evictions,
    connections: () => doors.connections,
    nowMs: clock.nowMs,
  });
  const ticking = setInterval(() => service.tick(clock.nowMs()), TICK_MS_MAX);
  readiness.state = 'ready';
  return { http: http.address, metrics: scrape.address, uds: settings.uds, reload, stop };

  function reload(next: Settings, nextKeyring: Keyring): void {
    const renewed = readPair(next, log);
    if ((renewed === null) !== (inForce.tls_cert === null)) {
      throw new ConfigError('tls_cert, tls_key: TLS is not turned on or off without a restart');
    }
    try {
      if (renewed !== null) doors.renew(renewed);
    } finally {
      renewed?.key.fill(0);
    }
    inForce = next;
    for (const shard of service.shards) shard.limits = limitsOf(next);
    service.streamsMax = next.max_streams;
    gateway.rules = gatewayRules(next);
    doors.apply(connectionRules(next));
    log.level = next.log_level;
    authority.keyring = nextKeyring;
    // A key that went takes with it what waits under its capabilities.
    gateway.endInvalid();
  }

  async function stop(): Promise<void> {
    readiness.state = 'draining';
    service.refuseWrites('draining');
    // From here on every response is the last of its connection, those of the long polls included.
    const closed = closeAll(inForce.drain_deadline);
    service.endWaiting(clock.nowMs(), true);
    await closed;
    clearInterval(ticking);
    await scrape.close(0);
  }
}

/** Whom the Unix socket lets in: the user the server runs as, unless a list says otherwise. */
const allowedUids = ({ allow_uids }: Settings): readonly number[] => allow_uids ?? [process.getuid?.() ?? -1];
