import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Conclusion, conclude } from '../conclusion.ts';
import { formatHappening, stepsBetween } from '../diff.ts';
import { expectationsOf, replayOf, writeReplay } from '../replay/file.ts';
import { play } from '../replay/player.ts';
import { Recorder } from '../replay/recorder.ts';
import { Shrinker } from '../replay/shrink.ts';
import { commandOf } from '../report/command.ts';
import { runSchedule, type SimResult, worldOf } from '../run.ts';
import type { Schedule } from '../schedule.ts';
import { swarmSchedule } from './swarm.ts';

/** One run to make: of a schedule, or with null of the one that is drawn from the seed. */
export interface Prey {
  readonly schedule: Schedule | null;
  readonly seed: number;
}

export interface Catch {
  /** Of which run. */
  readonly what: string;
  /** The command that makes the whole run again. */
  readonly whole: string;
  readonly verdict: Pick<Conclusion, 'kind' | 'rule' | 'exit'>;
  /** How it went, in a line. */
  readonly line: string;
  /** Null when it could not be repeated. */
  readonly saved: {
    readonly file: string;
    readonly elements: number;
    readonly of: number;
    readonly minimal: boolean;
    readonly line: string;
    /** What happens in it, to its end: the last lines of it. */
    readonly story: readonly string[];
  } | null;
  /** Why it was not saved, '' when it was. */
  readonly unsaved: string;
}

export interface HuntOptions {
  readonly folder: string;
  readonly version: string;
  /** How long a found violation may be shrunk, by the clock on the wall. */
  readonly shrinkMs: number;
  readonly nowMs: () => number;
}

const PLAYS_MAX = 50_000;
const STORY_LINES_MAX = 30;

export const scheduleOf = ({ schedule, seed }: Prey): Schedule => schedule ?? swarmSchedule(seed);

/** Runs it; goals are of a whole schedule, so a single seed need not reach them. */
export function chase(prey: Prey): SimResult {
  return runSchedule({ ...scheduleOf(prey), goals: {} }, prey.seed);
}

/** What went wrong is run once more and written down, shrunk, and saved with what it takes to repeat it. */
export function bring(prey: Prey, result: SimResult, options: HuntOptions): Catch {
  const schedule = { ...scheduleOf(prey), goals: {} };
  const { seed } = prey;
  const { kind, rule, exit, line } = result.conclusion;
  const drawn = prey.schedule === null;
  const caught = {
    what: drawn ? `seed ${seed}` : `seed ${seed} of ${schedule.name}`,
    whole: commandOf(drawn ? { file: `swarm#${seed}` } : schedule, seed),
    ...{ verdict: { kind, rule, exit }, line, saved: null, unsaved: '' },
  };
  if (result.verdict.kind === 'held') return { ...caught, unsaved: 'nothing was broken, so nothing can be shrunk' };
  const recorder = new Recorder();
  const { world, driver } = worldOf(schedule, seed, { observers: [recorder] });
  world.run(driver);
  const script = recorder.script(world);
  const endMs = options.nowMs() + options.shrinkMs;
  const whole = play(script);
  if (whole.run.verdict.kind === 'held') return { ...caught, unsaved: 'it could not be repeated as a script' };
  const shrunk = new Shrinker(script, { playsMax: PLAYS_MAX, isLate: () => options.nowMs() > endMs }).run();
  const { minimal } = shrunk;
  const [name, from] = drawn ? ['swarm', 'swarm'] : [schedule.name, schedule.file];
  const file = join(options.folder, `${name}-${seed}.replay.json`);
  const replay = replayOf(shrunk.script, play(shrunk.script, { fingerprint: true }), {
    title: schedule.description,
    from: `${from}#${seed}`,
    version: options.version,
    minimal,
    expects: expectationsOf(schedule),
  });
  mkdirSync(options.folder, { recursive: true });
  writeReplay(file, replay);
  const happenings = stepsBetween((again) => play(shrunk.script, again), 1, Number.POSITIVE_INFINITY);
  const story = happenings.slice(-STORY_LINES_MAX).map(formatHappening);
  return {
    ...caught,
    saved: {
      ...{ file, elements: shrunk.script.elements.length, of: script.elements.length, minimal, story },
      line: conclude(shrunk.run, schedule).line,
    },
  };
}
