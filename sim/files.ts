import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
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
    text = readFileSync(path, 'utf8');
  } catch {
    throw new ScheduleError(`${name}: no such schedule; shipped are ${shippedNames().join(', ')}`);
  }
  return parseSchedule(text, name);
}

export const shippedNames = (): string[] =>
  readdirSync(SCHEDULES)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
