import type { Op } from '../../spec/vocabulary.ts';
import type { Capability, Session } from '../auth/authorize.ts';
import type { Cause } from '../ports/observer.ts';
import type { Delivery } from '../service/messages.ts';

/** Whoever sent a request, as far as the node needs to know of them. */
export interface Client {
  /** What its connection presented before. */
  readonly session: Session;
  /** An address, or `uid:` and the user behind a Unix socket: whom failures are counted for (AU5). */
  readonly peer: string;
  /** True when it can provably not get a response any more. */
  gone(): boolean;
  /** Ends its connection at once, whatever waits to be written. */
  cut(): void;
  /** Calls back when it leaves before it had its whole response. */
  onGone(callback: () => void): void;
  /** Calls back when a response that had to wait is written, or never will be: whether nothing at all of it was. */
  onWritten(callback: (nothing: boolean) => void): void;
}

/** One request on its way through the node. */
export interface Exchange {
  readonly client: Client;
  /** Who asks; null before that is known. */
  capability: Capability | null;
  /** What its response hands out, and under which capabilities. */
  leased: readonly Delivery[];
  holders: readonly Capability[];
  /** The request as what it brings about is told of (O2): under its own capability, or that of one of its units. */
  causeOf(capability: Capability): Cause;
  /** Somebody asked for this and may not, or is nobody (O3). */
  denied(op: Op, reason: string): void;
}

export const NOTHING_LEASED: readonly Delivery[] = [];
export const NOBODY: readonly Capability[] = [];
