import { textOf } from './bytes.ts';
import type { FrameEnvelope } from './types.ts';

/** How a message is given back. */
export interface GiveBack {
  /** Kept with the message as its `last_error`; 1024 bytes at most, what is more is cut off. */
  readonly reason?: string;
  /** Comes again after so long, 0 .. 12 h; by itself the server waits longer with each attempt. */
  readonly retryAfterMs?: number;
  /** Goes to the dead letters at once. */
  readonly deadLetter?: boolean;
}

/** Thrown by a handler: the message goes to the dead letters at once, with this reason. */
export class Reject extends Error {
  override readonly name = 'Reject';
}

/** Thrown by a handler: the message comes again after this time, and not when the server thinks best. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number, reason = 'later') {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a handler's error says of how its message is given back. */
export function giveBackFor(error: unknown): GiveBack {
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (error instanceof Reject) return { reason: error.message, deadLetter: true };
  if (error instanceof RetryLater) return { reason: error.message, retryAfterMs: error.retryAfterMs };
  return { reason };
}

/** What is done with a message; true where the server has done it, false where the lease was over before. */
export interface Settling {
  ack(): Promise<boolean>;
  nack(how: GiveBack): Promise<boolean>;
}

/** A message in hand: its lease is kept up until it is settled. */
export class Message {
  readonly envelope: FrameEnvelope;
  /** Aborted when the lease is over, or the consumer stops without waiting any longer: somebody else may have the message then. */
  readonly signal: AbortSignal;
  private readonly settling: Settling;

  constructor(envelope: FrameEnvelope, settling: Settling, signal: AbortSignal) {
    this.envelope = envelope;
    this.settling = settling;
    this.signal = signal;
  }

  get id(): string {
    return this.envelope.msg_id;
  }
  get topic(): string {
    return this.envelope.topic;
  }
  /** What the sender calls it; the same for whatever is the same. */
  get key(): string {
    return this.envelope.idem_key;
  }
  /** 1 for the first delivery. */
  get attempt(): number {
    return this.envelope.attempt;
  }
  get attrs(): Readonly<Record<string, string>> {
    return this.envelope.attrs;
  }
  get payload(): Uint8Array {
    return this.envelope.payload;
  }
  text(): string {
    return textOf(this.payload);
  }
  /** @throws SyntaxError when the payload is no JSON */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }

  /** Done with it. True: for good. False: the lease was over, and the message goes to whoever comes next. Never rejects. */
  ack(): Promise<boolean> {
    return this.settling.ack();
  }
  /** Gives it back. Never rejects. */
  nack(how: GiveBack = {}): Promise<boolean> {
    return this.settling.nack(how);
  }
}
