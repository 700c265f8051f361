import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { INCOMPLETE, PAYLOADS } from './layout.ts';

/** The data directory is not used: the message says what is wrong with it and what would be right. */
export class FolderError extends Error {
  readonly setting = 'data';
}

export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;
const OTHERS = 0o077;
export const LOCK = 'lock';
const LOCKED_BY_ANOTHER = 1;

/** A data directory that is ours alone for as long as it is held, at the longest as long as this process lives. */
export interface HeldFolder {
  readonly path: string;
  release(): void;
}

/**
 * Takes a data directory, making it if it is not there: private to this user, and to this process (journal rule 7, B14).
 * @throws FolderError
 */
export function holdFolder(given: string): HeldFolder {
  const path = made(given);
  checkFolder(path);
  mkdirSync(join(path, PAYLOADS), { recursive: true, mode: FOLDER_MODE });
  checkFolder(join(path, PAYLOADS));
  const fd = lock(path);
  return { path, release: () => closeSync(fd) };
}

function made(given: string): string {
  try {
    mkdirSync(given, { recursive: true, mode: FOLDER_MODE });
    return realpathSync(given);
  } catch (error) {
    throw new FolderError(`data: ${given}: cannot be made (${(error as NodeJS.ErrnoException).code})`);
  }
}

/**
 * The directory and every file in it belong to this user, no other may touch them, and no copy into it was cut off.
 * @throws FolderError
 */
export function checkFolder(path: string): void {
  const folder = statSync(path, { throwIfNoEntry: false });
  if (folder === undefined) throw new FolderError(`data: ${path}: no such directory`);
  if (!folder.isDirectory()) throw new FolderError(`data: ${path}: not a directory`);
  checkOwner(path, folder.uid);
  checkMode(path, folder.mode, FOLDER_MODE);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    checkEntry(join(path, entry.name), entry);
    if (entry.name === INCOMPLETE) {
      throw new FolderError(`data: ${path}: a copy into it was cut off; empty it and copy again`);
    }
  }
}

function checkEntry(path: string, entry: Dirent): void {
  if (entry.isSymbolicLink()) throw new FolderError(`data: ${path}: a symbolic link, which is not followed`);
  if (!entry.isFile()) return;
  const file = lstatSync(path);
  checkOwner(path, file.uid);
  checkMode(path, file.mode, FILE_MODE);
}

function checkOwner(path: string, uid: number): void {
  const own = process.geteuid?.();
  if (own !== undefined && uid !== own) throw new FolderError(`data: ${path}: belongs to user ${uid}, not to ${own}`);
}

function checkMode(path: string, mode: number, right: number): void {
  if ((mode & OTHERS) === 0) return;
  const octal = (bits: number): string => (bits & 0o7777).toString(8).padStart(4, '0');
  throw new FolderError(`data: ${path}: mode ${octal(mode)} lets others in; chmod ${octal(right)} it`);
}

/**
 * An exclusive lock on the directory's lock file. Node has no flock: the `flock` program locks a descriptor that it
 * inherits, and the lock stays with this process's copy of it until that is closed, by whatever kills the process.
 */
function lock(path: string): number {
  const file = join(path, LOCK);
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, FILE_MODE);
  const { status, error } = spawnSync('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  if (status === 0 && fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  if (status === LOCKED_BY_ANOTHER) throw new FolderError(`data: ${path}: in use by another process`);
  const why = error === undefined ? `it ended with ${status}` : (error as NodeJS.ErrnoException).code;
  throw new FolderError(`data: ${path}: cannot be locked, the program flock (util-linux) is needed: ${why}`);
}
