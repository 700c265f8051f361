import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';

/** A file is not read: the message says what is there and what should be, without the path, which the caller knows. */
export class FileRefused extends Error {}

/** Does not wait for a writer, should a FIFO have taken the file's place meanwhile. */
const OPEN = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * All of a file that is named by a setting, at once: a FIFO, socket, device or directory in its place is refused before it is opened,
 * for opening it might block for ever or do something. `allow` says what speaks against the open file, or null; nothing can change
 * between that and the reading. The caller overwrites the bytes of a secret. @throws FileRefused
 */
export function readRegularFile(path: string, bytesMax: number, allow: (stat: Stats) => string | null): Buffer {
  checkKind(unlessError(() => statSync(path)));
  const fd = unlessError(() => openSync(path, OPEN));
  try {
    const stat = fstatSync(fd);
    checkKind(stat);
    const why = allow(stat) ?? (stat.size > bytesMax ? `larger than ${bytesMax} bytes` : null);
    if (why !== null) throw new FileRefused(why);
    return unlessError(() => readAll(fd, stat.size));
  } finally {
    closeSync(fd);
  }
}

function unlessError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new FileRefused(code === 'ENOENT' ? 'no such file (ENOENT)' : `cannot be read (${code})`);
  }
}

function checkKind(stat: Stats): void {
  if (!stat.isFile()) throw new FileRefused(`not a regular file, but ${kindOf(stat)}`);
}

/** What it is, when it is no regular file. */
export function kindOf(of: Pick<Stats, 'isSymbolicLink' | 'isFIFO' | 'isSocket' | 'isDirectory'>): string {
  if (of.isSymbolicLink()) return 'a symbolic link';
  if (of.isFIFO()) return 'a FIFO';
  if (of.isSocket()) return 'a socket';
  return of.isDirectory() ? 'a directory' : 'a device';
}

function readAll(fd: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(size);
  let read = 0;
  for (let more = -1; more !== 0 && read < size; read += more) more = readSync(fd, bytes, read, size - read, read);
  return bytes.subarray(0, read);
}
