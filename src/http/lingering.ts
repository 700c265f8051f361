import type { Socket } from 'node:net';

/** A peer that goes on for so long has heard nothing, and does not want to: eight of the largest bodies. */
export const LINGER_BYTES_MAX = 8 * 1024 * 1024;
/** A peer that has not sent all of its request may take a breath of so long. */
const QUIET_OWING_MS = 2_000;
/** One that has sent all of it may have begun another one before it heard. */
const QUIET_MS = 250;
/** The share of all connections that may linger. */
const SHARE = 4;

export interface LingerRules {
  /** Nobody who sends more slowly than this could have sent a whole request. */
  readonly readTimeoutMs: number;
  readonly connectionsMax: number;
}

/**
 * Connections that have had their last answer (RFC 9112, 9.6). To close a socket in which something unread waits, or for which more is
 * on its way, makes the system reset the connection, and a reset takes the answer with it. So the sending side is closed, what still
 * comes is read and thrown away, and the socket goes when its peer closes too, or when it has been given enough: of time, of silence,
 * of bytes. They count among the connections, are at most a quarter of them, and make room before anyone else does.
 */
export class Lingering {
  /** The one that has lingered longest first. */
  private readonly open = new Set<Socket>();
  private readonly deaf = new WeakSet<Socket>();
  private readonly rules: () => LingerRules;

  constructor(rules: () => LingerRules) {
    this.rules = rules;
  }

  get size(): number {
    return this.open.size;
  }

  holds(socket: Socket): boolean {
    return this.open.has(socket);
  }

  /** From now on node:http closes this connection so: it calls `destroySoon` behind the last response. `owes` is asked then. */
  adopt(socket: Socket, owes: (socket: Socket) => boolean): void {
    socket.destroySoon = () => this.close(socket, owes(socket));
  }

  /** Nothing more is answered here. `owes`: the peer has not sent all of what it began. `last` is still said. */
  close(socket: Socket, owes: boolean, last = ''): void {
    if (socket.destroyed || this.open.has(socket)) return;
    if (socket.writable) socket.end(last, 'latin1');
    // The peer has closed its side before: nothing can come any more.
    if (socket.readableEnded) return leave(socket);
    const { readTimeoutMs, connectionsMax } = this.rules();
    if (this.open.size >= Math.max(1, Math.floor(connectionsMax / SHARE))) this.makeRoom();
    this.open.add(socket);
    const enough = setTimeout(() => socket.destroy(), readTimeoutMs);
    socket.once('close', () => {
      clearTimeout(enough);
      this.open.delete(socket);
    });
    socket.once('timeout', () => socket.destroy());
    socket.setTimeout(Math.min(readTimeoutMs, owes ? QUIET_OWING_MS : QUIET_MS));
    socket.once('end', () => leave(socket));
    this.ignore(socket);
  }

  /** What comes in from now on is thrown away: node:http and its parser see nothing of it. */
  ignore(socket: Socket): void {
    if (this.deaf.has(socket)) return;
    this.deaf.add(socket);
    let left = LINGER_BYTES_MAX;
    socket.removeAllListeners('data');
    // Node gives the socket back from its parser to whoever listens to it.
    socket.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) socket.destroy();
    });
    socket.resume();
  }

  /** Closes the one that has lingered longest; false when there is none. */
  makeRoom(): boolean {
    const [oldest] = this.open;
    if (oldest === undefined) return false;
    this.open.delete(oldest);
    oldest.destroy();
    return true;
  }
}

/** Both sides are closed, once what was written is out. */
function leave(socket: Socket): void {
  if (socket.writableFinished) socket.destroy();
  else socket.once('finish', () => socket.destroy());
}
