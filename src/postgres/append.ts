import type { AppendOutcome, EngineFrame } from '../ports/engine.ts';
import { isFinal, isOfStatement } from './refusal.ts';
import type { Answer, Query } from './session.ts';

/** Frames of a statement at most. */
export const ROWS_MAX = 64;
const COLUMNS = ['int', 'bigint', 'bytea', 'bytea', 'bytea'];
const EMPTY = Buffer.alloc(0);
/** Goes nowhere: no frame has the number before it. */
const PADDING: readonly unknown[] = [0, 0, EMPTY, EMPTY, EMPTY];

/**
 * Each frame goes behind the very frame that it names, or nowhere; what is not returned did not. The first goes where there are none: a log that
 * was trimmed has no first frame that another one could meet. That an answer waits for a standby is said in the
 * statement: what was set for a connection may be another client's setting.
 */
function textOf(schema: string, rows: number): string {
  const row = (_: unknown, i: number): string =>
    `(${COLUMNS.map((type, column) => `$${i * COLUMNS.length + column + 1}::${type}`).join(',')})`;
  return `INSERT INTO ${schema}.frame (shard, seq, hash, body)
SELECT w.shard, w.seq, w.hash, w.body
FROM (VALUES ${Array.from({ length: rows }, row).join(', ')}) w(shard, seq, prev, hash, body),
     (SELECT set_config('synchronous_commit', 'on', true)) s(x)
WHERE s.x = 'on'
  AND (w.seq = 1 AND NOT EXISTS (SELECT FROM ${schema}.frame f WHERE f.shard = w.shard)
    OR (SELECT f.hash FROM ${schema}.frame f WHERE f.shard = w.shard AND f.seq = w.seq - 1) = w.prev)
ON CONFLICT DO NOTHING RETURNING shard`;
}

/** Prepared by number of rows: 1, 2, 4 .. 64. */
export class AppendStatement {
  private readonly schema: string;
  private readonly texts = new Map<number, string>();

  constructor(schema: string) {
    this.schema = schema;
  }

  of(frames: readonly EngineFrame[]): Query {
    if (frames.length > ROWS_MAX) throw new Error(`engine: ${frames.length} frames in a statement, of ${ROWS_MAX}`);
    if (new Set(frames.map(({ shard }) => shard)).size !== frames.length)
      throw new Error('engine: two frames of one log in a statement: the second cannot see the first');
    const rows = 2 ** Math.ceil(Math.log2(Math.max(1, frames.length)));
    const text = this.texts.get(rows) ?? textOf(this.schema, rows);
    this.texts.set(rows, text);
    const values = frames.flatMap(({ shard, sequence, previous, hash, body }): unknown[] => [
      ...[shard, sequence, bytesOf(previous), bytesOf(hash), bytesOf(body)],
    ]);
    for (let i = frames.length; i < rows; i++) values.push(...PADDING);
    return { name: `append_${rows}`, text, values };
  }
}

export const bytesOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What became of each frame. */
export function outcomesOf(frames: readonly EngineFrame[], answer: Answer | Error): readonly AppendOutcome[] {
  if (answer instanceof Error) {
    const all: AppendOutcome = isFinal(answer) ? 'failed' : isOfStatement(answer) ? 'refused' : 'unknown';
    return frames.map(() => all);
  }
  const there = new Set(answer.rows.map((row) => row['shard'] as number));
  return frames.map(({ shard }) => (there.has(shard) ? 'durable' : 'refused'));
}
