import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'vitest';
import { asDeclared } from '../../sim/conclusion.ts';
import { SpecTrace } from '../../sim/export/trace.ts';
import { readSchedule, shippedNames } from '../../sim/files.ts';
import { formatResult } from '../../sim/report/text.ts';
import { runSchedule, type SimResult } from '../../sim/run.ts';
import type { Schedule } from '../../sim/schedule.ts';
import { checkTrace } from '../../src/trace/check.ts';
import { explainTrace } from '../../src/trace/explain.ts';

/** A day is too long for here: the benchmark runs it whole. */
export const LONGEST_MS = 30 * 60_000;

function shortened(schedule: Schedule): Schedule {
  if (schedule.setup.durationMs <= LONGEST_MS) return schedule;
  const faults = schedule.faults.filter(({ atMs }) => atMs < LONGEST_MS);
  return { ...schedule, faults, goals: {}, setup: { ...schedule.setup, durationMs: LONGEST_MS } };
}

export const SHIPPED: readonly Schedule[] = shippedNames().map((name) => shortened(readSchedule(name)));
/** Together they take as long as all others. */
export const LONG_SCHEDULES: readonly string[] = [
  'attenuated-quotas',
  'auth-failure-flood',
  'authority-unreachable',
  'batches',
  'bit-flips',
  'clock-drift',
  'clock-freeze',
  'clock-jumps',
  'clock-steps',
  'confused-consumers',
  'crash-loop',
  'descriptors-run-out',
  'disk-consumed',
  'disk-full',
  'engine-busy',
  'engine-crashes',
  'engine-cuts',
  'engine-drifting-clocks',
  'engine-everything',
  'engine-failovers',
  'engine-full',
  'engine-late-statements',
  'engine-lying-success',
  'engine-node-lost',
  'engine-nodes',
  'engine-partitions',
  'engine-pauses',
  'engine-rolling-drain',
  'engine-shard-kills',
  'engine-skewed-clocks',
  'engine-slow',
  'everything-at-once',
  'feeds',
  'first-boot',
  'hanging-consumers',
  'hostile-tenant',
  'hot-topic',
  'live-limits',
  'mixed-batches',
  'negative-engine-asynchronous',
  'node-lost',
  'observers',
  'paced-streams',
  'payload-memory',
  'power-cuts',
  'redrive-tasks',
  'riding-acks',
  'shard-kills',
  'short-writes',
  'slow-readers',
  'streams',
  'tenants',
  'torn-tail',
  'ttl-and-retention',
  'verifier-down',
  'worker-kill',
];

/** Hashes that are committed, of runs in other processes on other machines, say more than a second run here. */
const HASHES = resolve(import.meta.dirname, '../sim/shipped-hashes.json');
export const hashesOnRecord = JSON.parse(readFileSync(HASHES, 'utf8')) as Record<string, string>;

export const summary = ({ schedule, seed, conclusion }: SimResult): string =>
  `${schedule.name} seed ${seed}: ${conclusion.line}`;

/** Runs it once: verdict, exit code and hash are as they must be, and what became durable is a behaviour of the specification. */
export function comesOutAsDeclared(schedule: Schedule): void {
  const lines: string[] = [];
  const first = runSchedule(schedule, undefined, { observers: [new SpecTrace(null, (line) => lines.push(line))] });
  expect(asDeclared(first.conclusion), summary(first)).toBe(true);
  expect(first.conclusion.exit).toBe(schedule.violates === null ? 0 : schedule.violates === 'DeliveredLive' ? 11 : 10);
  if (process.env['UPDATE_DOCS'] === '1') {
    hashesOnRecord[schedule.name] = first.hash;
    writeFileSync(HASHES, `${JSON.stringify(hashesOnRecord, null, 2)}\n`);
  }
  expect(first.hash, 'UPDATE_DOCS=1 npx vitest run test/sim/schedules.test.ts puts it on record').toBe(
    hashesOnRecord[schedule.name],
  );
  expect(formatResult(first, 1)).toContain(first.hash);
  if (schedule.violates !== null) return;
  const checked = checkTrace(lines.join(''));
  expect(checked.mismatch === null, explainTrace(checked, true)).toBe(true);
  expect(checked.matched).toBe(lines.length - 1);
}
