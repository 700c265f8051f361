import type { Granted, Leases, Renewed } from '../ports/engine.ts';
import type { Answer, Session } from './session.ts';

const NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::float8';
const numberIn = ({ rows }: Answer, name: string): number => Number(rows[0]?.[name]);

/** Leases as rows that change in place; their time is that of the server. */
export class PostgresLeases implements Leases {
  readonly leaseMs: number;
  private readonly session: Session;
  private readonly schema: string;
  private readonly watchers = new Set<() => void>();

  constructor(session: Session, schema: string, leaseMs: number) {
    this.session = session;
    this.schema = schema;
    this.leaseMs = leaseMs;
  }

  get channel(): string {
    return channelOf(this.schema);
  }

  changed(): void {
    for (const changed of this.watchers) changed();
  }

  claim(shard: number, owner: string, done: (result: Granted | { readonly heldForMs: number } | Error) => void): void {
    const text = `INSERT INTO ${this.schema}.lease AS l (shard, owner, until)
      VALUES ($1, $2, clock_timestamp() + $3::float8 * interval '1 ms')
      ON CONFLICT (shard) DO UPDATE SET owner = excluded.owner, until = excluded.until
      WHERE l.owner = excluded.owner OR l.until < clock_timestamp()
      RETURNING ${NOW} AS now`;
    this.session.ask({ name: 'claim', text, values: [shard, owner, this.leaseMs] }, (answer) => {
      if (answer instanceof Error) return done(answer);
      if (answer.rows.length > 0) return done({ engineMs: numberIn(answer, 'now') });
      this.heldFor(shard, done);
    });
  }

  private heldFor(shard: number, done: (result: { readonly heldForMs: number } | Error) => void): void {
    const text = `SELECT greatest(0, extract(epoch FROM until - clock_timestamp()) * 1000)::float8 AS ms
      FROM ${this.schema}.lease WHERE shard = $1`;
    this.session.ask({ name: 'held', text, values: [shard] }, (answer) =>
      done(answer instanceof Error ? answer : { heldForMs: numberIn(answer, 'ms') || 0 }),
    );
  }

  renewAll(owner: string, logs: readonly number[], done: (result: Renewed | Error) => void): void {
    const text = `WITH renewed AS (
        UPDATE ${this.schema}.lease SET until = clock_timestamp() + $2::float8 * interval '1 ms'
        WHERE owner = $1 AND shard = ANY($3::int[]) AND until > clock_timestamp() RETURNING shard)
      SELECT coalesce(array_agg(shard), '{}') AS logs, ${NOW} AS now FROM renewed`;
    this.session.ask({ name: 'renew', text, values: [owner, this.leaseMs, logs] }, (answer) => {
      if (answer instanceof Error) return done(answer);
      done({ logs: answer.rows[0]?.['logs'] as number[], engineMs: numberIn(answer, 'now') });
    });
  }

  release(shard: number, owner: string): void {
    const text = `WITH gone AS (DELETE FROM ${this.schema}.lease WHERE shard = $1 AND owner = $2 RETURNING shard)
      SELECT pg_notify($3, shard::text) FROM gone`;
    // Where that does not get through the lease ends by itself.
    this.session.ask({ name: 'release', text, values: [shard, owner, this.channel] }, () => {});
  }

  dismiss(owner: string, done: (error: Error | null) => void): void {
    const text = `WITH gone AS (DELETE FROM ${this.schema}.lease WHERE owner = $1 RETURNING shard)
      SELECT max(pg_notify($2, '')::text) FROM gone`;
    this.session.ask({ text, values: [owner, this.channel] }, (answer) =>
      done(answer instanceof Error ? answer : null),
    );
  }

  watch(changed: () => void): () => void {
    this.watchers.add(changed);
    return () => this.watchers.delete(changed);
  }
}

export const channelOf = (schema: string): string => `${schema}_lease`;
