import { expect } from 'vitest';
import { play } from '../../sim/replay/player.ts';
import { Recorder } from '../../sim/replay/recorder.ts';
import type { Script } from '../../sim/replay/script.ts';
import { worldOf } from '../../sim/run.ts';
import type { Schedule } from '../../sim/schedule.ts';
import type { RunResult, World } from '../../sim/world.ts';

export interface Recorded {
  readonly script: Script;
  readonly world: World;
  readonly run: RunResult;
}

export function record(schedule: Schedule, seed = schedule.seed): Recorded {
  const recorder = new Recorder();
  const { world, driver } = worldOf(schedule, seed, { observers: [recorder], fingerprint: true });
  const run = world.run(driver);
  return { script: recorder.script(world), world, run };
}

/** Step by step, and to the same end. */
export function replaysAlike(schedule: Schedule): void {
  const recorded = record(schedule);
  const again = play(recorded.script, { fingerprint: true });
  expect(again.run.hash, schedule.name).toBe(recorded.run.hash);
  expect(again.world.loop.prints).toEqual(recorded.world.loop.prints);
  expect(again.run.verdict).toEqual(recorded.run.verdict);
}
