import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const TYPE = 0o170000;
const REGULAR = 0o100000;
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
 * Reads a file that must be kept from others: a regular file of this user's or root's, mode 0600 (I3, K4). What is
 * checked is the open file, so that nothing can change between the check and the reading. The caller overwrites the
 * bytes after use.
 */
export function readSecretFile(path: string, { what, bytesMax, isPublic, error }: SecretFileOptions): Buffer {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw error(`${what} ${path}: ${(cause as NodeJS.ErrnoException).code ?? 'cannot be opened'}`);
  }
  try {
    const { mode, uid, size } = fstatSync(file);
    if ((mode & TYPE) !== REGULAR) throw error(`${what} ${path}: not a regular file`);
    if ((mode & (isPublic === true ? OTHERS_WRITE : OTHERS)) !== 0) {
      const must = isPublic === true ? 'must not be writable by others (chmod 644)' : 'must be 0600 (chmod 600)';
      throw error(`${what} ${path}: mode is 0${(mode & 0o777).toString(8)}, ${must}`);
    }
    if (uid !== 0 && uid !== process.getuid?.()) throw error(`${what} ${path}: belongs to uid ${uid}`);
    if (size > bytesMax) throw error(`${what} ${path}: larger than ${bytesMax} bytes`);
    const bytes = Buffer.allocUnsafeSlow(size);
    return bytes.subarray(0, readSync(file, bytes, 0, size, 0));
  } finally {
    closeSync(file);
  }
}
