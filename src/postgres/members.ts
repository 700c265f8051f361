import type {
  Company,
  Member,
  Members,
  NameTaken,
  RevocationPage,
  SharedRevocation,
  TakeQuota,
} from '../ports/engine.ts';
import { channelOf } from './leases.ts';
import { PostgresQuotas } from './quotas.ts';
import type { Answer, Query, Session } from './session.ts';

/** Two nodes that come at the same moment want the same number: who loses asks again. */
const UNIQUE_VIOLATION = '23505';
const TRIES = 5;
/** Revocations that are read at once. */
const PAGE = 1_000;

interface Place {
  readonly schema: string;
  /** Logs of nodes come behind these. */
  readonly shards: number;
  readonly leaseMs: number;
}

/**
 * Nodes as rows, each with a lock of its session: a process that ends leaves it at once, whatever the row says. A machine that is gone leaves
 * it when its connection is found to be dead.
 */
export class PostgresMembers implements Members {
  private readonly session: Session;
  /** For what must last, and so waits for a standby. */
  private readonly durable: Session;
  private readonly place: Place;
  readonly takeQuota: TakeQuota;
  private readonly hasLock: string;
  private readonly takesLock: string;
  private readonly company: string;

  constructor(session: Session, durable: Session, place: Place) {
    this.session = session;
    this.durable = durable;
    const quotas = new PostgresQuotas(durable, session, place.schema);
    this.takeQuota = (asked, done) => quotas.take(asked, done);
    this.place = place;
    this.hasLock = heldBy(keyOf(place.schema, '$1'), 'l.pid = pg_backend_pid()');
    this.takesLock = `CASE WHEN ${this.hasLock} THEN true ELSE pg_try_advisory_lock(${keyOf(place.schema, '$1')}) END`;
    this.company = companyOf(place.schema);
  }

  join(member: Member, done: (result: { readonly log: number } | NameTaken | Error) => void): void {
    const { schema, leaseMs } = this.place;
    const text = `SELECT ${this.takesLock} AS locked,
      (SELECT url FROM ${schema}.node WHERE name = $1 AND seen > clock_timestamp() - $2::float8 * interval '1 ms') AS there`;
    this.ask({ text, values: [member.name, leaseMs] }, done, ({ rows: [row] }) => {
      if (row?.['locked'] === true || row?.['there'] === null) return this.enter(member, TRIES, done);
      done({ taken: `another process has this name, at ${String(row?.['there'])}` });
    });
  }

  private enter({ name, owner, url, version }: Member, tries: number, done: Parameters<Members['join']>[1]): void {
    const { schema, shards } = this.place;
    const text = `WITH before AS (SELECT owner FROM ${schema}.node WHERE name = $1),
      gone AS (DELETE FROM ${schema}.lease WHERE owner IN (SELECT owner FROM before) RETURNING shard),
      joined AS (INSERT INTO ${schema}.node AS n (name, log, owner, url, version, seen)
        VALUES ($1, (SELECT greatest(coalesce(max(log), 0), $5::int - 1) + 1 FROM ${schema}.node), $2, $3, $4, clock_timestamp())
        ON CONFLICT (name) DO UPDATE
        SET owner = excluded.owner, url = excluded.url, version = excluded.version, seen = excluded.seen RETURNING n.log)
      SELECT log, (SELECT max(pg_notify($6, '')::text) FROM gone) FROM joined`;
    const values = [name, owner, url, version, shards, channelOf(schema)];
    this.session.ask({ text, values }, (answer) => {
      if (!(answer instanceof Error)) return done({ log: answer.rows[0]?.['log'] as number });
      const isRace = (answer as { readonly code?: string }).code === UNIQUE_VIOLATION;
      if (isRace && tries > 1) this.enter({ name, owner, url, version }, tries - 1, done);
      else done(answer);
    });
  }

  beat(member: Member, done: (result: Company | NameTaken | Error) => void): void {
    const { schema } = this.place;
    const { name, owner, url, version } = member;
    const text = `WITH me AS (
        UPDATE ${schema}.node SET seen = clock_timestamp(), url = $3, version = $4 WHERE name = $1 AND owner = $2 RETURNING 1)
      SELECT (SELECT count(*) FROM me)::int AS me, ${this.takesLock} AS locked, ${this.company}`;
    this.ask({ name: 'beat', text, values: [name, owner, url, version] }, done, ({ rows: [row] }) => {
      if (row?.['me'] === 0) return done({ taken: 'another process took this name' });
      done(companyIn(row));
    });
  }

  /** Who is there, for who only looks. */
  look(done: (company: Company | Error) => void): void {
    this.ask({ text: `SELECT ${this.company}` }, done, ({ rows: [row] }) => done(companyIn(row)));
  }

  leave({ name, owner }: Member, done: (error: Error | null) => void): void {
    const text = `WITH gone AS (UPDATE ${this.place.schema}.node SET seen = '-infinity' WHERE name = $1 AND owner = $2 RETURNING 1)
      SELECT pg_advisory_unlock_all(), pg_notify($3, '') FROM gone`;
    this.ask({ text, values: [name, owner, channelOf(this.place.schema)] }, done, () => done(null));
  }

  /**
   * Numbers have no gaps, and are seen in their order: each is one more than the last, whoever comes second asks again. One that is found there
   * is written again: that it can be seen does not mean that the standby has it. The others are told afterwards: NOTIFY holds a lock of the whole
   * server until its transaction is over, and all that give leases back would wait for the standby with it.
   */
  revoke({ kind, value }: SharedRevocation, done: (error: Error | null) => void, tries = TRIES): void {
    const { schema } = this.place;
    const text = `INSERT INTO ${schema}.revocation AS r (number, kind, value)
      SELECT (SELECT coalesce(max(number), 0) + 1 FROM ${schema}.revocation), $1, $2
      FROM (SELECT set_config('synchronous_commit', 'on', true)) s(x) WHERE s.x = 'on'
      ON CONFLICT (kind, value) DO UPDATE SET value = excluded.value`;
    this.durable.ask({ text, values: [kind, value] }, (answer) => {
      if (!(answer instanceof Error)) {
        // Where that does not get through, they look by themselves.
        this.session.ask({ text: `SELECT pg_notify($1, '')`, values: [channelOf(schema)] }, () => {});
        return done(null);
      }
      const isRace = (answer as { readonly code?: string }).code === UNIQUE_VIOLATION;
      if (isRace && tries > 1) this.revoke({ kind, value }, done, tries - 1);
      else done(answer);
    });
  }

  revocations(after: number, done: (page: RevocationPage | Error) => void): void {
    const text = `SELECT number::float8, kind, value FROM ${this.place.schema}.revocation
      WHERE number > $1 ORDER BY number LIMIT ${PAGE}`;
    this.ask({ name: 'revocations', text, values: [after] }, done, ({ rows }) => {
      const last = Number(rows.at(-1)?.['number'] ?? after);
      done({ revocations: rows as unknown as SharedRevocation[], last, isEnd: rows.length < PAGE });
    });
  }

  private ask(query: Query, failed: (error: Error) => void, then: (answer: Answer) => void): void {
    this.session.ask(query, (answer) => (answer instanceof Error ? failed(answer) : then(answer)));
  }
}

/** What the lock of a node is known by. */
const keyOf = (schema: string, name: string): string => `hashtextextended('${schema}/' || ${name}::text, 0)`;
const heldBy = (key: string, and: string): string => `EXISTS (SELECT 1 FROM pg_locks l
  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND ${and}
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND ((l.classid::bigint << 32) | l.objid::bigint) = ${key})`;
const companyOf = (schema: string): string => `
  (SELECT coalesce(json_agg(json_build_object('name', n.name, 'owner', n.owner, 'url', n.url, 'version', n.version,
      'quietMs', ${msOf('clock_timestamp() - n.seen')}, 'isConnected', ${heldBy(keyOf(schema, 'n.name'), 'true')}) ORDER BY n.name), '[]')
    FROM ${schema}.node n WHERE n.seen > '-infinity') AS members,
  (SELECT coalesce(json_agg(json_build_object('shard', shard, 'owner', owner, 'leftMs', ${msOf('until - clock_timestamp()')})), '[]')
    FROM ${schema}.lease WHERE until > clock_timestamp()) AS holders,
  (SELECT coalesce(max(number), 0)::float8 FROM ${schema}.revocation) AS revoked`;
const companyIn = (row: Answer['rows'][number] | undefined): Company =>
  ({ members: row?.['members'], holders: row?.['holders'], revoked: row?.['revoked'] }) as Company;
const msOf = (interval: string): string => `greatest(0, extract(epoch FROM ${interval}) * 1000)::float8`;
