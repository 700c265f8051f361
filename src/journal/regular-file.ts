import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { kindOf } from '../platform/regular-file.ts';

/** Something else stands where a file of the journal belongs: the message says where, and what it is. */
export class NotRegular extends Error {
  /** As the journal calls it. */
  readonly file: string;
  readonly what: string;

  constructor(file: string, what: string) {
    super(`${file}: ${what}, not a regular file`);
    this.file = file;
    this.what = what;
  }
}

/** How long it is. @throws NotRegular, or what the system says */
export function sizeOf(folder: string, file: string): number {
  const found = lstatSync(join(folder, file));
  if (!found.isFile()) throw new NotRegular(file, kindOf(found));
  return found.size;
}

/** To open something else may wait for ever for whoever is at its other end, or fail in a way of its own. */
const FILES_ONLY = constants.O_NOFOLLOW | constants.O_NONBLOCK;
const OF_OTHERS = ['ELOOP', 'ENXIO', 'EISDIR', 'ENODEV'];

/** Opens a file, or with O_DIRECTORY a folder, and nothing else; never waits for it. @throws NotRegular, or what the system says */
export function openRegular(folder: string, file: string, flags: number, mode?: number): number {
  const isFolder = (flags & constants.O_DIRECTORY) !== 0;
  let fd: number;
  try {
    fd = openSync(join(folder, file), isFolder ? flags : flags | FILES_ONLY, mode);
  } catch (error) {
    if (OF_OTHERS.includes((error as NodeJS.ErrnoException).code ?? '')) sizeOf(folder, file);
    throw error;
  }
  if (isFolder) return fd;
  // What is asked is what is open: nothing can change between the two.
  const found = fstatSync(fd);
  if (found.isFile()) return fd;
  closeSync(fd);
  throw new NotRegular(file, kindOf(found));
}
