import type { ClientConfig } from 'pg';
import { FileRefused, readRegularFile } from '../platform/regular-file.ts';
import { EngineRefusal } from './refusal.ts';

/** A server of PostgreSQL: one of those that may be the primary. */
export interface Address {
  readonly config: ClientConfig;
  /** Without user and password: for people. */
  readonly text: string;
}

const URL_BYTES_MAX = 2_048;
const HOSTS_MAX = 8;
const PORT = 5432;
const PARAMETERS = ['host', 'sslmode', 'sslrootcert'];
const CERTIFICATE_BYTES_MAX = 1 << 20;

/**
 * `postgres://user:password@host:port,host:port/database`, with `?host=/path` for a socket. `sslmode=verify-full`: encrypted, to a
 * server that shows a certificate of that host, from an authority that `sslrootcert=FILE` holds or that Node trusts. @throws EngineRefusal that names what is wrong, and
 * nothing of the password
 */
export function addressesOf(url: string): readonly Address[] {
  const wrong = (what: string): Error => new EngineRefusal(`engine: ${what}`, true);
  if (Buffer.byteLength(url) > URL_BYTES_MAX) throw wrong(`at most ${URL_BYTES_MAX} bytes`);
  const found = /^postgres(?:ql)?:\/\/(?:([^@/]*)@)?([^/?@]*)\/([^/?]+)(?:\?(.*))?$/.exec(url);
  if (found === null) throw wrong('must be postgres://user:password@host:port/database');
  const [, who = '', hosts = '', database = '', query = ''] = found;
  const more = new URLSearchParams(query);
  // One that is passed over may be the one that was to keep a password secret on its way.
  for (const name of more.keys())
    if (!PARAMETERS.includes(name)) throw wrong(`${name} is none of its parameters: ${PARAMETERS.join(', ')}`);
  const encrypted = encryption(more, wrong);
  const socket = more.get('host');
  const names = socket === null ? hosts.split(',') : [hosts];
  if (names.length > HOSTS_MAX) throw wrong(`at most ${HOSTS_MAX} hosts`);
  const [, user = '', password] = (/^([^:]*)(?::(.*))?$/.exec(who) ?? []).map((part) => part && decoded(part, wrong));
  return names.map((name, i) => {
    const [, host = '', port] = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(name) ?? [];
    const number = Number(port ?? PORT);
    if ((host === '' && socket === null) || number < 1 || number > 65_535)
      // What stands there may be a password with no host after it.
      throw wrong(`server ${i + 1} of ${names.length}: no host and port`);
    const config: ClientConfig = {
      host: socket ?? host.replace(/^\[|\]$/g, ''),
      port: number,
      database: decoded(database, wrong),
      ...(user === '' ? {} : { user }),
      ...(password === undefined ? {} : { password }),
      ...encrypted,
    };
    return { config, text: `${config.host}:${number}/${config.database}` };
  });
}

function encryption(more: URLSearchParams, wrong: (what: string) => Error): Pick<ClientConfig, 'ssl'> {
  const mode = more.get('sslmode');
  const file = more.get('sslrootcert');
  // The modes between either believe any server or go on without.
  if (mode !== null && mode !== 'disable' && mode !== 'verify-full')
    throw wrong('sslmode: must be disable or verify-full');
  if (file !== null && mode !== 'verify-full') throw wrong('sslrootcert: only with sslmode=verify-full');
  if (mode === null) return {};
  if (file === null) return { ssl: mode === 'verify-full' };
  try {
    return { ssl: { ca: readRegularFile(file, CERTIFICATE_BYTES_MAX, () => null).toString() } };
  } catch (error) {
    if (error instanceof FileRefused) throw wrong(`sslrootcert: ${error.message}`);
    throw error;
  }
}

function decoded(part: string, wrong: (what: string) => Error): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrong('a % that begins no character');
  }
}
