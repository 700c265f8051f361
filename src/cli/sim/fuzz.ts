import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { type Command, Option } from 'commander';
import type { BatchCounts } from '../../../sim/fuzz/batch.ts';
import type { Catch } from '../../../sim/fuzz/hunt.ts';
import type { Orders } from '../../../sim/fuzz/worker.ts';
import { echoed } from '../../platform/visible.ts';
import { examples, ms, print, printJson, UsageError, wholeNumber } from '../shared.ts';
import { explainExits, version } from './shared.ts';

interface FuzzOptions {
  readonly seeds?: { readonly from: number; readonly to: number };
  readonly duration?: number;
  readonly swarm?: true;
  readonly workers: number;
  readonly out: string;
  readonly maxFailures: number;
  readonly shrinkTime: number;
  readonly coverage?: true;
  readonly json?: true;
}

const DEFAULT_DURATION_MS = 60_000;
const WORKER = 'fuzz-worker';

export function addFuzz(sim: Command): void {
  const fuzz = sim
    .command('fuzz [schedule...]')
    .description('run many seeds on all cores; what breaks is saved, shrunk and printed');
  fuzz
    .option('--seeds <a..b>', 'seeds to run, both included; the first alone: from there on', seedsOf)
    .option('--duration <time>', 'how long, 60s unless seeds are given', ms('--duration', 1))
    .option('--swarm', 'draw a schedule of its own from each seed (default without a schedule)')
    .option('--workers <n>', 'threads', wholeNumber('--workers', 1, 1024), availableParallelism())
    .option('--out <folder>', 'where replay files go', 'sim-failures')
    .option('--max-failures <n>', 'stop after so many violations', wholeNumber('--max-failures', 1, 1_000_000), 1)
    .addOption(
      new Option('--shrink-time <time>', 'how long one violation may be shrunk')
        .argParser(ms('--shrink-time', 1))
        .default(60_000, '60s'),
    )
    .option('--coverage', 'print which actions happened under which faults')
    .option('--json', 'print JSON');
  explainExits(fuzz);
  examples(
    fuzz,
    'mailbox sim fuzz --swarm --duration 10m',
    'mailbox sim fuzz --seeds 1..5000',
    'mailbox sim fuzz crash-restart clock-jumps --seeds 1..200',
  );
  fuzz.action(run);
  sim.command(WORKER, { hidden: true }).action(async () => {
    if (isMainThread || parentPort === null) throw new UsageError(`${WORKER}: is not for people`);
    const { work } = await import('../../../sim/fuzz/worker.ts');
    work(parentPort, workerData as Orders);
  });
}

function seedsOf(text: string): { from: number; to: number } {
  const match = /^([0-9]{1,16})(\.\.([0-9]{1,16})?)?$/.exec(text);
  const from = Number(match?.[1]);
  const to = match?.[3] === undefined ? (match?.[2] === undefined ? from : Number.POSITIVE_INFINITY) : Number(match[3]);
  if (match === null || !Number.isSafeInteger(from) || to < from) {
    throw new UsageError(
      `--seeds ${echoed(text)}: must be A..B with A at most B, or A.. for all from A on, like 1..1000`,
    );
  }
  return { from, to };
}

async function run(schedules: readonly string[], options: FuzzOptions): Promise<void> {
  if (options.swarm && schedules.length > 0) throw new UsageError('--swarm: draws its schedules; name none');
  const [{ hunt }, { goalsMissed }, { readSchedule }, { formatCatch, formatBatch, formatCoverage, concludeBatch }] =
    await Promise.all([
      import('../../../sim/fuzz/pool.ts'),
      import('../../../sim/fuzz/batch.ts'),
      import('../../../sim/files.ts'),
      import('../../../sim/report/text.ts'),
    ]);
  const read = schedules.map((name) => readSchedule(name));
  const { from, to } = options.seeds ?? { from: 1, to: Number.POSITIVE_INFINITY };
  const bounded = options.seeds !== undefined && to !== Number.POSITIVE_INFINITY;
  const startedMs = performance.now();
  const progress = progressLine(startedMs);
  const hunted = await hunt({
    orders: { folder: options.out, version: version(), shrinkMs: options.shrinkTime, schedules },
    workers: options.workers,
    program: process.argv[1] as string,
    argv: ['sim', WORKER],
    from,
    to,
    durationMs: options.duration ?? (bounded ? Number.POSITIVE_INFINITY : DEFAULT_DURATION_MS),
    failuresMax: options.maxFailures,
    onProgress: progress.show,
    onCatch: (caught: Catch) => {
      progress.clear();
      if (!options.json) print(formatCatch(caught));
    },
  });
  progress.clear();
  const seconds = (performance.now() - startedMs) / 1000;
  const missed = goalsMissed(read, hunted.counts.goals);
  const { workers } = options;
  const batch = { ...hunted, fromSeed: from, schedules, missed, seconds, workers, version: version() };
  const { exit, ...verdict } = concludeBatch(batch);
  if (options.json) printJson({ ...batch, verdict, exit });
  else {
    print(formatBatch(batch));
    if (options.coverage) print(`\n${formatCoverage(hunted.counts.matrix)}`);
  }
  process.exitCode = exit;
}

/** On a terminal, one line that is written over; elsewhere nothing. */
function progressLine(startedMs: number): { show: (counts: BatchCounts, next: number) => void; clear: () => void } {
  const out = process.stderr;
  if (!out.isTTY) return { show: () => {}, clear: () => {} };
  let shownMs = 0;
  return {
    show: ({ runs, steps }, next) => {
      const nowMs = performance.now();
      if (nowMs < shownMs + 250) return;
      shownMs = nowMs;
      const seconds = (nowMs - startedMs) / 1000;
      const rate = Math.round(runs / seconds).toLocaleString('en');
      out.write(
        `\r\x1b[K${runs.toLocaleString('en')} runs, ${rate}/s, ${steps.toLocaleString('en')} events, next seed ${next}`,
      );
    },
    clear: () => out.write('\r\x1b[K'),
  };
}
