import { Generator } from './clients/generator.ts';
import { type Conclusion, conclude } from './conclusion.ts';
import { mayDamage } from './faults/lookup.ts';
import type { Schedule } from './schedule.ts';
import type { RunObserver } from './watch.ts';
import { type RunResult, World } from './world.ts';

/** A run of a schedule, and how it came out. */
export interface SimResult extends RunResult {
  readonly schedule: Schedule;
  readonly seed: number;
  readonly conclusion: Conclusion;
}

export interface RunOptions {
  readonly fingerprint?: boolean;
  readonly observers?: readonly RunObserver[];
}

/** The world of a schedule, and what drives it. */
export function worldOf(
  schedule: Schedule,
  seed: number,
  options: RunOptions = {},
): { world: World; driver: Generator } {
  const clocksAreTrue = !mayDamage(schedule.faults, 'clocks');
  const mayBeDamaged = mayDamage(schedule.faults, 'disk');
  return {
    world: new World(schedule.setup, { seed, clocksAreTrue, mayBeDamaged, ...options }),
    driver: new Generator(schedule, seed),
  };
}

export function runSchedule(schedule: Schedule, seed = schedule.seed, options: RunOptions = {}): SimResult {
  const { world, driver } = worldOf(schedule, seed, options);
  return resultOf(schedule, seed, world.run(driver));
}

export const resultOf = (schedule: Schedule, seed: number, run: RunResult): SimResult => ({
  schedule,
  seed,
  conclusion: conclude(run, schedule),
  ...run,
});
