import { closeSync, openSync, writeSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { readBounded } from '../platform/bounded.ts';
import { FileRefused } from '../platform/regular-file.ts';
import { visible } from '../platform/visible.ts';
import { standardInput } from './standard.ts';
import { UsageError } from './usage.ts';

const MIB = 1024 ** 2;
/** More than any file of settings, keys or certificates has. */
const TEXT_BYTES_MAX = 4 * MIB;
/** What fits into one text of JavaScript. */
export const LONGEST_BYTES = 500 * MIB;

/** What the system says of a file, in its own words: `no such file or directory (ENOENT)`. */
export function systemSays(error: unknown): string {
  const { errno, code, message } = error as NodeJS.ErrnoException;
  const [name, words] = errno === undefined ? [] : (getSystemErrorMap().get(errno) ?? []);
  return name === undefined ? (code ?? message) : `${words} (${name})`;
}

const refused = (name: string, path: string, says: string): UsageError =>
  new UsageError(`${name} ${visible(path)}: ${says}`, 'E_FILE');

/** What a file holds, `-` being standard input; no more of it than `max` bytes. @throws UsageError naming option and file */
export function readBytes(name: string, path: string, max = TEXT_BYTES_MAX): Buffer {
  try {
    return path === '-' ? standardInput(max) : readBounded(path, max);
  } catch (error) {
    throw refused(name, path, error instanceof FileRefused ? error.message : systemSays(error));
  }
}

export const readText = (name: string, path: string, max = TEXT_BYTES_MAX): string =>
  readBytes(name, path, max).toString('utf8');

/** Writes a file of its own, over what is there. @throws UsageError naming option and file */
export function writeBytes(name: string, path: string, bytes: Uint8Array): void {
  const file = openForWriting(name, path);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  } catch (error) {
    throw refused(name, path, systemSays(error));
  } finally {
    closeSync(file);
  }
}

export const writeText = (name: string, path: string, text: string): void => writeBytes(name, path, Buffer.from(text));

/** @throws UsageError naming option and file */
export function openForWriting(name: string, path: string): number {
  try {
    return openSync(path, 'w');
  } catch (error) {
    throw refused(name, path, systemSays(error));
  }
}

/** Asks before long work whether its result can be written there. @throws UsageError naming option and file */
export function mustTake(name: string, path: string): void {
  try {
    closeSync(openSync(path, 'a'));
  } catch (error) {
    throw refused(name, path, systemSays(error));
  }
}
