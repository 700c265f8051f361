import type { Command } from 'commander';
import { visible } from '../../platform/visible.ts';
import { EXIT, examples, print, printJson } from '../shared.ts';

export function addDiff(sim: Command): void {
  const diff = sim
    .command('diff <a> <b>')
    .description('the first step where two runs part: replay files, or schedules with a seed')
    .option('--json', 'print JSON');
  diff.addHelpText('after', '\nExit: 0 they are the same, 1 they part, 2 usage');
  examples(diff, 'mailbox sim diff run.json small.json', 'mailbox sim diff crash-restart#3 crash-restart#4');
  diff.action(async (a: string, b: string, { json }: { json?: true }) => {
    const [{ sourceOf, repeatable }, { partingStep, stepsAround, formatHappening }] = await Promise.all([
      import('../../../sim/source.ts'),
      import('../../../sim/diff.ts'),
    ]);
    const runs = [a, b].map((text) => repeatable(sourceOf(text)));
    const prints = runs.map((run) => run({ fingerprint: true }).world.loop.prints ?? []);
    const step = partingStep(prints[0] ?? [], prints[1] ?? []);
    const around = step === 0 ? [] : runs.map((run) => stepsAround(run, step));
    process.exitCode = step === 0 ? EXIT.ok : EXIT.failed;
    if (json)
      return printJson({
        a,
        b,
        same: step === 0,
        step: step || null,
        steps: prints.map(({ length }) => length),
        around,
      });
    if (step === 0) return print(`the same: ${prints[0]?.length} steps`);
    print(`they part at step ${step}, of ${prints[0]?.length} and ${prints[1]?.length}`);
    for (const [i, name] of [a, b].entries()) {
      print(`\n${visible(name)}`);
      for (const happening of around[i] ?? []) print(formatHappening(happening));
    }
  });
}
