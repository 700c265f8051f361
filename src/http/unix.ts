import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { peerOf, rememberUid } from './peer.ts';
import { peerCredentials } from './peer-credentials.ts';
import type { Doors, Listener } from './server.ts';

/** The Unix socket cannot be offered safely: the message says why. */
export class UnixSocketError extends Error {}

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
    doors.gateway.ledger.cut(peerOf(socket), 'peer_uid', 'unauth');
    socket.destroy();
  };
  const mask = process.umask(UMASK);
  try {
    const listener = doors.listen({ path }, null, welcome);
    process.umask(mask);
    const bound = await listener;
    chmodSync(path, 0o600);
    return bound;
  } catch (error) {
    throw new UnixSocketError(`uds ${path}: ${(error as NodeJS.ErrnoException).code ?? 'cannot listen'}`);
  } finally {
    process.umask(mask);
  }
}

function checkDirectory(directory: string): void {
  const stat = lstatSync(directory, { throwIfNoEntry: false });
  if (stat === undefined) throw new UnixSocketError(`uds: directory ${directory}: ENOENT`);
  if (!stat.isDirectory()) throw new UnixSocketError(`uds: ${directory}: not a directory (a link is none)`);
  if (stat.uid !== process.getuid?.()) throw new UnixSocketError(`uds: ${directory}: belongs to uid ${stat.uid}`);
  if ((stat.mode & 0o777) !== 0o700) {
    const mode = (stat.mode & 0o777).toString(8).padStart(3, '0');
    throw new UnixSocketError(`uds: ${directory}: mode is 0${mode}, must be 0700 (chmod 700)`);
  }
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
