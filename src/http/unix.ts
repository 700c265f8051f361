import { chmodSync, closeSync, lstatSync, realpathSync, type Stats, unlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { peerOf, rememberUid } from './peer.ts';
import { peerCredentials } from './peer-credentials.ts';
import type { Doors, Listener } from './server.ts';
import { unixSockets } from './unix-bind.ts';

/** The Unix socket cannot be offered safely: the message says why. */
export class UnixSocketError extends Error {
  readonly setting = 'uds';
}

/** Nobody but its owner may reach the socket, whatever the umask is. */
const UMASK = 0o177;

/**
 * Listens on a Unix socket, in a directory that nobody else may enter, and lets in only the users of `allowed`, as the
 * kernel knows them (S4). They still need a capability (E3). @throws UnixSocketError
 */
export async function listenUnix(doors: Doors, path: string, allowed: () => readonly number[]): Promise<Listener> {
  const credentialsOf = await peerCredentials();
  if (typeof credentialsOf === 'string') throw new UnixSocketError(`uds: ${credentialsOf}`);
  checkDirectory(dirname(path));
  await removeStale(path);
  const welcome = (socket: Socket): void => {
    // Now or never: once destroyed a socket has no descriptor to ask about.
    const uid = credentialsOf(socket);
    if (uid !== null) rememberUid(socket, uid);
    if (uid !== null && allowed().includes(uid)) return;
    doors.accessLog.cut(peerOf(socket), 'peer_uid', 'unauth');
    socket.destroy();
  };
  const failed = (error: unknown): never => {
    throw new UnixSocketError(`uds ${path}: ${(error as NodeJS.ErrnoException).code ?? 'cannot listen'}`);
  };
  const { again, leave } = await boundHere(path).catch(failed);
  const listener = await doors.listen({ path, descriptor: again }, null, { welcome }).catch((error) => {
    leave();
    return failed(error);
  });
  const close = (deadlineMs: number): Promise<void> => {
    const closed = listener.close(deadlineMs);
    leave();
    return closed;
  };
  return { address: path, close };
}

interface Bound {
  /** Another descriptor of the socket. */
  readonly again: () => number;
  /** Closes it, and removes its name. */
  readonly leave: () => void;
}

/** The socket, bound and kept open while nobody listens on it too. */
async function boundHere(path: string): Promise<Bound> {
  const sockets = await unixSockets();
  const mask = process.umask(UMASK);
  try {
    const fd = sockets.bind(path);
    chmodSync(path, 0o600);
    const file = lstatSync(path);
    let isOpen = true;
    const leave = (): void => {
      // Once, and while it is open: the system gives the number of a file that is gone to another.
      if (!isOpen) return;
      isOpen = false;
      removeIfSame(path, file);
      closeSync(fd);
    };
    return { again: () => sockets.again(fd), leave };
  } finally {
    process.umask(mask);
  }
}

/** Somebody else may listen under the name by now. One that cannot be removed any more (a disk that is read-only) stays: the next start does it. */
function removeIfSame(path: string, { dev, ino }: Stats): void {
  try {
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there !== undefined && there.dev === dev && there.ino === ino) unlinkSync(path);
  } catch {
    // Whoever is to be answered still is.
  }
}

const MODE_BITS = 0o7777;
const octal = (mode: number): string => (mode & MODE_BITS).toString(8).padStart(4, '0');

function checkDirectory(directory: string): void {
  const stat = lstatSync(directory, { throwIfNoEntry: false });
  if (stat === undefined)
    throw new UnixSocketError(`uds: directory ${directory}: there is none (ENOENT); mkdir -m 700 it`);
  if (!stat.isDirectory()) throw new UnixSocketError(`uds: ${directory}: not a directory (a link is none)`);
  if (stat.uid !== process.getuid?.()) throw new UnixSocketError(`uds: ${directory}: belongs to uid ${stat.uid}`);
  if ((stat.mode & MODE_BITS) !== 0o700) {
    throw new UnixSocketError(`uds: ${directory}: mode is ${octal(stat.mode)}, must be 0700 (chmod u=rwx,go=,ug-s,-t)`);
  }
  checkAbove(realpathSync(directory));
}

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
/** How a user namespace shows whoever it does not know, root outside of it above all. */
const UNMAPPED_UID = 65_534;

/** Who may rename the directory may put another in its place: nobody but this user and root may, all the way up. */
function checkAbove(directory: string): void {
  const above = dirname(directory);
  if (above === directory) return;
  const { mode, uid } = lstatSync(above);
  if (![0, UNMAPPED_UID, process.getuid?.()].includes(uid)) {
    throw new UnixSocketError(
      `uds: ${above}, above the socket's directory, belongs to uid ${uid}, who could replace it`,
    );
  }
  if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0) {
    throw new UnixSocketError(
      `uds: ${above}, above the socket's directory: mode is ${octal(mode)}, so that others could replace it; chmod go-w or +t`,
    );
  }
  checkAbove(above);
}

/** Removes what a process of ours left behind: only a socket, only our own, only when nobody answers on it. */
async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new UnixSocketError(`uds ${path}: there is something else of that name`);
  if (stat.uid !== process.getuid?.()) throw new UnixSocketError(`uds ${path}: belongs to uid ${stat.uid}`);
  if (await answers(path)) throw new UnixSocketError(`uds ${path}: another process listens there`);
  unlinkSync(path);
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Anything but a refusal is no proof that nobody is there.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
