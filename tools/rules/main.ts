/**
 * `npm run rules [-- OPTIONS]`: changes the code that decides, one place at a time, and asks which rule of the lifecycle is broken by
 * what it does then. No graph is compared with another: this says what the rules are worth by themselves.
 */
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { argumentsOf, refuse, UsageError, whole } from '../arguments.ts';
import { codeMutants, ROOT } from '../mutation/code.ts';
import { readEquivalents } from '../mutation/equivalents.ts';
import type { Mutant } from '../mutation/mutants.ts';
import type { Verdict } from '../mutation/verdict.ts';
import { RuleLane } from './lane.ts';
import { FILES, judgesStamp, readUnnoticed, scoreOf, tableOf, writeScore } from './score.ts';

const USAGE = `npm run rules [-- OPTIONS]: which rule of the lifecycle, by itself, sees each mutant of the code that decides
  --sample N    every so many-th, so that about N are tried
  --match TEXT  those whose name holds this text
  --lanes N     so many at a time, 2 unless said
  --write       write the score to README.md
Exit: 0 those that no rule sees are on the list of what nobody notices, 1 others are, 2 wrongly called.`;

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
  if (write && (sample !== undefined || match !== '')) throw new UsageError('--write: a score is of all mutants');
  return { sample, match, write, lanes: whole('lanes', values.lanes, 1, 64) ?? 2 };
}

function chosen({ sample, match }: Options): Mutant[] {
  const own = codeMutants().filter(({ file, id }) => FILES.includes(file) && id.includes(match));
  const every = sample === undefined ? 1 : Math.max(1, Math.round(own.length / sample));
  return own.filter((_, i) => i % every === 0);
}

const CACHE = join(ROOT, 'node_modules/.cache/svc-mailbox');
const LOG = join(CACHE, 'rules.ndjson');
type Line = Omit<Verdict, 'mutant'> & { readonly id: string; readonly stamp: string };

/** Verdicts as they came, so that a run that was broken off goes on where it was; they count while nothing changed. */
function known(stamp: string): Map<string, Line> {
  const texts = existsSync(LOG) ? readFileSync(LOG, 'utf8').split('\n') : [];
  const lines = texts.filter((text) => text.endsWith('}')).map((text) => JSON.parse(text) as Line);
  return new Map(lines.filter((line) => line.stamp === stamp).map((line) => [line.id, line]));
}

async function run(all: readonly Mutant[], lanes: number): Promise<Verdict[]> {
  mkdirSync(CACHE, { recursive: true });
  const stamp = judgesStamp();
  const before = known(stamp);
  const verdicts = all.flatMap((mutant): Verdict[] => {
    const line = before.get(mutant.id);
    return line === undefined ? [] : [{ mutant, verdict: line.verdict, by: line.by, why: line.why }];
  });
  const mutants = all.filter(({ id }) => !before.has(id));
  const folder = mkdtempSync(join(CACHE, 'rules-'));
  let next = 0;
  const lane = async (): Promise<void> => {
    const own = new RuleLane(mkdtempSync(join(folder, 'lane-')));
    try {
      while (next < mutants.length) {
        const one = await own.run(mutants[next++] as Mutant);
        verdicts.push(one);
        const line: Line = { stamp, id: one.mutant.id, verdict: one.verdict, by: one.by, why: one.why };
        appendFileSync(LOG, `${JSON.stringify(line)}\n`);
        if (process.stderr.isTTY) process.stderr.write(`\r${verdicts.length} of ${all.length} `);
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
  const verdicts = await run(chosen(options), options.lanes);
  const [equivalents, unnoticed] = [readEquivalents(), readUnnoticed()];
  const escaped = verdicts.filter(({ mutant, verdict }) => verdict === 'lives' && !(mutant.id in equivalents));
  const open = escaped.filter(({ mutant }) => !(mutant.id in unnoticed));
  for (const { mutant } of open)
    console.log(`NO RULE SEES ${mutant.file}:${mutant.line}:${mutant.column}  ${mutant.id}`);
  for (const { mutant, verdict, by } of verdicts)
    if (verdict === 'killed' && mutant.id in unnoticed) console.log(`${by} sees after all: ${mutant.id}`);
  const score = scoreOf(verdicts, equivalents);
  console.log(tableOf(score));
  if (options.write && open.length === 0) writeScore(score);
  return open.length === 0;
}

try {
  process.exitCode = (await main(optionsOf())) ? 0 : 1;
} catch (error) {
  refuse(error, USAGE);
}
