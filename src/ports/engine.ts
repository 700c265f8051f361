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

/** That it is ours now, and what the clock of the engine showed meanwhile. */
export interface Granted {
  readonly engineMs: number;
}
/** Those that are still ours. */
export interface Renewed extends Granted {
  readonly logs: readonly number[];
}

/** Who tries to own a log. It keeps nodes out of each other's way and carries no safety: the log does. */
export interface Leases {
  /** How long a lease is, from when the engine granted or renewed it. */
  readonly leaseMs: number;
  /** Calls `done` once: whether it is ours now, or in how many ms to ask again at the earliest. */
  claim(shard: number, owner: string, done: (result: Granted | { readonly heldForMs: number } | Error) => void): void;
  /** Renews these, where the owner has them and they are not over, in one go. Calls `done` once. */
  renewAll(owner: string, logs: readonly number[], done: (result: Renewed | Error) => void): void;
  release(shard: number, owner: string): void;
  /** Calls `changed` when a lease may have been given back: a hint, which may not come. Gives what ends it. */
  watch(changed: () => void): () => void;
  /** Ends all leases of this owner, whose process is gone as far as anybody can see. Calls `done` once. */
  dismiss(owner: string, done: (error: Error | null) => void): void;
}

/** A process that shares the engine with others, as it says of itself. */
export interface Member {
  /** The node's, whose processes come one after the other. */
  readonly name: string;
  /** Of this process alone: its leases are in this name. */
  readonly owner: string;
  /** Where other nodes reach it. */
  readonly url: string;
  readonly version: string;
}

/** The same, as the others see it. */
export interface SeenMember extends Member {
  /** ms since it was heard last. */
  readonly quietMs: number;
  /** A connection of it to the engine stands. Without one it is dead, or is making it anew. */
  readonly isConnected: boolean;
}

/** A lease that is not over. */
export interface Holder {
  readonly shard: number;
  readonly owner: string;
  readonly leftMs: number;
}

/** Who is there, and who has what, at one moment. */
export interface Company {
  readonly members: readonly SeenMember[];
  readonly holders: readonly Holder[];
  /** The number of the last revocation; 0 before the first. */
  readonly revoked: number;
}

/** What ends capabilities at all nodes. */
export interface SharedRevocation {
  readonly kind: 'nonce' | 'key_id';
  readonly value: string;
}

/** Some revocations in the order of their numbers. */
export interface RevocationPage {
  readonly revocations: readonly SharedRevocation[];
  /** The number of the last of them. */
  readonly last: number;
  readonly isEnd: boolean;
}

/** A part of a quota's window that a node wants for itself. */
export interface QuotaAsked {
  /** Of the link whose quota it is: all that was ever made from it is counted in one. */
  readonly name: string;
  readonly max: number;
  readonly windowMs: number;
  /** Nothing is given where less is there; */
  readonly need: number;
  /** and so much or more where it is there. Never less than `need`. */
  readonly wanted: number;
}
export interface QuotaTaken {
  /** It is the node's now, and nobody else's: 0 where less than needed was there. */
  readonly granted: number;
  /** So much is there for whoever asks next. */
  readonly rest: number;
  /** ms until the window is over. It begins when the first part of it is taken. */
  readonly leftMs: number;
}
/** Calls back once, with null where nobody knows: what was taken then is lost with its window. */
export type TakeQuota = (asked: QuotaAsked, done: (taken: QuotaTaken | null) => void) => void;

/** Why a node's name is not to be had, in words. */
export interface NameTaken {
  readonly taken: string;
}

/** Who shares the engine, and what all of them must know. Who is there carries no safety: it decides who tries to own what. */
export interface Members {
  /**
   * Takes the name for this process, once nobody else is there in it; what the process before left behind is ended. Calls `done` once, with
   * the number of the log that is this node's for good.
   */
  join(member: Member, done: (result: { readonly log: number } | NameTaken | Error) => void): void;
  /** Says that the process is there, and gives who else is. Calls `done` once; with `taken` when the name is another process's by now. */
  beat(member: Member, done: (result: Company | NameTaken | Error) => void): void;
  /** It is there no more, and has given back what it had. Calls `done` once. */
  leave(member: Member, done: (error: Error | null) => void): void;
  /** Twice is once. Calls `done` once, with null when it stays, also when the machine that took it is lost. */
  revoke(revocation: SharedRevocation, done: (error: Error | null) => void): void;
  /** Those behind this number. Calls `done` once. */
  revocations(after: number, done: (page: RevocationPage | Error) => void): void;
  /** Takes a part of a quota: what was answered is taken, also when the machine that took it is lost. */
  readonly takeQuota: TakeQuota;
}

/** What an engine promises as it stands: an owner writes it into its log, so that the next one sees when answers may have been lost. */
export interface EnginePromise {
  /** Which database it is: another one has another history. At most 64 bytes. */
  readonly system: string;
  /** Rises when a standby takes the place of the primary. */
  readonly timeline: number;
  /** An append is answered when a standby has it. */
  readonly isReplicated: boolean;
}

/** A snapshot that is there, as whole as whoever made it says. */
export interface StoredSnapshot {
  /** Of the frame that it reaches. */
  readonly sequence: number;
  /** Its own among all of its log: two may make one of the same place. */
  readonly maker: string;
  readonly pieces: number;
  readonly bytes: number;
}

/** Snapshots of logs. Nothing here is guarded: whoever reads one checks it. Each calls `done` once. */
export interface Snapshots {
  /** The newest first. One of which not all pieces were put is not among them. */
  list(shard: number, done: (snapshots: readonly StoredSnapshot[] | Error) => void): void;
  /** From 0 on. */
  piece(shard: number, snapshot: StoredSnapshot, number: number, done: (bytes: Uint8Array | Error) => void): void;
  put(
    shard: number,
    snapshot: Pick<StoredSnapshot, 'sequence' | 'maker'>,
    number: number,
    bytes: Uint8Array,
    done: (error: Error | null) => void,
  ): void;
  /** All pieces are put: it may be read. */
  finish(shard: number, snapshot: StoredSnapshot, done: (error: Error | null) => void): void;
  /** Whoever made it gives it up, whole or not, so that what cannot be finished does not pile up. */
  discard(shard: number, maker: string, done: (error: Error | null) => void): void;
  /** Removes the frames before this one, but never the last of the log, and the snapshots that do not reach it, unfinished ones too. */
  trim(shard: number, sequence: number, done: (error: Error | null) => void): void;
}

/**
 * What several mailbox processes keep their logs in, one log a shard. A frame is compared with the last one of its log and put behind it in
 * one step: number and hash of the frame before must be those that its writer knows.
 */
export interface Engine {
  readonly leases: Leases;
  readonly members: Members;
  readonly snapshots: Snapshots;
  /** Calls `done` once. */
  promise(done: (promise: EnginePromise | Error) => void): void;
  /**
   * One statement with at most one frame a log: each goes in or does not, whatever becomes of the others. Calls `done` once with an outcome
   * for each frame in their order, and with why they are not durable where there is more to say; or never, for what a connection that hangs was
   * to answer: whoever waits has a deadline.
   */
  append(frames: readonly EngineFrame[], done: (outcomes: readonly AppendOutcome[], why: Error | null) => void): void;
  /** What can be seen of a log from this number on, in order; it need not be durable. Calls `done` once. */
  frames(shard: number, from: number, done: (read: FramesRead | Error) => void): void;
  /** Whoever appended to this log waits for its answer no more. */
  giveUp?(shard: number): void;
}
