import type { Socket } from 'node:net';

/**
 * Connections, those that nobody stands behind among them, the oldest first. When there are as many connections as there may be, they make
 * room: whoever holds connections and says nothing keeps out others like it, and never those who have shown a capability (D4, AU5).
 */
export class Unauthenticated {
  private readonly open = new Map<string, Socket>();
  /** TLS connections whose handshake is not over. */
  private readonly unsecured = new WeakSet<Socket>();
  private readonly isKnown: (socket: Socket) => boolean;
  private unnamed = 0;

  constructor(isKnown: (socket: Socket) => boolean) {
    this.isKnown = isKnown;
  }

  add(socket: Socket, willBeSecured: boolean): void {
    if (willBeSecured) this.unsecured.add(socket);
    const name = nameOf(socket) ?? `unix ${++this.unnamed}`;
    this.open.set(name, socket);
    socket.once('close', () => this.open.delete(name));
  }

  /** Requests of a TLS connection come in on a socket of its own, between the same two ends. */
  secured(socket: Socket): void {
    const name = nameOf(socket);
    if (name !== null && this.open.has(name)) this.open.set(name, socket);
  }

  /** Ends those that have not begun a request: nobody waits for an answer on them. */
  endSilent(): void {
    for (const socket of this.open.values()) if (socket.bytesRead === 0 || this.unsecured.has(socket)) socket.destroy();
  }

  /** Takes out the oldest that is nobody's; undefined when all are somebody's. */
  takeOldest(): Socket | undefined {
    let left = this.open.size;
    for (const [name, socket] of this.open) {
      if (left-- === 0) return undefined;
      this.open.delete(name);
      if (!this.isKnown(socket)) return socket;
      // To the end: it is somebody's now, and may be nobody's later.
      this.open.set(name, socket);
    }
    return undefined;
  }
}

const nameOf = ({ remoteAddress, remotePort }: Socket): string | null =>
  remotePort === undefined ? null : `${remoteAddress} ${remotePort}`;
