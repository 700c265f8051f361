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
  const wrong = (what: string): Error => new EngineRefusal(`engine_url: ${what}`);
  if (Buffer.byteLength(url) > URL_BYTES_MAX) throw wrong(`at most ${URL_BYTES_MAX} bytes`);
  const found = /^postgres(?:ql)?:\/\/(?:([^@/]*)@)?([^/?@]*)\/([^/?]+)(?:\?(.*))?$/.exec(url);
  if (found === null) throw wrong('must be postgres://user:password@host:port/database');
  const [, who = '', hosts = '', database = '', query = ''] = found;
  const socket = new URLSearchParams(query).get('host');
  const names = socket === null ? hosts.split(',') : [hosts];
  if (names.length > HOSTS_MAX) throw wrong(`at most ${HOSTS_MAX} hosts`);
  const [user, password] = who.split(':', 2).map((part) => decoded(part, wrong));
  return names.map((name) => {
    const [, host = '', port] = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(name) ?? [];
    const number = Number(port ?? PORT);
    if ((host === '' && socket === null) || number < 1 || number > 65_535) throw wrong(`no host and port: ${name}`);
    const config: ClientConfig = {
      host: socket ?? host.replace(/^\[|\]$/g, ''),
      port: number,
      database: decoded(database, wrong),
      ...(user === undefined || user === '' ? {} : { user }),
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
