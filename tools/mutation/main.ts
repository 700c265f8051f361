/**
 * `npm run mutate [-- OPTIONS]`: changes the code and the specification, one place at a time, and asks whether the comparison of
 * their state graphs sees it. Fails when a mutant lives that is not on the list of equivalents, or when that list is wrong.
 */
import { parseArgs } from 'node:util';
import { type Equivalents, faultsOf, readEquivalents } from './equivalents.ts';
import { type Choice, type Run, runKind } from './run.ts';
import { filesOf, type Scores, shownOf, staleParts, tableOf, writeScores } from './score.ts';
import { KINDS, type Kind, scoreStampOf } from './stamp.ts';
import type { Verdict } from './verdict.ts';

const USAGE = `mutate [--only code|spec] [--sample N] [--seed S] [--match TEXT] [--lanes N] [--thorough] [--fresh] [--all] [--json] [--write] [--stale]`;

class UsageError extends Error {}

function whole(name: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new UsageError(`--${name}: a whole number ${min}..${max}`);
  return value;
}

interface Options {
  readonly kinds: readonly Kind[];
  readonly choice: Choice;
  readonly json: boolean;
  readonly all: boolean;
  readonly write: boolean;
  /** Runs nothing: says whether the score on record is that of these sources. */
  readonly stale: boolean;
}

function optionsOf(args: readonly string[]): Options {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ only: text, sample: text, seed: text, match: text, lanes: text },
      ...{ thorough: flag, fresh: flag, all: flag, json: flag, write: flag, stale: flag },
    },
  });
  const { only, match = '', thorough, fresh, json, all, write, stale } = values;
  if (only !== undefined && only !== 'code' && only !== 'spec') throw new UsageError('--only: code or spec');
  const sample = whole('sample', values.sample, 1, 100_000);
  if (write && (sample !== undefined || match !== '')) throw new UsageError('--write: a score is of all mutants');
  const choice = {
    ...{ sample, match, thorough, fresh: fresh || sample !== undefined },
    seed: whole('seed', values.seed, 0, 2 ** 32 - 1) ?? 1,
    lanes: whole('lanes', values.lanes, 1, 64) ?? 2,
  };
  return { kinds: only === undefined ? KINDS : [only], choice, json, all, write, stale };
}

const lineOf = ({ mutant, verdict, by, why }: Verdict): string => {
  const { file, line, column, id } = mutant;
  const what = `${file}:${line}:${column}  ${id.slice(file.length + 1)}`;
  return verdict === 'killed' ? `killed by ${by}: ${what}\n    ${why}` : `${verdict.toUpperCase()}  ${what}`;
};

async function main({ kinds, choice, json, all, write, stale }: Options): Promise<boolean> {
  if (stale) return sayStale();
  const equivalents = readEquivalents();
  const runs: Run[] = [];
  const progress = process.stderr.isTTY && !json;
  for (const kind of kinds)
    runs.push(
      await runKind(kind, choice, equivalents, (verdict, done, of) => {
        if (progress) process.stderr.write(`\r${kind}: ${done} of ${of} `);
        if (!json && (all || isAlive(verdict, equivalents))) console.log(lineOf(verdict));
      }),
    );
  if (progress) process.stderr.write('\r');
  const verdicts = runs.flatMap((run) => run.verdicts);
  const alive = verdicts.filter((verdict) => isAlive(verdict, equivalents));
  const faults = faultsOf(
    ofKinds(equivalents, kinds),
    runs.flatMap(({ mutants }) => mutants),
    verdicts,
  );
  const scores = scoresOf(runs, equivalents);
  if (json) console.log(JSON.stringify({ scores, alive: alive.map(({ mutant }) => mutant.id), faults }, null, 2));
  else {
    console.log(tableOf(scores));
    for (const { kind, verdicts: own, seconds } of runs)
      console.log(`${kind}: ${own.length} in ${seconds.toFixed(0)} s`);
    for (const fault of faults) console.log(fault);
    if (alive.length > 0) console.log(`${alive.length} live and are not on the list of equivalents`);
  }
  const good = alive.length === 0 && faults.length === 0;
  if (write && good) writeScores(scores);
  return good;
}

function sayStale(): boolean {
  const parts = staleParts();
  for (const part of parts) console.log(`stale: ${part}; npm run mutate -- --write`);
  return parts.length === 0;
}

const isAlive = ({ mutant, verdict }: Verdict, equivalents: Equivalents): boolean =>
  verdict === 'lives' && !(mutant.id in equivalents);

const ofKinds = (equivalents: Equivalents, kinds: readonly Kind[]): Equivalents =>
  Object.fromEntries(
    Object.entries(equivalents).filter(([id]) => kinds.includes(id.startsWith('tla/') ? 'spec' : 'code')),
  );

const scoresOf = (runs: readonly Run[], equivalents: Equivalents): Scores =>
  Object.fromEntries(
    runs.map(({ kind, verdicts }) => [
      kind,
      { stamp: scoreStampOf(kind), files: filesOf(verdicts, equivalents), shown: shownOf(verdicts) },
    ]),
  );

try {
  process.exitCode = (await main(optionsOf(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const usage = error instanceof UsageError || code?.startsWith('ERR_PARSE_ARGS') === true;
  console.error(usage ? `${message}\n${USAGE}` : message);
  process.exitCode = usage ? 2 : 1;
}
