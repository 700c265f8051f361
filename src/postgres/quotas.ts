import type { QuotaAsked, QuotaTaken } from '../ports/engine.ts';
import type { Session } from './session.ts';

/** After so many takes rows are removed whose windows are over, more than can have come meanwhile. */
const SWEEP_EVERY = 64;
const SWEPT = 256;

/** Of a window of which `$2 - taken` is there: as `sliceOf` says, which the tests hold it to. */
const sliceOf = (rest: string): string =>
  `CASE WHEN ${rest} < $4 THEN 0 ELSE least(${rest}, greatest($5, (${rest} + 7) / 8)) END`;

/** One row a quota: how much of its window that runs was taken by anybody. One statement takes, so that no two take the same. */
export class PostgresQuotas {
  private readonly durable: Session;
  private readonly others: Session;
  private readonly text: string;
  private readonly sweep: string;
  private takes = 0;

  /** `others`: for what need not last. */
  constructor(durable: Session, others: Session, schema: string) {
    this.durable = durable;
    this.others = others;
    const interval = `$3::float8 * interval '1 ms'`;
    // By one look at the clock: a row's window is over, or this is of it.
    const isOver = `q.ends <= excluded.ends - ${interval}`;
    const rest = `($2::bigint - CASE WHEN ${isOver} THEN 0 ELSE q.taken END)`;
    this.text = `INSERT INTO ${schema}.quota AS q (name, taken, given, ends)
      SELECT $1, ${sliceOf('$2::bigint')}, ${sliceOf('$2::bigint')}, clock_timestamp() + ${interval}
      FROM (SELECT set_config('synchronous_commit', 'on', true)) s(x) WHERE s.x = 'on'
      ON CONFLICT (name) DO UPDATE SET
        taken = CASE WHEN ${isOver} THEN 0 ELSE q.taken END + ${sliceOf(rest)}, given = ${sliceOf(rest)},
        ends = CASE WHEN ${isOver} THEN excluded.ends ELSE q.ends END
      RETURNING given::float8, ($2::bigint - taken)::float8 AS rest,
        (extract(epoch FROM ends - clock_timestamp()) * 1000)::float8 AS ms`
      .replaceAll('$4', '$4::bigint')
      .replaceAll('$5', '$5::bigint');
    this.sweep = `DELETE FROM ${schema}.quota WHERE name IN (
      SELECT name FROM ${schema}.quota WHERE ends < clock_timestamp() ORDER BY ends LIMIT ${SWEPT} FOR UPDATE SKIP LOCKED)`;
  }

  take({ name, max, windowMs, need, wanted }: QuotaAsked, done: (taken: QuotaTaken | null) => void): void {
    const values = [name, max, windowMs, need, wanted];
    this.durable.ask({ name: 'quota', text: this.text, values }, (answer) => {
      const row = answer instanceof Error ? undefined : answer.rows[0];
      if (row === undefined) return done(null);
      done({ granted: Number(row['given']), rest: Number(row['rest']), leftMs: Number(row['ms']) });
    });
    if (++this.takes % SWEEP_EVERY === 0) this.others.ask({ text: this.sweep }, () => {});
  }
}
