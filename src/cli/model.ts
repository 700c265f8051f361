import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Command, Option } from 'commander';
import { echoed } from '../platform/visible.ts';
import { LONGEST_BYTES, readText, writeText } from './files.ts';
import { EXIT, examples, print, printJson, UsageError, wholeNumber } from './shared.ts';

export function addModel(program: Command): void {
  const model = program.command('model').description('the code against the TLA+ specification, state by state');
  addCheck(model);
  addMutate(model);
  addDiagram(model);
  addExplore(model);
}

function addCheck(model: Command): void {
  const check = model
    .command('check [model]')
    .description(
      'explore the code in a bounded model and compare its state graph with the one TLC made of the specification',
    )
    .option('--json', 'print JSON');
  check.addHelpText(
    'after',
    "\nNeeds no Java: TLC's graphs are on record, each stamped with the specification it was made of.",
  );
  examples(check, 'mailbox model check', 'mailbox model check MCLease --json');
  check.action(async (name: string | undefined, { json }: { json?: true }) => {
    // Loaded when it is asked for: the other commands start without it.
    const { MODELS } = await import('../model/models.ts');
    const { checkModelInTwo } = await import('../model/check.ts');
    const { Parallel } = await import('../model/parallel.ts');
    const graphs = MODELS.filter(({ graph }) => graph !== null);
    const chosen = graphs.filter((one) => name === undefined || one.name === name);
    if (chosen.length === 0)
      throw new UsageError(`model ${echoed(name ?? '')}: must be one of ${graphs.map((one) => one.name).join(', ')}`);
    const pair = new Parallel();
    const results = [];
    if (json !== true) print(row('model', 'code states', 'steps', 'spec states', 'steps', 'seconds', 'verdict'));
    try {
      for (const one of chosen) {
        const result = await checkModelInTwo(pair, one, json === true ? null : progress(one.name));
        results.push(result);
        if (json === true) continue;
        print(row(one.name, ...sizes(result.code), ...sizes(result.spec), result.seconds.toFixed(1), result.verdict));
        if (result.never.length > 0) print(`  never there: ${result.never.join(', ')}`);
        if (result.detail !== '') print(result.detail);
      }
    } finally {
      await pair.end();
    }
    if (json === true) printJson(results);
    process.exitCode = results.every(({ verdict }) => verdict === 'equal') ? EXIT.ok : EXIT.failed;
  });
}

function addMutate(model: Command): void {
  const command = model
    .command('mutate')
    .description(
      'change code and specification one place at a time: the comparison of their graphs must see each change',
    )
    .addOption(new Option('--only <side>', 'mutants of one side').choices(['code', 'spec']))
    .option('--sample <n>', 'so many, drawn by the seed', number('--sample', 1, 100_000))
    .option('--seed <n>', 'of the sample', number('--seed', 0, 2 ** 32 - 1))
    .option('--match <text>', 'those whose name holds this text')
    .option('--thorough', 'run what gets through the tiny models in the full ones, too')
    .option('--all', 'print each mutant and what killed it')
    .option('--json', 'print JSON');
  command.addHelpText(
    'after',
    '\nNeeds a checkout of the sources with its development dependencies; mutants of the specification need Java.',
  );
  examples(
    command,
    'mailbox model mutate --only code --sample 20 --seed 7',
    'mailbox model mutate --match settledBefore --all',
  );
  command.action(async (options: Readonly<Record<string, string | true>>) => {
    const args = Object.entries(options).flatMap(([name, value]) =>
      value === true ? [`--${name}`] : [`--${name}`, value],
    );
    process.exitCode = await runRig(args);
  });
}

/** Checked here, handed on as it is. */
const number = (name: string, min: number, max: number) => (text: string) => String(wholeNumber(name, min, max)(text));

/** The rig mutates sources and builds them, so it is no part of what is built: it is run from where the sources are. */
async function runRig(args: readonly string[]): Promise<number> {
  const { TLA } = await import('../model/models.ts');
  const root = dirname(TLA);
  const rig = join(root, 'tools/mutation/main.ts');
  if (!existsSync(rig))
    throw new UsageError('model mutate: needs a checkout of the sources; this is an installed package');
  const child = spawn(process.execPath, ['--import', 'tsx', rig, ...args], { cwd: root, stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? EXIT.failed));
  });
}

function addDiagram(model: Command): void {
  const command = model
    .command('diagram [name]')
    .description('draw the lifecycle machine, or a small state graph, as SVG')
    .option('--out <folder>', 'write every diagram there');
  examples(command, 'mailbox model diagram lifecycle > lifecycle.svg', 'mailbox model diagram --out docs/diagrams');
  command.action(async (name: string | undefined, { out }: { out?: string }) => {
    const { diagrams, writeDiagrams } = await import('../model/diagrams.ts');
    if (out !== undefined) {
      for (const file of writeDiagrams(out)) print(file);
      return;
    }
    const all = diagrams();
    const one = Object.hasOwn(all, name ?? '') ? all[name ?? ''] : undefined;
    if (one === undefined)
      throw new UsageError(`diagram ${echoed(name ?? '')}: must be one of ${Object.keys(all).join(', ')}`);
    print(one.trimEnd());
  });
}

/** A page of more is too much for a browser to hold. */
const PAGE_STATES_MAX = 400_000;

function addExplore(model: Command): void {
  const command = model
    .command('explore <model>')
    .description(
      'write a page to walk through what may happen in a model: what the code does in each state, and the specification',
    )
    .option('--out <file>', 'the page (MODEL.html unless said)')
    .option('--from <file>', 'begin with the counterexample that TLC printed of this model (- for standard input)');
  command.addHelpText(
    'after',
    `\nThe page is one file that needs no network. Steps that only one side has are marked. A model is refused when it has more than ${PAGE_STATES_MAX.toLocaleString('en')} states.`,
  );
  examples(
    command,
    'mailbox model explore MCTinyOne',
    'mailbox model explore NegStaleReceipt --from tlc.txt --out why.html',
  );
  command.action(async (name: string, { out = `${name}.html`, from }: { out?: string; from?: string }) => {
    const { ALL_MODELS } = await import('../model/rule-models.ts');
    const one = ALL_MODELS.find((each) => each.name === name);
    if (one === undefined)
      throw new UsageError(`model ${echoed(name)}: must be one of ${ALL_MODELS.map((each) => each.name).join(', ')}`);
    const { exploreModel } = await import('../trace/explore.ts');
    const text = from === undefined ? null : readText('--from', from, LONGEST_BYTES);
    let page: ReturnType<typeof exploreModel>;
    try {
      page = exploreModel(one, text, progress(name), PAGE_STATES_MAX);
    } catch (error) {
      const { name: kind, message } = error as Error;
      throw kind === 'CounterexampleError' ? new UsageError(message) : error;
    }
    writeText('--out', out, page.text);
    print(`${out}: ${page.states.toLocaleString('en')} states, ${page.steps.toLocaleString('en')} steps`);
  });
}

const row = (first: string, ...rest: readonly string[]): string =>
  first.padEnd(16) + rest.map((cell, i) => (i === rest.length - 1 ? `  ${cell}` : cell.padStart(12))).join('');

const sizes = (size: { readonly states: number; readonly steps: number } | null): string[] =>
  size === null ? ['-', '-'] : [size.states.toLocaleString('en'), size.steps.toLocaleString('en')];

/** On a terminal, how far the exploration is. */
function progress(name: string): ((found: number, expanded: number) => void) | null {
  if (process.stderr.isTTY !== true) return null;
  return (found, expanded) =>
    process.stderr.write(`\r${name}: ${expanded.toLocaleString('en')} of ${found.toLocaleString('en')}\r`);
}
