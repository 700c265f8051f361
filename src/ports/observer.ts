import type { Fact } from '../core/facts.ts';
import type { Message } from '../core/message.ts';
import type { ShardState } from '../core/state.ts';

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
