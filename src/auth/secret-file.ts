import type { Stats } from 'node:fs';
import { FileRefused, readRegularFile } from '../platform/regular-file.ts';

const OTHERS = 0o077;
/** Others may read a public file, but not change it. */
const OTHERS_WRITE = 0o022;

export interface SecretFileOptions {
  /** What it is, for messages. */
  readonly what: string;
  readonly bytesMax: number;
  /** True for what only has to be kept from being changed, such as a certificate. */
  readonly isPublic?: boolean;
  /** Makes the error of this caller; the message never holds anything of the file. */
  readonly error: (message: string) => Error;
}

/**
 * Reads a file that must be kept from others: a regular file of this user's or root's, mode 0600 (I3, K4). The caller overwrites
 * the bytes after use.
 */
export function readSecretFile(path: string, { what, bytesMax, isPublic, error }: SecretFileOptions): Buffer {
  try {
    return readRegularFile(path, bytesMax, (stat) => exposed(stat, isPublic === true));
  } catch (cause) {
    throw cause instanceof FileRefused ? error(`${what} ${path}: ${cause.message}`) : cause;
  }
}

/** Who else may read it, or change it; null when nobody may. */
function exposed({ mode, uid }: Stats, isPublic: boolean): string | null {
  if ((mode & (isPublic ? OTHERS_WRITE : OTHERS)) !== 0) {
    const must = isPublic ? 'must not be writable by others (chmod 644)' : 'must be 0600 (chmod 600)';
    return `mode is 0${(mode & 0o777).toString(8)}, ${must}`;
  }
  return uid !== 0 && uid !== process.getuid?.() ? `belongs to uid ${uid}` : null;
}
