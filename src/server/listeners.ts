import type { Registry } from 'prom-client';
import type { Session } from '../auth/authorize.ts';
import { readSecretFile } from '../auth/secret-file.ts';
import { type Address, SETTINGS, type Settings } from '../config/settings.ts';
import { ConfigError } from '../config/values.ts';
import type { AccessLog } from '../http/access-log.ts';
import type { DispatchMode } from '../http/dispatch.ts';
import { ListenError } from '../http/listen-error.ts';
import type { Pipeline } from '../http/pipeline.ts';
import { type ConnectionRules, Doors, type Listener, listenMetrics } from '../http/server.ts';
import { TlsError, type TlsPair, tryPair } from '../http/tls.ts';
import { listenUnix, UnixSocketError } from '../http/unix.ts';
import type { Log } from '../observe/log.ts';
import { consoleFiles } from './console-files.ts';
import type { DescriptorBudget } from './descriptors.ts';

const PEM_BYTES_MAX = 256 * 1024;

/** The limit of open files may be changed from outside: it is looked at so often. */
const LOOK_MS = 1000;

/** The ways in that the settings ask for. */
export interface Listeners {
  /** As bound, `host:port`. */
  readonly http: string;
  readonly metrics: string;
  /** The same of the console, or null. */
  readonly console: string | null;
  /** The path of the Unix socket, or null. */
  readonly uds: string | null;
  readonly connections: () => number;
  /** So many are let in at once. */
  readonly connectionsMax: () => number;
  /** The pipeline answers from now on; before, every request is told that the server is starting. */
  serve(pipeline: Pipeline, dispatch: DispatchMode): void;
  /** Tries other settings. @returns what takes them into use, which cannot fail; @throws ConfigError, and nothing has changed */
  prepare(next: Settings): Promise<() => void>;
  /** Takes no more connections, and waits for requests until the deadline; whoever measures still may. */
  drain(): Promise<void>;
  /** Ends all of it. */
  close(): Promise<void>;
}

export interface ListenersOptions {
  readonly settings: Settings;
  readonly descriptors: DescriptorBudget;
  readonly log: Log;
  readonly accessLog: AccessLog;
  /** What a connection starts with. */
  readonly newSession: () => Session;
  readonly metrics: Registry;
}

/** As the settings have it, as far as the limit of open files allows. */
function connectionRules(s: Settings, descriptors: DescriptorBudget, log: Log): ConnectionRules {
  const reason = descriptors.shortage(s.max_connections);
  if (reason !== null) log.warn('process.descriptors', { limit: descriptors.limit, reason });
  return {
    readTimeoutMs: s.read_timeout,
    writeTimeoutMs: s.write_timeout,
    idleTimeoutMs: s.idle_timeout,
    connectionsMax: descriptors.connections(s.max_connections),
    requestsPerSocket: s.requests_per_socket,
  };
}

/** Whom the Unix socket lets in: the user the server runs as, unless a list says otherwise. */
const allowedUids = ({ allow_uids }: Settings): readonly number[] => allow_uids ?? [process.getuid?.() ?? -1];

/** Opens all of them or none. @throws ConfigError, ListenError */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const { settings, descriptors, log, metrics, ...door } = options;
  const rulesOf = (next: Settings): ConnectionRules => connectionRules(next, descriptors, log);
  const doors = new Doors({ ...door, rules: rulesOf(settings) });
  const open: Listener[] = [];
  let inForce = settings;
  let consoleAt: string | null = null;
  const close = async (listeners: readonly Listener[], deadlineMs: number): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.close(deadlineMs)));
  };
  const pair = await readPair(settings, log);
  try {
    open.push(await at('bind', settings.bind, (address) => doors.listen(address, pair)));
    const hosts = (): readonly string[] => inForce.metrics_hosts;
    const pauses = doors.pauses.bind(doors);
    open.push(
      await at('metrics_bind', settings.metrics_bind, (address) =>
        listenMetrics(metrics, { ...address, hosts, pauses }),
      ),
    );
    const { console_bind } = settings;
    if (console_bind !== 'none') {
      const files = consoleFiles();
      open.push(await at('console_bind', console_bind, (address) => doors.listen(address, pair, { files })));
      consoleAt = open.at(-1)?.address ?? null;
    }
    if (settings.uds !== null) open.push(await listenUnix(doors, settings.uds, () => allowedUids(inForce)));
  } catch (error) {
    await close(open, 0);
    throw error instanceof UnixSocketError ? new ConfigError(error.message, error.setting) : error;
  } finally {
    pair?.key.fill(0);
  }
  const prepare = async (next: Settings): Promise<() => void> => {
    if ((next.tls_cert === null) !== (inForce.tls_cert === null)) {
      throw new ConfigError('tls_cert, tls_key: TLS is not turned on or off without a restart', 'tls_cert');
    }
    const renewed = next.tls_cert === null ? null : await readPair(next, log);
    return () => {
      if (renewed !== null) doors.renew(renewed);
      renewed?.key.fill(0);
      doors.apply(rulesOf(next));
      inForce = next;
    };
  };
  const looking = setInterval(() => {
    if (descriptors.look()) doors.apply(rulesOf(inForce));
    else doors.listenOrPause();
  }, LOOK_MS).unref();
  const [http, scrape, ...others] = open as [Listener, Listener, ...Listener[]];
  return {
    http: http.address,
    metrics: scrape.address,
    console: consoleAt,
    uds: settings.uds,
    connections: () => doors.connections,
    connectionsMax: () => descriptors.connections(inForce.max_connections),
    serve: (pipeline, dispatch) => doors.serve(pipeline, dispatch),
    prepare,
    drain: () => close([http, ...others], inForce.drain_deadline),
    close: () => {
      clearInterval(looking);
      return close(open, 0);
    },
  };
}

type Bound = 'bind' | 'metrics_bind' | 'console_bind';
/** @throws ListenError naming the setting and the address */
async function at(name: Bound, where: Address, listen: (address: Address) => Promise<Listener>): Promise<Listener> {
  try {
    return await listen(where);
  } catch (error) {
    throw new ListenError(name, SETTINGS[name].kind.show(where), error);
  }
}

/** The certificate and its key, tried; null without. The caller overwrites the key. @throws ConfigError */
async function readPair({ tls_cert, tls_key }: Settings, log: Log): Promise<TlsPair | null> {
  if (tls_cert === null || tls_key === null) return null;
  const bytesMax = PEM_BYTES_MAX;
  const error = (setting: string) => (message: string) => new ConfigError(message, setting);
  const cert = readSecretFile(tls_cert, { what: 'tls_cert', bytesMax, isPublic: true, error: error('tls_cert') });
  const key = readSecretFile(tls_key, { what: 'tls_key', bytesMax, error: error('tls_key') });
  try {
    const facts = await tryPair({ cert, key }, Date.now());
    if (facts.expired) log.warn('tls.certificate', { ...facts, reason: 'expired' });
    else log.info('tls.certificate', { ...facts });
    return { cert, key };
  } catch (cause) {
    key.fill(0);
    throw cause instanceof TlsError ? new ConfigError(cause.message, cause.setting) : cause;
  }
}
