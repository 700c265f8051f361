/** What a peer is to the benchmark: how it is started, and how a lane of the load speaks to it. */

/** A peer that runs, and what its clients need to know. */
export interface Running {
  readonly port: number;
  /** What opens it, where something does. */
  readonly secret: string;
  /** Its process: with all that it started, it is what the processor time is counted of. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** One connection with a queue of its own. */
export interface Lane {
  /** So many messages are sent, received and acknowledged. */
  cycle(messages: number): Promise<void>;
  close(): void | Promise<void>;
}

export interface Opened extends Pick<Running, 'port' | 'secret'> {
  /** Its queue is of this name, which nobody used before. */
  readonly queue: string;
  readonly payload: Buffer;
}

export interface Peer {
  readonly name: string;
  /** How what it answers for is durable; null where it is not. */
  readonly durable: string | null;
  /** What a reader should know before comparing. */
  readonly note: string;
  /** Why it cannot be tried on this machine; null where it can. */
  missing(): string | null | Promise<string | null>;
  /** `folder` is empty, and its own. */
  start(folder: string): Promise<Running>;
  open(to: Opened): Promise<Lane>;
}
