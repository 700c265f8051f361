/**
 * `npm run rules [-- OPTIONS]`: changes the code that decides, one place at a time, and asks which rule of the lifecycle is broken by
 * what it does then. No graph is compared with another: this says what the rules are worth by themselves.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { argumentsOf, refuse, whole } from '../arguments.ts';
import { CODE_FILES, CodeLane, codeMutants, ROOT } from '../mutation/code.ts';
import { readEquivalents } from '../mutation/equivalents.ts';
import type { Mutant } from '../mutation/mutants.ts';
import type { Verdict } from '../mutation/verdict.ts';
import { type FileRow, readUnnoticed, tableOf, writeRow } from './score.ts';

const USAGE = `npm run rules [-- OPTIONS]: which rule of the lifecycle, by itself, sees each mutant of the code that decides
  --sample N    every so many-th, so that about N are tried
  --match TEXT  those whose name holds this text
  --lanes N     so many at a time, 2 unless said
  --write       write the score to README.md
Exit: 0 those that no rule sees are on the list of what nobody notices, 1 others are, 2 wrongly called.`;

/** What decides. The commit is not of the lifecycle: its rules are those of Durability. */
const FILES = CODE_FILES.filter((file) => file !== 'src/service/commit.ts');

interface Options {
  readonly sample: number | undefined;
  readonly match: string;
  readonly lanes: number;
  readonly write: boolean;
}

function optionsOf(): Options {
  const text = { type: 'string' } as const;
  const { values } = argumentsOf(USAGE, {
    ...{ sample: text, match: text, lanes: text },
    write: { type: 'boolean', default: false },
  });
  const { match = '', write = false } = values;
  const sample = whole('sample', values.sample, 1, 100_000);
  if (write && (sample !== undefined || match !== '')) throw new Error('--write: a score is of all mutants');
  return { sample, match, write, lanes: whole('lanes', values.lanes, 1, 64) ?? 2 };
}

function chosen({ sample, match }: Options): Mutant[] {
  const own = codeMutants().filter(({ file, id }) => FILES.includes(file) && id.includes(match));
  const every = sample === undefined ? 1 : Math.max(1, Math.round(own.length / sample));
  return own.filter((_, i) => i % every === 0);
}

async function run(mutants: readonly Mutant[], lanes: number): Promise<Verdict[]> {
  const cache = join(ROOT, 'node_modules/.cache/svc-mailbox');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'rules-'));
  const verdicts: Verdict[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    const own = new CodeLane(mkdtempSync(join(folder, 'lane-')), '../rules/worker.ts');
    try {
      while (next < mutants.length) {
        verdicts.push(await own.run(mutants[next++] as Mutant, false));
        if (process.stderr.isTTY) process.stderr.write(`\r${verdicts.length} of ${mutants.length} `);
      }
    } finally {
      own.end();
    }
  };
  try {
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return verdicts;
}

async function main(options: Options): Promise<boolean> {
  const verdicts = (await run(chosen(options), options.lanes)).filter(({ verdict }) => verdict !== 'invalid');
  const [equivalents, unnoticed] = [readEquivalents(), readUnnoticed()];
  const seen = ({ verdict }: Verdict): boolean => verdict === 'killed';
  const rows = FILES.map((file): FileRow => {
    const own = verdicts.filter(({ mutant }) => mutant.file === file && !(mutant.id in equivalents));
    return { file, mutants: own.length, seen: own.filter(seen).length };
  }).filter(({ mutants }) => mutants > 0);
  const escaped = verdicts.filter((one) => !seen(one) && !(one.mutant.id in equivalents));
  const open = escaped.filter(({ mutant }) => !(mutant.id in unnoticed));
  for (const { mutant } of open)
    console.log(`NO RULE SEES ${mutant.file}:${mutant.line}:${mutant.column}  ${mutant.id}`);
  for (const { mutant } of verdicts.filter((one) => seen(one) && one.mutant.id in unnoticed))
    console.log(`seen after all: ${mutant.id}`);
  console.log(tableOf(rows, verdicts.filter(seen)));
  if (options.write && open.length === 0) writeRow(rows, verdicts.filter(seen));
  return open.length === 0;
}

try {
  process.exitCode = (await main(optionsOf())) ? 0 : 1;
} catch (error) {
  refuse(error as Error, USAGE);
}
