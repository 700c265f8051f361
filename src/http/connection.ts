import type { Socket } from 'node:net';
import type { Session } from '../auth/authorize.ts';

/** Requests of one connection that may wait for their answers: a client that pipelines more is cut (D4). */
const PIPELINED_MAX = 64;

/** What the requests of one connection have in common. */
export class Connection {
  /** What it presented before. */
  readonly session: Session;
  readonly socket: Socket;
  /** After this response the connection goes: what was pipelined behind it is not taken. */
  isClosing = false;
  private readonly leaving = new Set<() => void>();
  private unanswered = 0;

  constructor(socket: Socket, session: Session) {
    this.socket = socket;
    this.session = session;
    socket.once('close', () => {
      session.gone = true;
      for (const callback of this.leaving) callback();
    });
  }

  /** Counts one more request; false when there is one too many. */
  takes(): boolean {
    return ++this.unanswered <= PIPELINED_MAX;
  }

  answered(): void {
    this.unanswered--;
  }

  /** Calls back when the connection closes, until `off`. */
  onClose(callback: () => void): void {
    this.leaving.add(callback);
  }
  off(callback: () => void): void {
    this.leaving.delete(callback);
  }
}

const connections = new WeakMap<Socket, Connection>();

/** Whether the last response of this connection is on its way. */
export const isClosing = (socket: Socket): boolean => connections.get(socket)?.isClosing === true;

/**
 * Whether someone stands behind this connection: no more once that capability is revoked, expired or of a key that is gone. That a
 * remote verifier would have to be asked again says nothing against it.
 */
export function isKnown(socket: Socket): boolean {
  const holder = connections.get(socket)?.session.holder ?? null;
  const failure = holder === null ? 'missing' : holder.failure();
  return failure === null || failure === 'unverified';
}

export function connectionOf(socket: Socket, newSession: () => Session): Connection {
  let connection = connections.get(socket);
  if (connection === undefined) {
    connection = new Connection(socket, newSession());
    connections.set(socket, connection);
  }
  return connection;
}
