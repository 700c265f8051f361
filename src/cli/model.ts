import type { Command } from 'commander';
import { EXIT, examples, print, printJson, UsageError } from './shared.ts';

export function addModel(program: Command): void {
  const model = program.command('model').description('the code against the TLA+ specification, state by state');
  addCheck(model);
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
    const { checkModel, MODELS } = await models();
    const graphs = MODELS.filter(({ graph }) => graph !== null);
    const chosen = graphs.filter((one) => name === undefined || one.name === name);
    if (chosen.length === 0) throw new UsageError(`model: one of ${graphs.map((one) => one.name).join(', ')}`);
    const results = [];
    if (json !== true) print(row('model', 'code states', 'steps', 'spec states', 'steps', 'seconds', 'verdict'));
    for (const one of chosen) {
      const result = checkModel(one, json === true ? null : progress(one.name));
      results.push(result);
      if (json === true) continue;
      print(row(one.name, ...sizes(result.code), ...sizes(result.spec), result.seconds.toFixed(1), result.verdict));
      if (result.detail !== '') print(result.detail);
    }
    if (json === true) printJson(results);
    process.exitCode = results.every(({ verdict }) => verdict === 'equal') ? EXIT.ok : EXIT.failed;
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

/** Loaded when it is asked for: the other commands start without it. */
async function models() {
  const [check, list] = await Promise.all([import('../model/check.ts'), import('../model/models.ts')]);
  return { ...check, ...list };
}
