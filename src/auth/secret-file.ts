import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';

const FILE_BYTES_MAX = 64 * 1024;
const REGULAR = 0o100000;
const KIND = 0o170000;
const OTHERS = 0o077;

/** A file of secrets cannot be used: the message says why, and never a byte of it. */
export class SecretFileError extends Error {}

/**
 * The bytes of a file of secrets: a regular file of this user's (or root's) that nobody else may read, at most 64 KiB
 * (I3, K4). What is checked is the open file, not the name, so that nothing can be exchanged in between. Whoever gets the
 * bytes overwrites them. @throws SecretFileError
 */
export function readSecretFile(kind: string, path: string): Buffer {
  const fail = (why: string): never => {
    throw new SecretFileError(`${kind} ${path}: ${why}`);
  };
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    return fail((error as NodeJS.ErrnoException).code ?? 'cannot be opened');
  }
  try {
    const { mode, uid, size } = fstatSync(file);
    if ((mode & KIND) !== REGULAR) fail('not a regular file');
    if ((mode & OTHERS) !== 0) fail(`mode is 0${(mode & 0o777).toString(8)}, must be 0600 (chmod 600)`);
    if (uid !== 0 && uid !== process.getuid?.()) fail(`belongs to uid ${uid}`);
    if (size > FILE_BYTES_MAX) fail(`larger than ${FILE_BYTES_MAX} bytes`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
