import type { ClientConfig } from 'pg';
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

/**
 * `postgres://user:password@host:port,host:port/database`, with `?host=/path` for a socket. @throws EngineRefusal that names what is wrong, and
 * nothing of the password
 */
export function addressesOf(url: string): readonly Address[] {
  const wrong = (what: string): Error => new EngineRefusal(`engine: ${what}`);
  if (Buffer.byteLength(url) > URL_BYTES_MAX) throw wrong(`at most ${URL_BYTES_MAX} bytes`);
  const found = /^postgres(?:ql)?:\/\/(?:([^@/]*)@)?([^/?@]*)\/([^/?]+)(?:\?(.*))?$/.exec(url);
  if (found === null) throw wrong('must be postgres://user:password@host:port/database');
  const [, who = '', hosts = '', database = '', query = ''] = found;
  const more = new URLSearchParams(query);
  // One that is passed over may be the one that was to keep a password secret on its way.
  for (const name of more.keys()) if (name !== 'host') throw wrong(`${name} is none of its parameters: host`);
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
    };
    return { config, text: `${config.host}:${number}/${config.database}` };
  });
}

function decoded(part: string, wrong: (what: string) => Error): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrong('a % that begins no character');
  }
}
