import { FAMILIES, HARMS } from './definition.ts';
import { INCIDENTAL, SCHEDULED } from './index.ts';
import type { AnyScheduled } from './lookup.ts';
import { fieldOf, type Parameter } from './parameters.ts';

/** The faults as docs/simulator.md shows them, family by family. */
export function faultTable(): string {
  const rows = FAMILIES.flatMap((family) => SCHEDULED.filter((fault) => fault.family === family).map(row));
  const incidental = INCIDENTAL.map(({ kind, field, text }) => `| \`${kind}\` | \`${field}\` | ${text} |\n`);
  const harms = Object.entries(HARMS).map(([harm, text]) => `\`${harm}\`: ${text}`);
  return [
    '| kind | family | with | what happens | may harm |\n|---|---|---|---|---|\n',
    ...rows,
    `\nWhat may be harmed is not asked for in the whole run: ${harms.join('; ')}.\n`,
    '\nCounted as they are, and columns of the coverage matrix, but no entries of `faults`:\n\n',
    '| kind | field | what happens |\n|---|---|---|\n',
    ...incidental,
  ].join('');
}

function row({ kind, family, parameters, text, mayDamage = [] }: AnyScheduled): string {
  const params = Object.entries(parameters).map(([name, parameter]) => `\`${fieldOf(name)}\`${saying(parameter)}`);
  return `| \`${kind}\` | ${family} | ${params.join('; ')} | ${text} | ${mayDamage.join(', ')} |\n`;
}

/** Times are not explained in each row. */
function saying({ unit, range, fallback }: Parameter<unknown, unknown>): string {
  const what = range === 'time or range' ? '' : ` ${range}`;
  const without = fallback === null ? '' : ` (\`${fallback}${unit === 'ms' ? 'ms' : ''}\`)`;
  return what + without;
}
