/** A frame of a log, as its engine keeps it. */
export interface StoredFrame {
  /** From 1, one more than that of the frame before. */
  readonly sequence: number;
  /** 32 bytes over all that it says, the hash of the frame before included. */
  readonly hash: Uint8Array;
  readonly body: Uint8Array;
}

/** A frame on its way: it goes where it says, behind the very frame that it names, or nowhere. */
export interface EngineFrame extends StoredFrame {
  /** The number of the log. */
  readonly shard: number;
  /** Hash of the frame before; 32 zeros for the first. */
  readonly previous: Uint8Array;
}

/** What became of one frame of a statement. Whatever is not certain is `unknown`: an answer with a warning is not. */
export type AppendOutcome =
  /** It is there and stays, also when the machine that took it is lost. */
  | 'durable'
  /** It did not go in: the last frame is not the one before it, or there is no room. */
  | 'refused'
  /** It is there, or will be, or never will: only reading again tells, and only an append after it makes it certain. */
  | 'unknown'
  /** It did not go in, and nothing will: the engine takes nothing from this process, or nothing at all. */
  | 'failed';

export interface FramesRead {
  /** Two at least, unless these are all. */
  readonly frames: readonly StoredFrame[];
  /** Whether there are no more after them. */
  readonly isEnd: boolean;
}

/** Who tries to own a shard. It keeps nodes out of each other's way and carries no safety: the log does. */
export interface Leases {
  /** Calls `done` once: whether it is ours now, or in how many ms to ask again at the earliest. */
  claim(shard: number, owner: string, done: (result: { readonly heldForMs: number } | null | Error) => void): void;
  release(shard: number, owner: string): void;
}

/**
 * What several mailbox processes keep their logs in, one log a shard. A frame is compared with the last one of its log and put behind it in
 * one step: number and hash of the frame before must be those that its writer knows.
 */
export interface Engine {
  readonly leases: Leases;
  /**
   * One statement with at most one frame a log: each goes in or does not, whatever becomes of the others. Calls `done` once with an outcome
   * for each frame in their order, and with why they are not durable where there is more to say; or never, for what a connection that hangs was
   * to answer: whoever waits has a deadline.
   */
  append(frames: readonly EngineFrame[], done: (outcomes: readonly AppendOutcome[], why: Error | null) => void): void;
  /** What can be seen of a log from this number on, in order; it need not be durable. Calls `done` once. */
  frames(shard: number, from: number, done: (read: FramesRead | Error) => void): void;
}
