import type { Snapshots, StoredSnapshot } from '../ports/engine.ts';
import { bytesOf } from './append.ts';
import type { Answer, Query, Session } from './session.ts';

/** Snapshots as rows, a piece each. Nothing waits for a standby here: it gets them in the order in which they were written, frames first. */
export class PostgresSnapshots implements Snapshots {
  private readonly session: Session;
  private readonly schema: string;

  constructor(session: Session, schema: string) {
    this.session = session;
    this.schema = schema;
  }

  list(shard: number, done: (snapshots: readonly StoredSnapshot[] | Error) => void): void {
    const text = `SELECT seq::float8 AS sequence, maker, pieces, bytes::float8 AS bytes
      FROM ${this.schema}.snapshot WHERE shard = $1 ORDER BY seq DESC`;
    this.session.ask({ name: 'snapshots', text, values: [shard] }, (answer) =>
      done(answer instanceof Error ? answer : (answer.rows as unknown as StoredSnapshot[])),
    );
  }

  piece(shard: number, { maker }: StoredSnapshot, number: number, done: (bytes: Uint8Array | Error) => void): void {
    const text = `SELECT body FROM ${this.schema}.piece WHERE shard = $1 AND maker = $2 AND number = $3`;
    this.session.ask({ name: 'piece', text, values: [shard, maker, number] }, (answer) => {
      if (answer instanceof Error) return done(answer);
      const body = answer.rows[0]?.['body'] as Uint8Array | undefined;
      done(body ?? new Error(`log ${shard}: piece ${number} of snapshot ${maker} is gone`));
    });
  }

  put(
    shard: number,
    { sequence, maker }: Pick<StoredSnapshot, 'sequence' | 'maker'>,
    number: number,
    bytes: Uint8Array,
    done: (error: Error | null) => void,
  ): void {
    const text = `INSERT INTO ${this.schema}.piece (shard, maker, number, seq, body) VALUES ($1, $2, $3, $4, $5)`;
    this.change({ name: 'put', text, values: [shard, maker, number, sequence, bytesOf(bytes)] }, 1, done);
  }

  finish(shard: number, { sequence, maker, pieces, bytes }: StoredSnapshot, done: (error: Error | null) => void): void {
    const text = `INSERT INTO ${this.schema}.snapshot (shard, maker, seq, pieces, bytes)
      SELECT $1, $2, $3, $4, $5
      WHERE (SELECT count(*) FROM ${this.schema}.piece WHERE shard = $1 AND maker = $2) = $4::int`;
    this.change({ name: 'finish', text, values: [shard, maker, sequence, pieces, bytes] }, 1, done);
  }

  discard(shard: number, maker: string, done: (error: Error | null) => void): void {
    const { schema } = this;
    const text = `WITH gone AS (DELETE FROM ${schema}.snapshot WHERE shard = $1 AND maker = $2)
      DELETE FROM ${schema}.piece WHERE shard = $1 AND maker = $2`;
    this.change({ name: 'discard', text, values: [shard, maker] }, null, done);
  }

  trim(shard: number, sequence: number, done: (error: Error | null) => void): void {
    const { schema } = this;
    const text = `WITH frames AS (DELETE FROM ${schema}.frame
        WHERE shard = $1 AND seq < $2 AND seq < (SELECT max(seq) FROM ${schema}.frame WHERE shard = $1)),
      snapshots AS (DELETE FROM ${schema}.snapshot WHERE shard = $1 AND seq < $2)
      DELETE FROM ${schema}.piece WHERE shard = $1 AND seq < $2`;
    this.change({ name: 'trim', text, values: [shard, sequence] }, null, done);
  }

  private change(query: Query, rows: number | null, done: (error: Error | null) => void): void {
    this.session.ask(query, (answer: Answer | Error) => {
      if (answer instanceof Error) return done(answer);
      if (rows === null || answer.rowCount === rows) return done(null);
      done(new Error(`snapshot: ${query.name} wrote ${answer.rowCount} rows, not ${rows}`));
    });
  }
}
