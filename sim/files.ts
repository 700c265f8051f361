import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readBounded } from '../src/platform/bounded.ts';
import { FileRefused } from '../src/platform/regular-file.ts';
import { visible } from '../src/platform/visible.ts';
import { parseSchedule, type Schedule } from './schedule.ts';
import { ScheduleError } from './yaml.ts';

/** The shipped schedules: beside the sources, or up from what is built of them. */
export const SCHEDULES = ['./schedules', '../sim/schedules', '../../sim/schedules']
  .map((path) => new URL(path, import.meta.url).pathname)
  .find((folder) => existsSync(folder)) as string;

/** A schedule by path, or by the name of a shipped one. @throws ScheduleError */
export function readSchedule(name: string): Schedule {
  const shipped = join(SCHEDULES, `${basename(name, '.yaml')}.yaml`);
  const path = existsSync(name) ? name : shipped;
  let text: string;
  try {
    text = readBounded(path, SCHEDULE_BYTES_MAX).toString();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new ScheduleError(`${visible(name)}: no such schedule; shipped are ${shippedNames().join(', ')}`);
    throw new ScheduleError(`${visible(name)}: ${whyUnreadable(error)}`);
  }
  return parseSchedule(text, name);
}

/** Far more than anyone writes down. */
const SCHEDULE_BYTES_MAX = 1024 ** 2;

export const whyUnreadable = (error: unknown): string =>
  error instanceof FileRefused ? error.message : `cannot be read (${(error as NodeJS.ErrnoException).code})`;

export const shippedNames = (): string[] =>
  readdirSync(SCHEDULES)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
