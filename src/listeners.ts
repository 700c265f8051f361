import { readSecretFile } from './auth/secret-file.ts';
import type { Settings } from './config/settings.ts';
import { ConfigError } from './config/values.ts';
import type { DescriptorBudget } from './descriptors.ts';
import type { DispatchMode } from './http/dispatch.ts';
import type { Gateway } from './http/gateway.ts';
import { type ConnectionRules, Doors, type Listener } from './http/server.ts';
import { checkPair, TlsError, type TlsPair } from './http/tls.ts';
import { listenUnix, UnixSocketError } from './http/unix.ts';
import type { Log } from './observe/log.ts';

const PEM_BYTES_MAX = 256 * 1024;

/** The limit of open files may be changed from outside: it is looked at so often. */
const LOOK_MS = 1000;

/** The ways in that the settings ask for. */
export interface Listeners {
  /** As bound, `host:port`. */
  readonly http: string;
  /** The path of the Unix socket, or null. */
  readonly uds: string | null;
  readonly connections: () => number;
  /** Takes other settings into use. @throws ConfigError, and nothing has changed */
  apply(next: Settings): void;
  close(): Promise<void>;
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

/** Opens all of them or none. @throws ConfigError, or what listen throws */
export async function openListeners(
  gateway: Gateway,
  settings: Settings,
  descriptors: DescriptorBudget,
  log: Log,
  dispatch: DispatchMode,
): Promise<Listeners> {
  const doors = new Doors(gateway, connectionRules(settings, descriptors, log), dispatch);
  const open: Listener[] = [];
  let inForce = settings;
  const close = async (deadlineMs: number): Promise<void> => {
    await Promise.all(open.map((listener) => listener.close(deadlineMs)));
  };
  const pair = readPair(settings, log);
  try {
    open.push(await doors.listen(settings.bind, pair));
    if (settings.uds !== null) open.push(await listenUnix(doors, settings.uds, () => allowedUids(inForce)));
  } catch (error) {
    await close(0);
    throw error instanceof UnixSocketError ? new ConfigError(error.message) : error;
  } finally {
    pair?.key.fill(0);
  }
  const apply = (next: Settings): void => {
    const renewed = readPair(next, log);
    if ((renewed === null) !== (inForce.tls_cert === null)) {
      throw new ConfigError('tls_cert, tls_key: TLS is not turned on or off without a restart');
    }
    try {
      if (renewed !== null) doors.renew(renewed);
    } finally {
      renewed?.key.fill(0);
    }
    doors.apply(connectionRules(next, descriptors, log));
    inForce = next;
  };
  const looking = setInterval(() => {
    if (descriptors.look()) doors.apply(connectionRules(inForce, descriptors, log));
  }, LOOK_MS);
  looking.unref();
  const { address } = open[0] as Listener;
  const connections = (): number => doors.connections;
  const closing = (): Promise<void> => {
    clearInterval(looking);
    return close(inForce.drain_deadline);
  };
  return { http: address, uds: settings.uds, connections, apply, close: closing };
}

/** The certificate and its key, checked; null without. The caller overwrites the key. @throws ConfigError */
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
