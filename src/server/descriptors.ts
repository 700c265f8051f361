import { readdirSync, readFileSync } from 'node:fs';
import { ConfigError } from '../config/values.ts';

/** With fewer the program does not even load: it opens its packages at once. */
const DESCRIPTORS_MIN = 256;
const CONNECTIONS_MIN = 16;
/** For what is opened for a while: threads of fallen shards, keys and certificates that are read again, a peer that is turned away. */
const PASSING = 32;

/**
 * How many descriptors this process may have open; null where the system does not tell, 0 where none is left to ask with. Node has
 * raised the soft limit to the hard one when it started.
 */
export function descriptorLimit(): number | null {
  try {
    const [, limit] = /^Max open files +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    if (limit === undefined) return null;
    return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EMFILE' ? 0 : null;
  }
}

const HOW = 'raise it (`ulimit -Hn`, or LimitNOFILE= of the unit)';

/** To be asked before the rest of the program is loaded. @throws ConfigError */
export function needDescriptors(limit = descriptorLimit()): void {
  if (limit === null || limit >= DESCRIPTORS_MIN) return;
  throw new ConfigError(
    `the limit of open files (RLIMIT_NOFILE) is ${limit}, the server needs ${DESCRIPTORS_MIN} at least: ${HOW}`,
  );
}

/**
 * What the limit of open files leaves for connections (journal rule 4): what the server itself needs is taken off first, so that
 * no peer can take it.
 */
export class DescriptorBudget {
  limit: number;
  /** For everything but connections of the service. */
  readonly own: number;

  /** To be made when everything is open but the listeners. `others`: sockets that may be open besides. @throws ConfigError */
  constructor(others: number, limit: number | null = descriptorLimit(), inUse = descriptorsInUse()) {
    this.limit = limit ?? Number.POSITIVE_INFINITY;
    this.own = inUse + others + PASSING;
    if (this.limit - this.own >= CONNECTIONS_MIN) return;
    const least = this.own + CONNECTIONS_MIN;
    throw new ConfigError(
      `max_connections: the limit of open files (RLIMIT_NOFILE) is ${this.limit}, the server needs ${this.own} for itself, ` +
        `and ${CONNECTIONS_MIN} connections at least, ${least} in all: ${HOW}`,
    );
  }

  /** The limit of a running process may be changed. True: it was. */
  look(limit = descriptorLimit() ?? this.limit): boolean {
    const before = this.limit;
    this.limit = limit;
    return limit !== before;
  }

  /** So many connections of those that the settings allow. */
  connections(asked: number): number {
    return Math.max(0, Math.min(asked, this.limit - this.own));
  }

  /** What to tell the operator when that is fewer; null otherwise. */
  shortage(asked: number): string | null {
    const allowed = this.connections(asked);
    if (allowed === asked) return null;
    return (
      `max_connections is ${asked}, but the limit of open files (RLIMIT_NOFILE) is ${this.limit} and the server needs ` +
      `${this.own} for itself: ${allowed} connections are let in at once. For all of them ${HOW} to ${asked + this.own}`
    );
  }
}

export function descriptorsInUse(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}
