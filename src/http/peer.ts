import type { Socket } from 'node:net';

const uids = new WeakMap<Socket, number>();

/** Remembers who the kernel says is at the other end of a Unix socket. */
export const rememberUid = (socket: Socket, uid: number): void => {
  uids.set(socket, uid);
};

/** Who a log line names: an address, or the user behind a Unix socket. */
export function peerOf(socket: Socket): string {
  const uid = uids.get(socket);
  return uid === undefined ? (socket.remoteAddress ?? '-') : `uid:${uid}`;
}
