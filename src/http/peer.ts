import type { Socket } from 'node:net';

/** Who is at the other end, on the socket itself: each request asks, and a map of sockets is more to ask and to collect. */
const PEER = Symbol('peer');
type Known = Socket & { [PEER]?: string };

/** Remembers who the kernel says is at the other end of a Unix socket. */
export const rememberUid = (socket: Socket, uid: number): void => {
  (socket as Known)[PEER] = `uid:${uid}`;
};

/** Who a log line names: an address, or the user behind a Unix socket. */
export function peerOf(socket: Socket): string {
  const known = (socket as Known)[PEER];
  if (known !== undefined) return known;
  const { remoteAddress } = socket;
  if (remoteAddress === undefined) return '-';
  (socket as Known)[PEER] = remoteAddress;
  return remoteAddress;
}
