import { expect } from 'vitest';
import fc from './properties.ts';

/** How long one fuzzer goes on: `npm run fuzz` says longer. */
const FUZZ_MS = Number(process.env['FUZZ_MS'] ?? 500);
/** However slow the machine is, and however little the time: so many inputs at least. */
const ROUND = 25;
const MS_PER_MIB = 50;
const MiB = 1024 * 1024;
const GROWS_MAX = 512 * MiB;

const isOver = (startMs: number): boolean => performance.now() - startMs >= FUZZ_MS;

/** Feeds `check` with inputs until the time is over: it may refuse them, within 50 ms per MiB, and throws for nothing else. */
export function fuzz(inputs: fc.Arbitrary<Buffer>, check: (input: Buffer) => void): void {
  const occupied = process.memoryUsage.rss();
  const startMs = performance.now();
  const quickly = fc.property(inputs, (input) => expectQuick(input, check));
  do fc.assert(quickly, { numRuns: ROUND });
  while (!isOver(startMs));
  expect(process.memoryUsage.rss() - occupied, 'bytes grown').toBeLessThan(GROWS_MAX);
}

/** The same where an answer has to be waited for. */
export async function fuzzAsync<T>(inputs: fc.Arbitrary<T>, check: (input: T) => Promise<void>): Promise<void> {
  const startMs = performance.now();
  const property = fc.asyncProperty(inputs, check);
  do await fc.assert(property, { numRuns: ROUND });
  while (!isOver(startMs));
}

/** What this process spends on it: others may take the processor meanwhile. */
function cpuMs(run: () => void): number {
  const from = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1000;
}

const YARDSTICK = JSON.stringify(Array(350_000).fill({}));
const YARDSTICK_MS = 15;

/** What was slow is given two more chances, and as much more time as the machine is slower than it should be just now. */
function expectQuick(input: Buffer, check: (input: Buffer) => void): void {
  const msMax = MS_PER_MIB * Math.max(1, input.length / MiB);
  let ms = cpuMs(() => check(input));
  for (let turn = 0; turn < 2 && ms > msMax; turn++) {
    const slower = Math.max(1, cpuMs(() => JSON.parse(YARDSTICK)) / YARDSTICK_MS);
    ms = cpuMs(() => check(input)) / slower;
  }
  expect(ms, `ms for ${input.length} bytes`).toBeLessThanOrEqual(msMax);
}

/** Runs what may only throw errors of this kind: true when it threw none. */
export function takes(kind: new (...args: never[]) => Error, run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    return false;
  }
}
