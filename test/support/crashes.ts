import { expect } from 'vitest';
import { Crash, type Disk } from '../../sim/disk.ts';
import { Stream } from '../../sim/random.ts';
import { digestOf, JournalBench } from './journal.ts';

/** What stops: the process only, or the machine with what was in its caches. */
export type Stop = 'process' | 'machine';

export interface CrashRun {
  readonly seed: number;
  readonly appends: number;
  readonly segmentBytes: number;
  readonly payloadBytes: number;
  /** The disk has no more than this. */
  readonly capacityBytes?: number;
}

/** Runs until done or until the disk op at which the process dies. False when it died. */
function lives(bench: JournalBench, work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
    bench.queue.clear();
    return false;
  }
}

function stop(disk: Disk, how: Stop, random: Stream): void {
  if (how === 'process') return disk.kill();
  const share = random.below(101) / 100;
  disk.crash({ keeps: () => random.chance(share) }, random.below(disk.unsyncedNames + 1));
}

function work(bench: JournalBench, { appends, payloadBytes, capacityBytes }: CrashRun): void {
  bench.open();
  bench.start();
  for (let i = 0; i < appends; i++) {
    bench.queue.run(bench.random, () => bench.random.chance(0.1));
    // One append at a time: the next when the last is durable, as group commit has it.
    if (bench.durable === bench.states.length) bench.step(2, payloadBytes);
    else if (capacityBytes !== undefined) bench.tick();
  }
  bench.queue.run(bench.random);
}

/** What was appended becomes durable, on a full disk by what a tick makes of it. */
function goOn(bench: JournalBench, random: Stream): void {
  bench.queue.run(random);
  for (let i = 0; bench.durable < bench.states.length && i < 20; i++) {
    bench.tick();
    bench.queue.run(random);
  }
}

/**
 * The process dies before its op number `at`; everything acknowledged must be there again, nothing that was never
 * appended, and the journal must go on from there. A second crash hits the recovery. Gives how many ops there were.
 */
export function crashAt(at: number, how: Stop, run: CrashRun, luck = 0): number {
  const { segmentBytes, capacityBytes = Number.POSITIVE_INFINITY } = run;
  const bench = new JournalBench(run.seed, { segmentBytes, capacityBytes });
  const random = new Stream(run.seed + at, `${how} ${luck}`);
  bench.disk.crashAt = at;
  if (lives(bench, () => work(bench, run))) return bench.disk.ops;
  stop(bench.disk, how, random);
  for (let again = 0; again < 2; again++) {
    bench.disk.crashAt = again === 0 ? bench.disk.ops + 1 + random.below(12) : 0;
    if (lives(bench, () => bench.open())) break;
    stop(bench.disk, how, random);
  }
  bench.disk.crashAt = 0;
  const found = digestOf(bench.shards);
  const acknowledged = bench.durable;
  const allowed = acknowledged === 0 ? ['0+0 0+0', ...bench.states] : bench.states.slice(acknowledged - 1);
  expect(
    allowed.some((state) => found.startsWith(state)),
    `crash before op ${at}, ${how}: ${found} after ${acknowledged} of ${bench.states.join(', ')}`,
  ).toBe(true);
  bench.states.length = 0;
  bench.durable = 0;
  bench.start();
  goOn(bench, random);
  for (let i = 0; i < 3; i++) {
    bench.step(2, run.payloadBytes);
    goOn(bench, random);
  }
  expect(bench.durable).toBe(bench.states.length);
  expect(bench.look(), `after a crash before op ${at}, ${how}`).toBe(bench.states.at(-1));
  return bench.disk.ops;
}

/** A crash before every op, or every few, of the process and of the machine. Gives how many there were. */
export function crashEverywhere(run: CrashRun, machines: number, every = 1): number {
  const ops = crashAt(0, 'process', run);
  for (let at = 1; at <= ops; at += every) {
    crashAt(at, 'process', run);
    for (let i = 0; i < machines; i++) crashAt(at, 'machine', run, i);
  }
  return ops;
}
