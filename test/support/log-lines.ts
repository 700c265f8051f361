import { LOG_EVENTS, type LogEvent } from '../../src/observe/events.ts';

/** On every line. */
const ALWAYS = ['ts', 'level', 'service', 'event'];

/** What a line has that the table of log events has not: the event itself, its level, or fields; empty where it has all. */
export function unlistedOn(line: Readonly<Record<string, unknown>>): string[] {
  const { event, level } = line as { event: LogEvent; level: never };
  const row = LOG_EVENTS[event];
  if (row === undefined) return [`event ${event}`];
  const known: readonly string[] = [...ALWAYS, ...row.fields];
  const wrong = Object.keys(line).filter((field) => !known.includes(field));
  const levels: readonly string[] = row.levels;
  return [...(levels.includes(level) ? [] : [`${event} at ${level}`]), ...wrong.map((field) => `${event}.${field}`)];
}
