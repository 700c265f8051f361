import type { AppendOutcome, Engine, EngineFrame, EnginePromise, FramesRead, StoredFrame } from '../ports/engine.ts';
import { type Address, addressesOf } from './address.ts';
import { AppendStatement, outcomesOf } from './append.ts';
import { channelOf, PostgresLeases } from './leases.ts';
import { PostgresMembers } from './members.ts';
import { EngineRefusal, refusalOf } from './refusal.ts';
import { type ClusterRow, checkName, createTables, type NewCluster, readCluster, upgradeTables } from './schema.ts';
import { isPooled, PROMISE, promiseIn, whatIsWrong } from './server-check.ts';
import { type Answer, type Check, type Query, Session, type SessionOptions } from './session.ts';
import { PostgresSnapshots } from './snapshots.ts';

const LEASE_MS = 15_000;
const ANSWERS_WITHIN_MS = 5_000;
/** Of a page of frames: so many of them, and bytes, but never fewer than two frames. */
const PAGE_FRAMES = 256;
const PAGE_BYTES = 4 << 20;

export interface PostgresOptions {
  readonly url: string;
  /** The name of the cluster whose tables are meant. */
  readonly cluster: string;
  readonly schema?: string;
  readonly leaseMs?: number;
  readonly answersWithinMs?: number;
}
export const SCHEMA = 'mailbox';

/**
 * Logs in PostgreSQL, over four connections: appends alone, for a warning on theirs means that nobody knows what became of one; what is read,
 * and snapshots; leases, which nothing slow may hold up; and what all nodes must know and waits for a standby.
 */
export class PostgresEngine implements Engine {
  readonly cluster: ClusterRow;
  readonly leases: PostgresLeases;
  readonly members: PostgresMembers;
  readonly snapshots: PostgresSnapshots;
  private readonly parts: Parts;
  private readonly statement: AppendStatement;

  /** @throws EngineRefusal, in one line, where the server or its tables are not what is needed */
  static async open(options: PostgresOptions): Promise<PostgresEngine> {
    const parts = partsOf(options);
    try {
      const cluster = await asked(parts.reads, (ask) => readCluster(ask, parts.schema, options.cluster), parts.where);
      await Promise.all([
        asked(parts.appends, (ask) => ask({ text: 'SELECT 1' }), parts.where),
        asked(parts.leases, (ask) => ask({ text: 'SELECT 1' }), parts.where),
        asked(parts.durable, (ask) => ask({ text: 'SELECT 1' }), parts.where),
      ]);
      if (typeof cluster === 'string') throw new EngineRefusal(`PostgreSQL at ${parts.where}: ${cluster}`, true);
      return new PostgresEngine(parts, cluster, options.leaseMs ?? LEASE_MS);
    } catch (error) {
      for (const session of sessionsOf(parts)) session.close();
      throw error;
    }
  }

  private constructor(parts: Parts, cluster: ClusterRow, leaseMs: number) {
    this.parts = parts;
    this.cluster = cluster;
    this.statement = new AppendStatement(parts.schema);
    this.leases = new PostgresLeases(parts.leases, parts.schema, leaseMs);
    this.members = new PostgresMembers(parts.leases, parts.durable, {
      ...{ schema: parts.schema, shards: cluster.shards, leaseMs },
    });
    this.snapshots = new PostgresSnapshots(parts.reads, parts.schema);
    parts.onLease = () => this.leases.changed();
  }

  /** Calls `promised` when a connection is made: before anything is appended where there was a failover. */
  watchPromise(promised: (promise: EnginePromise) => void): void {
    this.parts.onPromise = promised;
  }

  /** Whoever asks while another statement is under way has given that one up. */
  append(frames: readonly EngineFrame[], done: (outcomes: readonly AppendOutcome[], why: Error | null) => void): void {
    const { appends } = this.parts;
    const query = this.statement.of(frames);
    if (!appends.isIdle) appends.drop(new EngineRefusal('PostgreSQL: the statement was given up'));
    appends.ask(query, (answer) => done(outcomesOf(frames, answer), answer instanceof Error ? answer : null));
  }

  frames(shard: number, from: number, done: (read: FramesRead | Error) => void): void {
    const { schema, reads } = this.parts;
    const text = `SELECT seq::float8 AS sequence, hash, body,
        (SELECT max(seq)::float8 FROM ${schema}.frame WHERE shard = $1) AS last
      FROM (SELECT seq, hash, body, row_number() OVER w AS n, sum(octet_length(body)) OVER w AS total
        FROM ${schema}.frame WHERE shard = $1 AND seq >= $2 WINDOW w AS (ORDER BY seq) ORDER BY seq LIMIT ${PAGE_FRAMES}) page
      WHERE n <= 2 OR total <= ${PAGE_BYTES} ORDER BY seq`;
    reads.ask({ name: 'frames', text, values: [shard, from] }, (answer) => {
      if (answer instanceof Error) return done(answer);
      const rows = answer.rows as unknown as (StoredFrame & { readonly last: number })[];
      const last = rows.at(-1);
      done({ frames: rows, isEnd: last === undefined || last.sequence === last.last });
    });
  }

  /** The numbers of the logs that hold anything, ascending. */
  logs(done: (logs: readonly number[] | Error) => void): void {
    const text = `SELECT DISTINCT shard FROM ${this.parts.schema}.frame ORDER BY shard`;
    this.parts.reads.ask({ text }, (answer) =>
      done(answer instanceof Error ? answer : answer.rows.map((row) => row['shard'] as number)),
    );
  }

  promise(done: (promise: EnginePromise | Error) => void): void {
    this.parts.leases.ask(PROMISE, (answer) => done(answer instanceof Error ? answer : promiseIn(answer)));
  }

  /** Hosts and database, without user and password. */
  get where(): string {
    return this.parts.where;
  }

  /** What is under way may still go in. */
  close(): void {
    for (const session of sessionsOf(this.parts)) session.close();
  }
}

interface Parts {
  readonly appends: Session;
  readonly reads: Session;
  readonly leases: Session;
  readonly durable: Session;
  readonly schema: string;
  readonly where: string;
  onLease: () => void;
  onPromise: (promise: EnginePromise) => void;
}
const sessionsOf = ({ appends, reads, leases, durable }: Parts): readonly Session[] => [
  ...[appends, reads, leases, durable],
];

function partsOf({ url, cluster, schema = SCHEMA, answersWithinMs = ANSWERS_WITHIN_MS }: PostgresOptions): Parts {
  checkName('schema', schema);
  checkName('cluster', cluster);
  const addresses = addressesOf(url);
  const history = new History();
  const sessionOf = (
    what: string,
    said: readonly string[],
    given: Partial<Pick<SessionOptions, 'isStrict' | 'failsTogether'>> = {},
  ): Session => {
    const leave = (): void => {
      for (const other of sessionsOf(parts)) if (other !== session) other.drop(FAILED_OVER);
    };
    const session = new Session({
      ...{ addresses, answersWithinMs, isStrict: false, ...given, name: `mailbox ${cluster} ${what}` },
      check: checkOf(said, (promise) => {
        const wrong = history.wrongIn(promise, leave);
        if (wrong === null) parts.onPromise(promise);
        return wrong;
      }),
      notified: () => parts.onLease(),
    });
    return session;
  };
  // Neither what is read nor leases wait for a standby: its want must not end them.
  const local = ['SET synchronous_commit = local'];
  const parts: Parts = {
    appends: sessionOf('appends', [GIVEN_UP], { isStrict: true }),
    reads: sessionOf('reads', local),
    leases: sessionOf('leases', [...local, ...KEEP_ALIVE, `LISTEN ${channelOf(schema)}`]),
    durable: sessionOf('durable', [GIVEN_UP], { isStrict: true, failsTogether: true }),
    schema,
    where: addresses.map(({ text }: Address) => text).join(','),
    onLease: () => {},
    onPromise: () => {},
  };
  return parts;
}

/** The server finds out within so many seconds that the machine of a node is gone, whose lock it holds until then. */
const KEEP_ALIVE = ['SET tcp_keepalives_idle = 5', 'SET tcp_keepalives_interval = 2', 'SET tcp_keepalives_count = 3'];
/**
 * A statement that was given up while it waits for an earlier one ends, where the server can tell (from 14, but not everywhere): while a standby
 * is gone, one connection waits for it, and not one more with each attempt.
 */
const GIVEN_UP = 'DO $$ BEGIN SET client_connection_check_interval = 1000; EXCEPTION WHEN OTHERS THEN NULL; END $$';
const FAILED_OVER = new EngineRefusal('PostgreSQL: there was a failover');

/** All connections are to the same history: a primary of before a failover is not read from, whether it came back or never went. */
class History {
  private known: EnginePromise | null = null;

  /** What is wrong with a server that promises this; null for nothing. `leave`: it is the first that is known of after a failover. */
  wrongIn(promise: EnginePromise, leave: () => void): string | null {
    const { known } = this;
    if (known !== null && promise.system !== known.system) return 'it is another database than before';
    if (known !== null && promise.timeline < known.timeline) return 'it is a primary of before a failover';
    this.known = promise;
    if (known !== null && promise.timeline > known.timeline) leave();
    return null;
  }
}

/** `then`: what is said on a connection when it is made. Its history is looked at last, for it may be another by then. */
function checkOf(then: readonly string[], historyOf: (promise: EnginePromise) => string | null): Check {
  return async (ask, client, config) => {
    const wrong = await whatIsWrong(ask);
    if (wrong !== null) return wrong;
    if (await isPooled(ask, client, config))
      return 'a pooler stands in front that gives connections away between transactions: connect directly, or in session mode';
    for (const text of then) await ask({ text });
    return historyOf(promiseIn(await ask(PROMISE)));
  };
}

/** A session as something to wait for. */
async function asked<Result>(
  session: Session,
  work: (ask: (query: Query) => Promise<Answer>) => Promise<Result>,
  where: string,
): Promise<Result> {
  try {
    return await work(
      (query) =>
        new Promise((resolve, reject) => {
          session.ask(query, (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
        }),
    );
  } catch (error) {
    throw refusalOf(where, error);
  }
}

/** Makes the tables of a cluster in a database that has none. @throws Error, in one line */
export async function createCluster(options: PostgresOptions & Omit<NewCluster, 'name'>): Promise<void> {
  const parts = partsOf(options);
  const cluster = { ...options, name: options.cluster };
  try {
    await asked(parts.reads, (ask) => createTables(ask, parts.schema, cluster), parts.where);
  } finally {
    for (const session of sessionsOf(parts)) session.close();
  }
}

/** Makes the tables of a cluster those of this version; false where they are already. @throws Error, in one line */
export async function upgradeCluster(options: PostgresOptions): Promise<boolean> {
  const parts = partsOf(options);
  try {
    return await asked(parts.reads, (ask) => upgradeTables(ask, parts.schema, options.cluster), parts.where);
  } finally {
    for (const session of sessionsOf(parts)) session.close();
  }
}
