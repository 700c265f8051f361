import type { AckResult, FrameEnvelope, NackResult } from './types.ts';

/** How a lease is to be settled. */
export type Settlement = { readonly verb: 'ack' } | ({ readonly verb: 'nack' } & NackFields);
interface NackFields {
  readonly reason?: string;
  readonly retry_after_ms?: number;
  readonly dead_letter?: boolean;
}
export type SettleResult = AckResult | NackResult;

/** A message that was leased, up to the answer to how it is settled. */
export class Lease {
  readonly envelope: FrameEnvelope;
  /** Aborted when nobody should go on with the message. */
  readonly leaving = new AbortController();
  /** Of our clock: until then it is ours. */
  deadlineMs: number;
  /** How it is to be settled, once that is known; it is decided once. */
  settlement: Settlement | null = null;
  /** Resolves with whether the server did it. */
  readonly settled: Promise<boolean>;
  private done!: (held: boolean) => void;
  isOver = false;
  /** A request to keep it is on its way. */
  extending = false;
  /** The server does not make it any longer: it is at the end of all that it may last, or over. */
  isFinal = false;

  constructor(envelope: FrameEnvelope, nowMs: number) {
    this.envelope = envelope;
    this.deadlineMs = nowMs + envelope.deadline_in_ms;
    this.settled = new Promise((resolve) => {
      this.done = resolve;
    });
  }

  /** The answer is there, or will not come in time. */
  end(held: boolean): void {
    this.isOver = true;
    this.done(held);
  }
}
