import { Authority } from './auth/authorize.ts';
import type { Keyring } from './auth/keyring.ts';
import { limitsOf } from './config/limits.ts';
import type { Settings } from './config/settings.ts';
import { ConfigError } from './config/values.ts';
import type { DispatchMode } from './http/dispatch.ts';
import { Gateway } from './http/gateway.ts';
import { Readiness } from './http/readiness.ts';
import { ROUTES } from './http/routes.ts';
import { type Listener, listenHttp, listenMetrics } from './http/server.ts';
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
  /** Not ready, then drained, then closed. */
  stop(): Promise<void>;
}

/** Wires clock, randomness, journal and sockets to the service and starts it. @throws ConfigError, or what listen throws. */
export async function startServer({ settings, keyring, log, dispatch }: ServerOptions): Promise<Running> {
  if (settings.profile === 'macronode') {
    throw new ConfigError(
      'profile: macronode needs the embedded journal, which this version does not have; use micronode',
    );
  }
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
  const readiness = new Readiness(service);
  const gateway = new Gateway({
    service,
    authority,
    metrics,
    log,
    clock,
    readiness,
    bodyBytesMax: settings.max_body,
    adminEnabled: settings.enable_admin,
  });
  const scrape = await listenMetrics(metrics.registry, settings.metrics_bind.host, settings.metrics_bind.port);
  const http = await listenHttp(gateway, {
    ...settings.bind,
    readTimeoutMs: settings.read_timeout,
    writeTimeoutMs: settings.write_timeout,
    idleTimeoutMs: settings.idle_timeout,
    connectionsMax: settings.max_connections,
    requestsPerSocket: settings.requests_per_socket,
    dispatch: dispatch ?? 'hot-direct',
  }).catch(async (error) => {
    await scrape.close(0);
    throw error;
  });
  metrics.watch({
    shards: service.shards,
    inflight: () => service.inflight,
    pollCount: () => service.pollCount,
    cacheSize: () => authority.cache.size,
    cacheEvictions: () => authority.cache.evictions,
    connections: http.connections,
    nowMs: clock.nowMs,
  });
  const ticking = setInterval(() => service.tick(clock.nowMs()), TICK_MS_MAX);
  readiness.state = 'ready';
  return { http: http.address, metrics: scrape.address, stop: () => stop(http, scrape) };

  async function stop(listener: Listener, metricsListener: Listener): Promise<void> {
    readiness.state = 'draining';
    service.refuseWrites('draining');
    // From here on every response is the last of its connection, those of the long polls included.
    const closed = listener.close(settings.drain_deadline);
    service.endWaiting(clock.nowMs(), true);
    await closed;
    clearInterval(ticking);
    await metricsListener.close(0);
  }
}
