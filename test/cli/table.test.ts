import { describe, expect, it } from 'vitest';
import { type Column, table } from '../../src/cli/table.ts';
import { visible } from '../../src/platform/visible.ts';
import fc from '../support/properties.ts';

type Row = readonly [name: string, count: number, reason: string | null];
const COLUMNS: readonly Column<Row>[] = [
  { head: 'name', of: ([name]) => name },
  { head: 'count', of: ([, count]) => count, right: true },
  { head: 'reason', of: ([, , reason]) => reason },
];
const rowArb = fc.tuple(
  fc.string({ unit: 'binary' }),
  fc.nat(),
  fc.option(fc.string({ unit: 'binary' }), { nil: null }),
);

describe('table: what is in it can be read, whatever others wrote', () => {
  it('has names at the left, numbers at the right, and - for what there is not', () => {
    expect(
      table(COLUMNS, [
        ['a', 7, null],
        ['orders.eu', 12_345, 'expired'],
      ]),
    ).toEqual(['name       count  reason', 'a              7  -', 'orders.eu  12345  expired']);
    expect(table(COLUMNS, [])).toEqual(['name  count  reason']);
  });

  it('is a line for its heads and one for each row, nothing cut, every number ending where the others do', () => {
    fc.assert(
      fc.property(fc.array(rowArb, { maxLength: 8 }), (rows) => {
        const [head, ...lines] = table(COLUMNS, rows) as [string, ...string[]];
        expect(lines.length).toBe(rows.length);
        const end = head.indexOf('count') + 'count'.length;
        for (const [at, line] of lines.entries()) {
          const [name, count, reason] = rows[at] as Row;
          expect(visible(line)).toBe(line);
          const characters = [...line];
          expect(characters.slice(0, [...visible(name)].length).join('')).toBe(visible(name));
          expect(characters.slice(0, end).join('').endsWith(` ${count}`)).toBe(true);
          expect(characters.slice(end + 2).join('')).toBe(visible(reason ?? '-').trimEnd());
        }
      }),
    );
  });
});
