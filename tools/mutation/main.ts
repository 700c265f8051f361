/**
 * `npm run mutate [-- OPTIONS]`: changes the code and the specification, one place at a time, and asks whether the comparison of
 * their state graphs sees it. Fails when a mutant lives that is not on the list of equivalents, or when that list is wrong.
 */
import { argumentsOf, refuse, UsageError, whole } from '../arguments.ts';
import { type Equivalents, faultsOf, readEquivalents } from './equivalents.ts';
import { type Choice, type Run, runKind } from './run.ts';
import { filesOf, missingKinds, type Scores, shownOf, staleParts, tableOf, writeScores } from './score.ts';
import { KINDS, type Kind, scoreStampOf } from './stamp.ts';
import type { Verdict } from './verdict.ts';

const USAGE = `npm run mutate [-- OPTIONS]: changes code and specification, one place at a time; the comparison of their graphs must see it
  --only code|spec   mutants of one side
  --sample N         so many, drawn by --seed S (1 unless said)
  --match TEXT       those whose name holds this text
  --lanes N          so many at a time, 2 unless said
  --thorough         run what gets through the tiny models in the full ones, too
  --fresh            believe no verdict of an earlier run
  --all              print each mutant and what killed it
  --json             print JSON
  --write            write the score, when all is killed
  --stale            run nothing: say whether the score on record is of these sources
Exit: 0 all killed, 1 some live, 2 wrongly called.`;

interface Options {
  readonly kinds: readonly Kind[];
  readonly choice: Choice;
  readonly json: boolean;
  readonly all: boolean;
  readonly write: boolean;
  /** Runs nothing: says whether the score on record is that of these sources. */
  readonly stale: boolean;
}

function optionsOf(): Options {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = argumentsOf(USAGE, {
    ...{ only: text, sample: text, seed: text, match: text, lanes: text },
    ...{ thorough: flag, fresh: flag, all: flag, json: flag, write: flag, stale: flag },
  });
  const {
    only,
    match = '',
    thorough = false,
    fresh = false,
    json = false,
    all = false,
    write = false,
    stale = false,
  } = values;
  if (only !== undefined && only !== 'code' && only !== 'spec')
    throw new UsageError(`--only ${JSON.stringify(only)}: must be code or spec`);
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
      await runKind(kind, choice, (verdict, done, of) => {
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
  const parts = [
    ...staleParts().map((part) => `stale: ${part}`),
    ...missingKinds().map((kind) => `no score of the ${kind}`),
  ];
  for (const part of parts) console.log(`${part}; npm run mutate -- --write`);
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

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
try {
  process.exitCode = (await main(called())) ? 0 : 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

function called(): Options {
  try {
    return optionsOf();
  } catch (error) {
    return refuse(error, USAGE);
  }
}
