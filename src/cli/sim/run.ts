import type { Command } from 'commander';
import type { Conclusion } from '../../../sim/conclusion.ts';
import type { About } from '../../../sim/report/recording.ts';
import type { Source } from '../../../sim/source.ts';
import type { RunObserver } from '../../../sim/watch.ts';
import type { RunResult } from '../../../sim/world.ts';
import { visible } from '../../platform/visible.ts';
import { mustTake, writeText } from '../files.ts';
import { EXIT, examples, print, printJson, UsageError, wholeNumber } from '../shared.ts';
import { sameTwice } from './determinism.ts';
import { commit, explainExits, version } from './shared.ts';
import { TextFile } from './text-file.ts';

export interface OutputOptions {
  readonly json?: true;
  readonly coverage?: true;
  readonly shiviz?: string;
  readonly itf?: string;
  readonly trace?: string;
  readonly answers?: string;
  readonly save?: string;
  readonly report?: string;
}
interface RunOptions extends OutputOptions {
  readonly seed?: number;
  readonly checkDeterminism?: true;
}

/** Options of every command that makes a run. */
export const withOutputs = (command: Command): Command =>
  command
    .option('--report <file>', 'write the run as a page, .html: one file that opens anywhere')
    .option('--shiviz <file>', 'write the run as a ShiViz log')
    .option('--itf <file>', 'write the messages of the run as an ITF trace')
    .option('--trace <file>', 'write the durable facts of the run, for mailbox trace check')
    .option('--answers <file>', 'write what clients asked and were answered, for mailbox trace check --history')
    .option('--save <file>', 'write a replay file of the run, .json')
    .option('--coverage', 'print which actions happened under which faults')
    .option('--json', 'print JSON');

export function addRun(sim: Command): void {
  const run = sim
    .command('run <schedule>')
    .description('run one schedule: a file, the name of a shipped one, or swarm#SEED');
  withOutputs(run)
    .option('--seed <n>', 'another seed', wholeNumber('--seed', 0, Number.MAX_SAFE_INTEGER))
    .option('--check-determinism', 'run it in two processes that differ in all but the seed, and compare the hashes');
  explainExits(run);
  examples(
    run,
    'mailbox sim run crash-restart',
    'mailbox sim run my-schedule.yaml --seed 42 --save run.json',
    'mailbox sim run swarm#17',
  );
  run.action(async (name: string, options: RunOptions) => {
    const { sourceOf } = await import('../../../sim/source.ts');
    const source = sourceOf(options.seed === undefined ? name : `${name.replace(/#[0-9]*$/, '')}#${options.seed}`);
    if (source.kind === 'replay')
      throw new UsageError(`${visible(name)}: is a replay file; mailbox sim replay runs it`);
    if (options.checkDeterminism) return checkDeterminism(source, options);
    await make(source, options);
  });
}

/** Makes the run, writes what was asked for, prints how it came out and leaves with its code. */
async function make(source: Source & { kind: 'schedule' }, options: RunOptions): Promise<void> {
  const [{ worldOf, resultOf }, { commandOf }, { formatResult, formatCoverage, jsonOf }, { Recorder }] =
    await Promise.all([
      import('../../../sim/run.ts'),
      import('../../../sim/report/command.ts'),
      import('../../../sim/report/text.ts'),
      import('../../../sim/replay/recorder.ts'),
    ]);
  const { schedule, seed } = source;
  const recorder = options.save === undefined ? null : new Recorder();
  const outputs = await outputsOf(options);
  const observers: RunObserver[] = [...outputs.observers, ...(recorder === null ? [] : [recorder])];
  const { world, driver } = worldOf(schedule, seed, { observers, fingerprint: recorder !== null });
  const showing = showProgress(() => world.loop.nowMs, schedule.setup.durationMs);
  const startedMs = performance.now();
  const result = resultOf(schedule, seed, await world.runSlowly(driver, showing.pause));
  const seconds = (performance.now() - startedMs) / 1000;
  showing.stop();
  outputs.write(result, result.conclusion, {
    title: schedule.name,
    description: schedule.description,
    seed: String(seed),
    version: version(),
    repeat: commandOf(schedule, seed),
  });
  if (recorder !== null && options.save !== undefined) {
    const { expectationsOf, replayOf, writeReplay } = await import('../../../sim/replay/file.ts');
    const about = {
      ...{ title: schedule.description, from: `${schedule.file}#${seed}`, version: version(), minimal: false },
      expects: expectationsOf(schedule, result.tally),
    };
    writeReplay(options.save, replayOf(recorder.script(world), { world, run: result }, about));
  }
  if (options.json) printJson({ ...jsonOf(result, seconds), version: version() });
  else {
    print(formatResult(result, seconds, version()));
    if (options.coverage) print(`\n${formatCoverage(result.matrix)}`);
  }
  process.exitCode = result.conclusion.exit;
}

export interface Outputs {
  readonly observers: readonly RunObserver[];
  /** Once the run is over. */
  readonly write: (run: RunResult, conclusion: Conclusion, about: About) => void;
}

/** What is to be written of a run, and how. */
export async function outputsOf(options: OutputOptions): Promise<Outputs> {
  const observers: RunObserver[] = [];
  const writes: Outputs['write'][] = [];
  for (const name of ['report', 'shiviz', 'itf', 'answers', 'save'] as const) {
    const path = options[name];
    if (path !== undefined) mustTake(`--${name}`, path);
  }
  const text = (name: string, path: string, observer: RunObserver & { text(): string }): void => {
    observers.push(observer);
    writes.push(() => writeText(name, path, observer.text()));
  };
  if (options.shiviz !== undefined)
    text('--shiviz', options.shiviz, new (await import('../../../sim/export/shiviz.ts')).ShiVizLog());
  if (options.itf !== undefined)
    text('--itf', options.itf, new (await import('../../../sim/export/itf.ts')).ItfTrace());
  if (options.answers !== undefined)
    text('--answers', options.answers, new (await import('../../../sim/export/answers.ts')).AnswersLog(commit()));
  if (options.trace !== undefined) {
    const { SpecTrace } = await import('../../../sim/export/trace.ts');
    const file = new TextFile('--trace', options.trace);
    observers.push(new SpecTrace(commit(), (line) => file.write(line)));
    writes.push(() => file.close());
  }
  if (options.report !== undefined) {
    const path = options.report;
    const { Recording } = await import('../../../sim/report/recording.ts');
    const { formatHtml } = await import('../../../sim/report/html.ts');
    const recording = new Recording();
    observers.push(recording);
    writes.push((...run) => writeText('--report', path, formatHtml(recording.data(...run))));
  }
  return {
    observers,
    write: (...run) => {
      for (const write of writes) write(...run);
    },
  };
}

async function checkDeterminism(source: Source, { json }: RunOptions): Promise<void> {
  const { name, seed } = source as Source & { seed: number };
  const hashes = await sameTwice(name, seed);
  const same = new Set(hashes).size === 1;
  if (json) printJson({ schedule: name, seed, hashes, deterministic: same });
  else print(same ? `same hash in both processes: ${hashes[0]}` : `NOT DETERMINISTIC: ${hashes.join(' and ')}`);
  const { SIM_EXIT } = await import('../../../sim/conclusion.ts');
  process.exitCode = same ? EXIT.ok : SIM_EXIT.nondeterministic;
}

const SHOW_EVERY_MS = 200;

/** On a terminal, how far a long run is; elsewhere nothing. `pause` gives the terminal a moment now and then. */
function showProgress(nowMs: () => number, endMs: number): { pause: (() => Promise<void>) | null; stop: () => void } {
  const out = process.stderr;
  if (!out.isTTY) return { pause: null, stop: () => {} };
  let shownMs = performance.now();
  return {
    pause: async () => {
      if (performance.now() < shownMs + SHOW_EVERY_MS) return;
      shownMs = performance.now();
      out.write(
        `\r${Math.min(100, Math.floor((100 * nowMs()) / endMs))} % of ${Math.round(endMs / 1000)} s of simulated time `,
      );
      await new Promise((resolve) => setImmediate(resolve));
    },
    stop: () => out.write('\r\x1b[K'),
  };
}
