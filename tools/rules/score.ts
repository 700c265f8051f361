import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RULE_NAMES } from '../../src/model/rules.ts';
import { ROOT } from '../mutation/code.ts';
import type { Verdict } from '../mutation/verdict.ts';

export interface FileRow {
  readonly file: string;
  /** Those that compile and are not equivalent. */
  readonly mutants: number;
  /** By some rule alone. */
  readonly seen: number;
}

const README = join(ROOT, 'README.md');
const UNNOTICED = join(import.meta.dirname, 'unnoticed.json');
/** Mutants that no rule sees although the graphs differ, each with the reason why nobody who uses a mailbox could notice. */
export const readUnnoticed = (): Readonly<Record<string, string>> =>
  existsSync(UNNOTICED) ? (JSON.parse(readFileSync(UNNOTICED, 'utf8')) as Record<string, string>) : {};

const share = ({ mutants, seen }: Omit<FileRow, 'file'>): string =>
  mutants === 0 ? '-' : `${((100 * seen) / mutants).toFixed(1)} %`;

/** Which rule was the first to see how many. */
function firstSeenBy(seen: readonly Verdict[]): string {
  const by = new Map<string, number>();
  for (const { by: name } of seen) by.set(name, (by.get(name) ?? 0) + 1);
  const names = [...RULE_NAMES, 'DeliveredLive'].filter((name) => by.has(name));
  const others = [...by.keys()].filter((name) => !names.includes(name));
  return [...names, ...others].map((name) => `\`${name}\` ${by.get(name)}`).join(', ');
}

/** As a table in Markdown. */
export function tableOf(rows: readonly FileRow[], seen: readonly Verdict[]): string {
  const all = { mutants: 0, seen: 0 };
  for (const row of rows) {
    all.mutants += row.mutants;
    all.seen += row.seen;
  }
  return [
    '| mutated | mutants | seen by a rule alone | share |',
    '|---|---:|---:|---:|',
    ...rows.map((row) => `| \`${row.file}\` | ${row.mutants} | ${row.seen} | ${share(row)} |`),
    `| all | ${all.mutants} | ${all.seen} | ${share(all)} |`,
    '',
    `First seen by: ${firstSeenBy(seen)}.`,
    '',
  ].join('\n');
}

const MARKED = /(<!-- rules -->\n)[\s\S]*?(<!-- \/rules -->)/;

/** Writes the table into the README. */
export function writeRow(rows: readonly FileRow[], seen: readonly Verdict[]): void {
  const text = readFileSync(README, 'utf8');
  writeFileSync(
    README,
    text.replace(MARKED, (_, open, close) => open + tableOf(rows, seen) + close),
  );
}
