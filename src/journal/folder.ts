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
import { kindOf } from '../platform/regular-file.ts';
import { HISTORY, INCOMPLETE, PAYLOADS } from './layout.ts';
import { openRegular } from './regular-file.ts';

/** The data directory is not used: the message says what is wrong with it and what would be right. */
export class FolderError extends Error {
  readonly setting: string = 'data';
}

export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;
const OTHERS = 0o077;
export const LOCK = 'lock';
const LOCKED_BY_ANOTHER = 1;

/** A data directory that is ours alone for as long as it is held, at the longest as long as this process lives. */
export interface HeldFolder {
  /** Leads to this very directory for as long as it is held, whatever becomes of its name. */
  readonly path: string;
  release(): void;
}

/**
 * Takes a data directory, making it if it is not there: private to this user, and to this process (journal rule 7, B14).
 * @throws FolderError
 */
export function holdFolder(given: string): HeldFolder {
  const path = made(given);
  checkItself(path);
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const held = [folder];
  const release = (): void => {
    for (const fd of held) closeSync(fd);
  };
  try {
    lock(path, folder);
    checkFolder(path);
    held.push(lockFile(path));
    for (const within of [PAYLOADS, HISTORY]) makeWithin(path, within);
    if (!isSame(path, folder)) throw new FolderError(`data: ${path}: moved away while it was taken`);
    return { path: anchored(folder) ?? path, release };
  } catch (error) {
    release();
    throw error;
  }
}

function makeWithin(path: string, folder: string): void {
  mkdirSync(join(path, folder), { recursive: true, mode: FOLDER_MODE });
  checkFolder(join(path, folder));
}

function isSame(path: string, fd: number): boolean {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const there = statSync(path, { bigint: true, throwIfNoEntry: false });
  return there?.dev === dev && there.ino === ino;
}

/** A directory by its descriptor: another that takes its name is not taken for it. Null where the system has no such paths. */
function anchored(fd: number): string | null {
  const path = `/proc/self/fd/${fd}`;
  return isSame(path, fd) ? path : null;
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
  checkItself(path);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    checkEntry(join(path, entry.name), entry);
    if (entry.name === INCOMPLETE) {
      throw new FolderError(`data: ${path}: a copy into it was cut off; empty it and copy again`);
    }
  }
}

function checkItself(path: string): void {
  const folder = statSync(path, { throwIfNoEntry: false });
  if (folder === undefined) throw new FolderError(`data: ${path}: no such directory`);
  if (!folder.isDirectory()) throw new FolderError(`data: ${path}: not a directory`);
  checkOwner(path, folder.uid);
  checkMode(path, folder.mode, FOLDER_MODE);
}

/** What the journal opens by its name, here or in the folder of payloads. */
const OURS = /^((log|snapshot|torn)-.*|[0-9a-f]{64}|reserve|lock|incomplete|payload-store|.*\.tmp)$/;

function checkEntry(path: string, entry: Dirent): void {
  if (entry.isSymbolicLink()) throw new FolderError(`data: ${path}: a symbolic link, which is not followed`);
  if ((entry.name === PAYLOADS || entry.name === HISTORY) && !entry.isDirectory())
    throw new FolderError(`data: ${path}: not a directory`);
  if (!entry.isFile() && OURS.test(entry.name)) {
    throw new FolderError(
      `data: ${path}: ${kindOf(entry)}, not a regular file; put back what it replaced, or restore a backup`,
    );
  }
  if (!entry.isFile()) return;
  // Whoever serves from it takes files away meanwhile.
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined) return;
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
 * An exclusive lock on the directory itself: there is nothing in it that could be deleted, and with another name it is locked
 * still. Node has no flock: the `flock` program locks a descriptor that it inherits, and the lock stays with this process's copy of
 * it until that is closed, by whatever kills the process.
 */
function lock(path: string, fd: number): void {
  const { status, error } = spawnSync('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  if (status === 0) return;
  if (status === LOCKED_BY_ANOTHER) throw new FolderError(`data: ${path}: in use by another process`);
  const why = error === undefined ? `it ended with ${status}` : (error as NodeJS.ErrnoException).code;
  throw new FolderError(`data: ${path}: cannot be locked, the program flock (util-linux) is needed: ${why}`);
}

/** The version before locked this file, and knows of no other lock: while both are in use, they keep each other out. */
function lockFile(path: string): number {
  const fd = openRegular(path, LOCK, constants.O_RDWR | constants.O_CREAT, FILE_MODE);
  try {
    lock(path, fd);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
