import { existsSync } from 'node:fs';
import type { Repeatable } from './diff.ts';
import { readSchedule } from './files.ts';
import { swarmSchedule } from './fuzz/swarm.ts';
import { type Replay, readReplay } from './replay/file.ts';
import { play } from './replay/player.ts';
import { worldOf } from './run.ts';
import type { Schedule } from './schedule.ts';
import { ScheduleError } from './yaml.ts';

/** What a run can be made of: a schedule with a seed, or a replay file. */
export type Source =
  | { readonly kind: 'schedule'; readonly schedule: Schedule; readonly seed: number; readonly name: string }
  | { readonly kind: 'replay'; readonly replay: Replay; readonly name: string };

const WITH_SEED = /^(.*)#([0-9]{1,16})$/;

/**
 * `crash-restart`, `my.yaml`, either with a seed as `crash-restart#4`; `swarm#17`, the schedule drawn from seed 17; or a
 * replay file, which ends in `.json`. @throws ScheduleError
 */
export function sourceOf(text: string): Source {
  if (text.endsWith('.json')) return { kind: 'replay', replay: readReplay(text), name: text };
  const match = existsSync(text) ? null : WITH_SEED.exec(text);
  const name = match?.[1] ?? text;
  if (name === 'swarm') {
    if (match === null) throw new ScheduleError('swarm: needs a seed, like swarm#17');
    const seed = Number(match[2]);
    return { kind: 'schedule', schedule: swarmSchedule(seed), seed, name: text };
  }
  const schedule = readSchedule(name);
  return { kind: 'schedule', schedule, seed: match === null ? schedule.seed : Number(match[2]), name: text };
}

/** The run of a source, as often as one likes. */
export const repeatable =
  (source: Source): Repeatable =>
  (options) => {
    if (source.kind === 'replay') return play(source.replay.script, options);
    const { world, driver } = worldOf(source.schedule, source.seed, options);
    return { world, run: world.run(driver) };
  };
