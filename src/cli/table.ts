import { visible } from '../platform/visible.ts';

/** What stands in one column of a table. */
export interface Column<Row> {
  readonly head: string;
  readonly of: (row: Row) => string | number | null;
  /** What is counted stands at the right. */
  readonly right?: true;
}

/**
 * A table for people, the same on a terminal and in a pipe: a line of heads, then one for each row. Columns are as wide as what is in them
 * and no value is cut; `-` stands for null. What others wrote in a row does nothing to a terminal.
 */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const cells = columns.map(({ head, of }) => [head, ...rows.map((row) => visible(String(of(row) ?? '-')))]);
  const padded = cells.map((column, at) => {
    const width = column.reduce((widest, cell) => Math.max(widest, lengthOf(cell)), 0);
    const isRight = columns[at]?.right === true;
    return column.map((cell) => {
      const gap = ' '.repeat(width - lengthOf(cell));
      return isRight ? gap + cell : cell + gap;
    });
  });
  return [null, ...rows].map((_, line) =>
    padded
      .map((column) => column[line])
      .join('  ')
      .trimEnd(),
  );
}

/** In characters, not in the units of UTF-16. */
const lengthOf = (text: string): number => [...text].length;
