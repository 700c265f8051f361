import { type AuthorityOptions, freshSession } from '../auth/authorize.ts';
import type { Keyring } from '../auth/keyring.ts';
import { limitsOf, memoryBoundsOf } from '../config/limits.ts';
import type { Settings } from '../config/settings.ts';
import { ConfigError, sizeText } from '../config/values.ts';
import { AccessLog } from '../http/access-log.ts';
import type { DispatchMode } from '../http/dispatch.ts';
import { Pipeline, type PipelineRules } from '../http/pipeline.ts';
import { ROUTES } from '../http/routes.ts';
import { Routing } from '../http/routing.ts';
import { METRICS_CONNECTIONS_MAX } from '../http/server.ts';
import { integrity } from '../integrity/hash-chain.ts';
import type { PublicJwk, Signer } from '../integrity/signature.ts';
import { JOURNAL_DESCRIPTORS } from '../journal/durable.ts';
import { claimAll } from '../node/claim-all.ts';
import { MailboxNode, type NodeSettings } from '../node/node.ts';
import { ClockWatch } from '../observe/clock-watch.ts';
import { KeyWatch } from '../observe/key-watch.ts';
import type { Log } from '../observe/log.ts';
import type { DroppedLines } from '../observe/log-output.ts';
import { Metrics, type ProcessUse } from '../observe/metrics.ts';
import { LoggingObserver } from '../observe/node-observer.ts';
import { systemRandom, systemTime } from '../platform/system.ts';
import type { TimeSource } from '../ports/clock.ts';
import type { Claim, Unclaimed } from '../ports/journal.ts';
import { askOverHttp, VERIFIER_SOCKETS_MAX } from '../verifier/http.ts';
import { continued, opened, traceOf, unlessEnded } from './beginning.ts';
import { type OnDecision, withDecisions } from './decision-log.ts';
import { DescriptorBudget, descriptorsInUse } from './descriptors.ts';
import { type Connected, connectEngine, openEngineStore } from './engine-store.ts';
import { type Listeners, openListeners } from './listeners.ts';
import { PeerClient } from './peer-client.ts';
import { openStore } from './store.ts';
import { Waker } from './waker.ts';

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
  /** How requests reach the pipeline; benches and tests compare the ways. */
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
  /** The same of the console, or null. */
  readonly console: string | null;
  /** The path of the Unix socket, or null. */
  readonly uds: string | null;
  /** How many there are. */
  readonly shards: number;
  /** Takes all of it into use as one swap, at once unless TLS has to be tried. @throws ConfigError, and nothing has changed */
  reload(next: Reloadable): Promise<void>;
  /** Not ready, then drained, then closed. */
  stop(): Promise<void>;
}

const pipelineRules = (s: Settings): PipelineRules => ({
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
  const { settings } = options;
  const decisions: Decisions = { told: null };
  const log = withDecisions(options.log, (event, said) => decisions.told?.(event, said));
  if (settings.engine !== null && (options.trace !== undefined || options.acceptTornTail === true))
    throw new ConfigError(
      `${options.trace === undefined ? '--accept-torn-tail' : '--trace'}: of a data directory alone; not with engine`,
    );
  const engine = await connectEngine(settings);
  const descriptors = new DescriptorBudget(othersThanConnections(settings));
  const metrics = new Metrics(
    ROUTES.map((route) => route.path),
    settings.topic_classes,
    engine?.cluster.shards ?? settings.ready_shards,
    settings.metrics_prefix ?? '',
  );
  metrics.watchLog(options.droppedLines ?? (() => NOTHING_DROPPED));
  const accessLog = new AccessLog(metrics, log);
  const { registry } = metrics;
  const listeners = await openListeners({
    ...{ settings, descriptors, log, accessLog, newSession: freshSession, metrics: registry },
  }).catch((error) => {
    engine?.close();
    throw error;
  });
  metrics.watchProcess(() => processUse(descriptors, listeners.connectionsMax()));
  const { http, console, uds } = listeners;
  log.info('server.starting', {
    ...{ http, metrics: listeners.metrics, console: console ?? undefined, uds: uds ?? undefined },
    memory: sizeText(settings.memory),
    window_memory: sizeText(settings.window_memory),
  });
  try {
    // A signal is heard in a turn of the event loop, of which the start may not have had any.
    await new Promise((resolve) => setImmediate(resolve));
    options.ended?.throwIfAborted();
    return await startService({ ...options, log }, { metrics, accessLog, listeners, decisions, engine });
  } catch (error) {
    engine?.close();
    await listeners.close();
    throw error;
  }
}

const STARTED_S = Date.now() / 1000 - process.uptime();
/** What the process takes of the machine at the moment. */
const processUse = ({ limit }: DescriptorBudget, connectionsMax: number): ProcessUse => ({
  openDescriptors: descriptorsInUse(),
  descriptorsMax: Number.isFinite(limit) ? limit : 0,
  residentBytes: process.memoryUsage.rss(),
  startedS: STARTED_S,
  connectionsMax,
});

interface Begun {
  readonly metrics: Metrics;
  readonly accessLog: AccessLog;
  readonly listeners: Listeners;
  readonly decisions: Decisions;
  readonly engine: Connected | null;
}

/** Where other nodes reach this one, unless the settings say so. */
const urlOf = ({ tls_cert }: Settings, http: string): string => `${tls_cert === null ? 'http' : 'https'}://${http}`;

const NEVER = new AbortController().signal;
const NOTHING_DROPPED: DroppedLines = { decisions: 0, others: 0 };

/** Who tells those who read decisions; nobody before there is a process. */
interface Decisions {
  told: OnDecision | null;
}

/** Opens the store, and serves what is in it. */
async function startService(
  options: ServerOptions,
  { metrics, accessLog, listeners, decisions, engine }: Begun,
): Promise<Running> {
  const { settings, log, ended = NEVER } = options;
  const time = options.time ?? systemTime;
  /** None while its journal is opened: it looks at all that is told of here when it begins. */
  const told: { node?: MailboxNode } = {};
  const shared =
    engine === null
      ? null
      : await openEngineStore({
          ...{ settings, engine, log, metrics, time, ended, url: urlOf(settings, listeners.http) },
          wake: () => told.node?.wake(),
          onRoom: () => told.node?.roomChanged(),
          failed: (error) => observer.failed(error),
          revoked: (revocations) => node.revokedElsewhere(revocations),
        });
  const store =
    shared ??
    (await openStore({
      ...{ ended, settings, log, metrics, acceptTornTail: options.acceptTornTail ?? false },
      onRoom: () => told.node?.roomChanged(),
    }));
  const { journal } = store;
  const isKept = journal.processLog.term !== null;
  const clock = shared?.clock ?? continued(time, journal, log);
  const clockWatch = new ClockWatch(log, clock.aheadMs());
  const keyWatch = new KeyWatch(log);
  const claims = await new Promise<readonly (Claim | Unclaimed)[]>((resolve) =>
    claimAll(journal, limitsOf(settings), resolve),
  );
  const trace = traceOf(options, store, claims);
  let signer = options.signer ?? null;
  const published: PublicJwk[] = signer === null ? [] : [signer.jwk];
  const observer = new LoggingObserver({
    ...{ metrics, log },
    look: () => {
      const { keyring } = node.authority;
      clockWatch.look(clock.aheadMs());
      if (keyring !== null) keyWatch.look(keyring, clock.wallMs());
      trace?.flush();
    },
    onAppended: (batches) => trace?.take(batches),
    onFailed: () => options.onFailed?.(),
    ...(shared === null ? {} : { engine: shared }),
  });
  const waker = new Waker(clock, () => node.wake());
  const node: MailboxNode = new MailboxNode({
    ...{ journal, claims, clock, observer, timers: globalThis, random: systemRandom },
    settings: nodeSettings(options),
    authority: {
      ...authorityOptions(settings, log),
      ...(shared === null ? {} : { takeQuota: shared.takeQuota }),
    },
    integrity: { ...integrity, sigOf: (hashChain) => signer?.sign(hashChain) ?? null },
    wakeAt: (atMs) => waker.at(atMs),
    // What one turn of the event loop brings goes into one append, and is one reason to look when to wake.
    soon: setImmediate,
    // Nothing of profile micronode outlives its message; a journal may still hold the bytes (I1).
    overwrites: !isKept,
    recentFacts: settings.recent_facts,
    ...(shared === null ? {} : { tellOthers: shared.tellOthers, holderOf: shared.holderOf }),
  });
  told.node = node;
  decisions.told = (event, said) => node.decided(event, said);
  const peers = shared === null ? null : new PeerClient(shared);
  if (shared !== null && peers !== null) shared.onCompany = () => peers.changed();
  const pipeline = new Pipeline({
    ...{ node, accessLog },
    ...(peers === null ? {} : { routing: new Routing(node, peers) }),
    publicKeys: () => JSON.stringify({ keys: published }),
    rules: pipelineRules(settings),
    connectionsMax: listeners.connectionsMax,
    adminEnabled: settings.enable_admin,
    overwrites: true,
  });
  const isOpen = opened(node, settings).then(() => shared?.catchUp([...node.authority.revocations.list()]));
  await unlessEnded(isOpen, ended).catch(async (error) => {
    node.stop();
    waker.stop();
    await store.close();
    throw error;
  });
  const { service, authority } = node;
  listeners.serve(pipeline, options.dispatch ?? 'hot-direct');
  shared?.metrics.watch({ isOurs: (shard) => !service.down.has(shard), leaseLeftMs: shared.leaseLeftMs });
  shared?.begin();
  metrics.watch({
    shards: service.shards,
    inflight: () => service.inflight,
    shardsDown: () => service.down.size,
    memory: service.memory,
    pollCount: () => service.pollCount,
    streamCount: () => service.streamCount,
    authority,
    state: () => node.readiness.state,
    connections: listeners.connections,
    bodyBytes: () => pipeline.bodies.held,
    nowMs: () => clock.nowMs(),
  });
  return {
    ...{ http: listeners.http, metrics: listeners.metrics, console: listeners.console, uds: listeners.uds },
    ...{ shards: journal.shards, reload, stop },
  };

  async function reload(next: Reloadable): Promise<void> {
    const { settings: s } = next;
    // What can fail comes first.
    const swap = await listeners.prepare(s);
    swap();
    trace?.useLimits(limitsOf(s));
    pipeline.rules = pipelineRules(s);
    log.level = s.log_level;
    signer = next.signer ?? null;
    // Keys of before stay published: consumers still check what they signed.
    if (signer !== null && published.every(({ kid }) => kid !== signer?.jwk.kid)) published.unshift(signer.jwk);
    tellOfKeys(log, node.authority.keyring, next.keyring);
    node.reload(nodeSettings(next));
  }

  async function stop(): Promise<void> {
    // From here on every response is the last of its connection, those of the long polls included.
    const closed = listeners.drain();
    shared?.retire();
    node.drain();
    node.wake();
    await closed;
    await listeners.close();
    await new Promise<void>((resolve) => node.end(resolve));
    waker.stop();
    peers?.close();
    await store.close();
    trace?.close();
  }
}

/** Who may do what has changed. */
function tellOfKeys(log: Log, before: Keyring | null, after: Keyring | null): void {
  const idsOf = (keyring: Keyring | null): string[] => keyring?.keys.map(({ id }) => id) ?? [];
  const tell = (ids: readonly string[], others: readonly string[], reason: string): void => {
    for (const key_id of ids)
      if (!others.includes(key_id)) log.info('keyring.changed', { key_id, decision: 'allowed', reason });
  };
  tell(idsOf(after), idsOf(before), 'added');
  tell(idsOf(before), idsOf(after), 'removed');
}

const nodeSettings = ({ settings: s, keyring }: Reloadable): NodeSettings => ({
  limits: limitsOf(s),
  streamsMax: s.max_streams,
  memory: memoryBoundsOf(s),
  cacheTtlMs: s.cap_cache_ttl,
  keyring,
});

const authorityOptions = (s: Settings, log: Log): AuthorityOptions => ({
  formats: s.cap_formats,
  failureBurst: s.auth_failure_burst,
  onPurge: (entries) => log.warn('auth.spike', { reason: 'failures', entries }),
  onBarred: (nonce, forMs) =>
    log.warn('quota.barred', {
      decision: 'denied',
      reason: 'too many quotas',
      nonce: nonce.slice(0, 8),
      for_s: Math.ceil(forMs / 1000),
    }),
  ...(s.verifier_url === null ? {} : { remote: askOverHttp(s.verifier_url, s.verifier_timeout) }),
});
