/**
 * `npm run tlc [-- [--record] [--print] [--within MINUTES] MODEL..]`: checks every model with TLC and prints a table. Fails on any surprise: a property that
 * does not hold, a negative model that passes, a state that is never reached, an output that says nothing, a state graph that is
 * not the one on record. `--record` writes the graphs to `tla/graphs/` instead. `--within MINUTES`: no model is begun after that; what
 * is left out is said.
 */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { CONJUNCTS, type Conjunct, INDUCTIVE_MODELS } from '../src/model/inductive-models.ts';
import { checkJava, tlcJar } from '../src/model/jar.ts';
import { GRAPHS, graphFile, type Model, stampOf } from '../src/model/models.ts';
import { encodeGraph } from '../src/model/recorded-graph.ts';
import { ALL_MODELS } from '../src/model/rule-models.ts';
import { runModel, type TlcRun } from '../src/model/run-tlc.ts';
import { runWeakened, withoutName } from '../src/model/weakened.ts';
import { argumentsOf, refuse, whole } from '../tools/arguments.ts';
import { verdictOf } from './verdict.ts';

/** Models at a time: a dump is made by one worker. */
const LANES = 2;

const cells = (...texts: readonly string[]): void =>
  console.log(texts.map((text, i) => (i === 0 ? text.padEnd(18) : i < 4 ? text.padStart(10) : `  ${text}`)).join(''));

/** Null, or what is wrong with the graph on record. */
function settleGraph({ model, graph, result }: TlcRun, record: boolean): string | null {
  if (graph === null) return null;
  const file = encodeGraph(graph, { model: model.name, stamp: stampOf(model), tlc: result.version });
  if (record) {
    mkdirSync(GRAPHS, { recursive: true });
    writeFileSync(graphFile(model), file);
    return null;
  }
  if (!existsSync(graphFile(model))) return 'its state graph is not on record; run with --record';
  return readFileSync(graphFile(model)).equals(file)
    ? null
    : 'its state graph is not the one on record; run with --record';
}

async function check(jar: string, model: Model, { record, print }: Asked): Promise<boolean> {
  if (process.stdout.isTTY) process.stdout.write(`${model.name} ..\r`);
  try {
    const run = await runModel(jar, model);
    const failed = run.surprise ?? settleGraph(run, record);
    const depth = run.result.depth === null ? '-' : String(run.result.depth);
    const verdict = failed === null ? verdictOf(model, run.graph?.targetOf.length ?? null) : `FAILED: ${failed}`;
    cells(
      model.name,
      run.result.distinct.toLocaleString('en'),
      depth,
      run.seconds.toFixed(1),
      `${verdict}  (${model.about})`,
    );
    if (run.surprise !== null || print)
      console.log(
        run.output
          .split('\n')
          .slice(0, print ? undefined : 200)
          .join('\n'),
      );
    return failed === null;
  } catch (error) {
    cells(model.name, '-', '-', '-', `FAILED: ${(error as Error).message}`);
    return false;
  }
}

async function checkWeakened(jar: string, conjunct: Conjunct, { print }: Asked): Promise<boolean> {
  const { seconds, output, surprise } = await runWeakened(jar, conjunct);
  const verdict = surprise === null ? `violates ${conjunct.breaks}, as it must` : `FAILED: ${surprise}`;
  cells(withoutName(conjunct), '-', '-', seconds.toFixed(1), `${verdict}  (inductive: a conjunct left out)`);
  if (surprise !== null || print) console.log(output);
  return surprise === null;
}

/** Small ones first, and last those that begin from every state there is. */
function sizeOf(model: Model): number {
  if (INDUCTIVE_MODELS.includes(model)) return Number.POSITIVE_INFINITY;
  return model.graph === null || !existsSync(graphFile(model)) ? 0 : statSync(graphFile(model)).size;
}

const USAGE = `npm run tlc [-- OPTIONS MODEL..]: checks every model with TLC, or those that are named; needs Java 11
  --print            print what TLC says, counterexamples too
  --record           write the state graphs to tla/graphs instead of comparing them
  --within MINUTES   begin no model after that, and say what is left out
Exit: 0 all came out as they must, 1 some did not, 2 wrongly called.`;

interface Asked {
  readonly record: boolean;
  readonly print: boolean;
  readonly within: number;
  readonly names: readonly string[];
}

function asked(): Asked {
  const options = { record: { type: 'boolean' }, print: { type: 'boolean' }, within: { type: 'string' } } as const;
  const { values, positionals } = argumentsOf(USAGE, options, [
    ...ALL_MODELS.map(({ name }) => name),
    ...CONJUNCTS.map(withoutName),
  ]);
  try {
    const within = whole('within', values.within, 0, 100_000) ?? Number.POSITIVE_INFINITY;
    return { record: values.record === true, print: values.print === true, within, names: positionals };
  } catch (error) {
    return refuse(error, USAGE);
  }
}

async function main(asked: Asked): Promise<boolean> {
  const { within, names } = asked;
  checkJava();
  const jar = tlcJar();
  cells('model', 'distinct', 'depth', 'seconds', 'verdict');
  const endMs = performance.now() + within * 60_000;
  const isChosen = (name: string): boolean => names.length === 0 || names.includes(name);
  const models = ALL_MODELS.filter(({ name }) => isChosen(name)).sort((one, other) => sizeOf(one) - sizeOf(other));
  const left = [
    ...CONJUNCTS.filter((conjunct) => isChosen(withoutName(conjunct))).map((conjunct) => ({
      name: withoutName(conjunct),
      run: () => checkWeakened(jar, conjunct, asked),
    })),
    ...models.map((model) => ({ name: model.name, run: () => check(jar, model, asked) })),
  ];
  let good = true;
  const lane = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      if (performance.now() > endMs)
        cells(next.name, '-', '-', '-', 'NOT RUN: out of time; its graph on record stands');
      else good = (await next.run()) && good;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return good;
}

main(asked()).then(
  (good) => {
    process.exitCode = good ? 0 : 1;
  },
  (error: Error) => {
    console.error(`tlc: ${error.message}`);
    process.exitCode = 1;
  },
);
