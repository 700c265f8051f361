import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Capability, Session } from '../auth/authorize.ts';

/** Requests of one connection that may wait for their answers: a client that pipelines more is cut (D4). */
const PIPELINED_MAX = 64;

/** What the requests of one connection have in common. */
export class Connection {
  /** What it presented before. */
  readonly session: Session;
  readonly socket: Socket;
  /** Whose share it counts against (BD5); null before anybody has shown a capability on it. */
  tenant: string | null = null;
  /** The capability that it was last counted for. */
  holder: Capability | null = null;
  /** After this response the connection goes: what was pipelined behind it is not taken. */
  isClosing = false;
  /** Answers the last of its requests. */
  last: ServerResponse | null = null;
  private reader: { late(): void } | null = null;
  private isLate = false;
  private readonly leaving = new Set<() => void>();
  private unanswered = 0;
  private pauses = 0;

  constructor(socket: Socket, session: Session) {
    this.socket = socket;
    this.session = session;
    socket.once('close', () => {
      session.gone = true;
      for (const callback of this.leaving) callback();
    });
  }

  /** Counts one more request, by its response; false when there is one too many. */
  takes(response: ServerResponse): boolean {
    this.last = response;
    return ++this.unanswered <= PIPELINED_MAX;
  }

  /** Nothing is read from it until whoever wants so has said `resume`. */
  pause(): void {
    if (this.pauses++ === 0) this.socket.pause();
  }
  resume(): void {
    if (--this.pauses === 0) this.socket.resume();
  }

  /** This response is its last. */
  refuses(response: ServerResponse): void {
    this.last = response;
    this.isClosing = true;
  }

  /** How far the last of its requests is: still being read, answered before it was read, or read. */
  get reading(): 'unanswered' | 'answered' | 'whole' {
    const { last } = this;
    if (last === null || last.req.complete) return 'whole';
    return last.writableEnded ? 'answered' : 'unanswered';
  }

  answered(): void {
    this.reader = null;
    this.unanswered--;
  }

  /** The reader of the last request's body is told when that has not come in time; at once when it is so already. */
  onLate(reader: { late(): void }): void {
    if (this.isLate) reader.late();
    else this.reader = reader;
  }

  /** Time is up for the request that is being read. True when there is one, and it will be answered for that. */
  late(): boolean {
    if (this.reading !== 'unanswered') return false;
    this.isLate = true;
    this.reader?.late();
    return true;
  }

  /** Calls back when the connection closes, until `off`. */
  onClose(callback: () => void): void {
    this.leaving.add(callback);
  }
  off(callback: () => void): void {
    this.leaving.delete(callback);
  }
}

/** What is known of a connection, on the socket itself: each request asks, and a map of sockets is more to ask and to collect. */
const CONNECTION = Symbol('connection');
type Known = Socket & { [CONNECTION]?: Connection };

/** What is known of a connection; undefined before its first request. */
export const knownConnection = (socket: Socket): Connection | undefined => (socket as Known)[CONNECTION];

/**
 * Whether someone stands behind this connection: no more once that capability is revoked, expired or of a key that is gone. That a
 * remote verifier would have to be asked again says nothing against it.
 */
export function isKnown(socket: Socket): boolean {
  const holder = knownConnection(socket)?.session.holder ?? null;
  const failure = holder === null ? 'missing' : holder.failure();
  return failure === null || failure === 'unverified';
}

export function connectionOf(socket: Socket, newSession: () => Session): Connection {
  const known = socket as Known;
  known[CONNECTION] ??= new Connection(socket, newSession());
  return known[CONNECTION];
}
