import { CommanderError } from 'commander';
import type { FieldsOf } from '../observe/events.ts';
import { placeOf } from '../observe/log.ts';
import { serverProcess } from './server-process.ts';
import { EndedEarly } from './signals.ts';

/** An error of ours about something that a setting names. */
interface OfSetting {
  readonly setting: string | null;
}

const isOfSetting = (error: unknown): error is Error & OfSetting => error instanceof Error && 'setting' in error;

/**
 * Why a server does not start, or does not take over its configuration, as a line of the log says it (R1). Texts of ours say what is
 * wrong and what is allowed; of any other error only what cannot quote what a file holds (I2).
 */
export function refusalOf(error: unknown): FieldsOf<'config.reload_failed'> {
  if (error instanceof CommanderError) return { reason: error.message };
  if (isOfSetting(error)) {
    return { reason: error.message, ...(error.setting === null ? {} : { setting: error.setting }) };
  }
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (typeof code === 'string' && typeof syscall === 'string') {
    return { reason: [code, syscall, path].filter((part) => part !== undefined).join(' ') };
  }
  return { reason: 'a defect of ours', ...placeOf(error) };
}

/** The server does not start: its log says why as well, and with which code the process ends. */
export function refuseStart(error: unknown, code: number): void {
  const { log, leave } = serverProcess();
  if (error instanceof EndedEarly) log.info('server.stopped', { signal: error.signal, reason: error.message });
  else log.error('server.refused', { ...refusalOf(error), exit_code: code });
  leave(code);
}
