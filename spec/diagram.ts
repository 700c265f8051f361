import { type Row, rowsOf } from './table.ts';

const label = (row: Row): string => {
  const guards = row.guards.length === 0 ? '' : ` [${row.guards.join(' ∧ ')}]`;
  return `${row.event}${guards} / ${row.update}`;
};

/** The lifecycle as a Mermaid state diagram, drawn from the machine. */
export function stateDiagram(): string {
  const arrows = rowsOf().map((row) => {
    const from = row.from === 'absent' ? '[*]' : row.from;
    return `  ${from} --> ${row.target}: ${label(row)}`;
  });
  return ['stateDiagram-v2', ...arrows, '  acked --> [*]', '  purged --> [*]', ''].join('\n');
}

/** Every transition as a row of a Markdown table, in the order in which the machine tries them. */
export function transitionTable(): string {
  const rows = rowsOf().map((row) =>
    [row.from, row.event, row.guards.join(' ∧ ') || '—', row.target, row.update, row.reason ?? '—'].join(' | '),
  );
  return [
    '| from | event | when | to | update | reason |',
    '|---|---|---|---|---|---|',
    ...rows.map((r) => `| ${r} |`),
    '',
  ].join('\n');
}
