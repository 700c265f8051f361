/** The seams of the mailbox: everything that is not a pure function comes in through one of these. */
import type { Attrs, Fact } from './core/facts.ts';
import type { Limits } from './core/limits.ts';
import type { Message, ShardState } from './core/state.ts';

/**
 * The service clock (TM1), whole milliseconds: it runs with the machine's monotonic clock, and goes on over a restart by the time
 * that no process ran, so that it never goes back. Where it began says nothing: it is no date.
 */
export interface Clock {
  nowMs(): number;
  /** The wall clock as it stands, ms since 1970, 0 .. `WALL_MS_MAX`: for `ts`, the times of capabilities, and for nothing else. */
  wallMs(): number;
}
/** Timers of a process: real ones, or simulated ones that go when it does. */
export interface Timers {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(id: unknown): void;
}
/** What a msg_id has room for. */
export const WALL_MS_MAX = 2 ** 48 - 1;
/** Someone set the wall clock when it moved by more than this against the service clock. */
export const WALL_SET_MS = 100;

/** The two clocks of a machine, as they come; fractions of a millisecond count. */
export interface TimeSource {
  /** Runs while the machine does, from anywhere on; nobody sets it. */
  monotonicMs(): number;
  /** Since 1970; anybody may set it. */
  wallMs(): number;
}

/** A source of randomness. Real processes draw from the kernel, the simulator from a named stream of the seed. */
export interface Random {
  /** A whole number, uniform in [0, below); `below` at most 2^48. */
  below(below: number): number;
  /**
   * Text of letters, digits, `-` and `_`, with at least as much chance in it as `bytes` random bytes, at most 1024 (a receipt: 16).
   * It begins with a letter or a digit: a `-` would make an option of what people paste.
   */
  token(bytes: number): string;
}

/** What happened to the process rather than to a message; journaled beside the facts, for what must outlive it. */
export type ProcessFact = Started | Limited | Revoked | Charged | Barred | Clocks;

/** A process took the journal over. What it did to each shard is a fact of that shard (`recovered`). */
export interface Started {
  readonly name: 'started';
  readonly atMs: number;
  /** One more than that of the process before. */
  readonly epoch: number;
  readonly shards: number;
  readonly limits: Limits;
}
/** Other limits are in force from here on. */
export interface Limited {
  readonly name: 'limited';
  readonly limits: Limits;
}
export interface Revoked {
  readonly name: 'revoked';
  readonly kind: 'nonce' | 'key_id';
  readonly value: string;
  readonly atMs: number;
}
/** How far a quota window is used (AU2): the sum so far, so that the last one says it all. */
export interface Charged {
  readonly name: 'charged';
  readonly nonce: string;
  /** The links of the capability's chain down to the caveat, by name, a dot between them; absent where the line alone was counted. */
  readonly chain?: string;
  /** The caveat, as it is written. */
  readonly line: string;
  readonly used: number;
  readonly endMs: number;
  readonly windowMs: number;
}
/** What both clocks showed at one moment (journal rule 10): by it the next process knows how long none ran (TM1). */
export interface Clocks {
  readonly name: 'clocks';
  readonly serviceMs: number;
  readonly wallMs: number;
}
/** Too much was made from a link of a capability's chain (AU6): until `endMs` no quota further down is counted, or forgotten. */
export interface Barred {
  readonly name: 'barred';
  readonly nonce: string;
  /** The links down to it, as in `Charged`; empty for the nonce itself. */
  readonly chain: string;
  readonly endMs: number;
  /** No wait for its end is longer, whatever the clock did. */
  readonly windowMs: number;
}

/** The facts of one decision, which stay together; shard null for those of the process. */
export type Batch =
  | { readonly shard: number; readonly facts: readonly Fact[] }
  | { readonly shard: null; readonly facts: readonly ProcessFact[] };

/**
 * Where facts become durable. One append is outstanding at a time. Any failure is final for the process (journal
 * rule 4): it is reported once and nothing is retried.
 */
export interface Journal {
  /** Calls `done` once: with null when all of `batches`, in their order, is durable, else with what went wrong. */
  append(batches: readonly Batch[], done: (error: Error | null) => void): void;
}

/** One thing to do with a file of a data directory, as data: disks, real and simulated, run it. */
export type StorageOp =
  /** Creates the file when it is not there. Gives how many bytes were written, which may be fewer; `durable`: and synced. */
  | {
      readonly op: 'write';
      readonly file: string;
      readonly at: number;
      readonly bytes: Uint8Array;
      readonly durable: boolean;
    }
  | { readonly op: 'sync'; readonly file: string }
  | { readonly op: 'truncate'; readonly file: string; readonly size: number }
  | { readonly op: 'rename'; readonly file: string; readonly to: string }
  | { readonly op: 'remove'; readonly file: string }
  /** Makes names durable: what was created, renamed or removed in this folder ('' for the directory itself). */
  | { readonly op: 'sync_folder'; readonly folder: string };

/** What can be read of a data directory. */
export interface StorageReader {
  /** Names in the folder, without those of folders; none when there is no such folder. */
  files(folder: string): readonly string[];
  size(file: string): number;
  /** Fewer bytes only at the end of the file. */
  read(file: string, at: number, bytes: number): Uint8Array;
}

/** The files of one data directory. What fails does so with an `Error` that has the system's `code`. */
export interface Storage extends StorageReader {
  /** Does it before returning. */
  now(op: StorageOp): number;
  /** Does it off the caller's path; `done` is called later, once. Ops under way may be done in any order. */
  later(op: StorageOp, done: (error: Error | null, result: number) => void): void;
}

/** Hashes of payloads and envelopes (`wire`: Hashes). */
export interface Integrity {
  /** `b3:` and 64 lower-case hex digits. */
  payloadHashOf(payload: Uint8Array): string;
  hashChainOf(topic: string, sentAtMs: number, idemKey: string, payloadHash: string, attrs: Attrs): string;
  /** The `sig` of an envelope, where a signing key is configured (K3). */
  sigOf?(hashChain: string): string | null;
}

/** The request that brought something about, as the log names it (O2). */
export interface Cause {
  readonly corrId: string;
  /** An address, or the user behind a Unix socket. */
  readonly peer: string;
  /** What its capability is for: nothing that would let anyone use it. */
  readonly scope: string;
}

/** Watches facts as they become true: metrics, decision lines, traces. Cannot refuse or change anything. */
export interface Observer {
  /** `cause` is null where time brought it about. */
  fact(shard: ShardState, fact: Fact, cause: Cause | null): void;
  /** A request is decided, of several that came together each in its turn; its facts came before. */
  decided?(): void;
  /** These leases are about to go back: nobody can be given what is under them (LE7). */
  released?(leases: readonly { readonly msgId: string; readonly receipt: string }[]): void;
  /** A payload at rest is not what its hash says, and is withheld (IN1). */
  damaged?(shard: ShardState, message: Message, cause: Cause | null): void;
}
