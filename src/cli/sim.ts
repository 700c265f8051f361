import type { Command } from 'commander';
import { EXIT, examples, print, printJson, wholeNumber } from './shared.ts';

export function addSim(program: Command): void {
  const sim = program.command('sim').description('the simulator: fault schedules against the shipped code');
  const run = sim.command('run <schedule>').description('run one schedule, a file or the name of a shipped one');
  run
    .option('--seed <n>', 'another seed', wholeNumber('seed', 0, Number.MAX_SAFE_INTEGER))
    .option('--json', 'print JSON');
  run.addHelpText(
    'after',
    '\nExit: 0 held, 2 usage, 10 safety violated, 11 liveness violated or goal missed, 13 crashed',
  );
  examples(run, 'mailbox sim run crash-restart', 'mailbox sim run my-schedule.yaml --seed 42');
  run.action(async (name: string, { seed, json }: { seed?: number; json?: true }) => {
    const { exitCodeOf, formatResult, readSchedule, runSchedule } = await simulator();
    const schedule = readSchedule(name);
    const startedMs = performance.now();
    const result = runSchedule(schedule, seed);
    const seconds = (performance.now() - startedMs) / 1000;
    const { schedule: _, ...rest } = result;
    if (json) printJson({ schedule: schedule.name, ...rest, seconds, exit: exitCodeOf(result) });
    else print(formatResult(result, seconds));
    process.exitCode = exitCodeOf(result);
  });
  const list = sim.command('list').description('the shipped schedules').option('--json', 'print JSON');
  list.action(async ({ json }: { json?: true }) => {
    const { readSchedule, shippedNames } = await simulator();
    const rows = shippedNames().map((name) => {
      const { description, violates } = readSchedule(name);
      return { name, description, violates };
    });
    if (json) return printJson(rows);
    for (const { name, description } of rows) print(`${name.padEnd(28)}${description}`);
    process.exitCode = EXIT.ok;
  });
}

/** Loaded when it is asked for: the other commands start without it. */
async function simulator() {
  const [world, report, files] = await Promise.all([
    import('../../sim/run.ts'),
    import('../../sim/report.ts'),
    import('../../sim/files.ts'),
  ]);
  return { ...world, ...report, ...files };
}
