import type { Outcome } from '../../spec/vocabulary.ts';
import type { Fact } from '../core/facts.ts';
import type { AcksReply, Caller, Delivery, RecvRequest, Reply, StreamRequest } from './messages.ts';

/** A recv that waits for a message. */
export interface LongPoll {
  readonly request: RecvRequest;
  readonly caller: Caller;
  readonly acks: AcksReply;
  readonly endMs: number;
  readonly reply: (reply: Reply) => void;
  /** The stream whose next step this is. */
  readonly stream: Stream | null;
  /** Its place in the order of ends; -1 outside. */
  place: number;
}

/** Who takes what a stream gives. The service never waits for it: it asks for more when it is `ready`. */
export interface StreamConsumer {
  /** Called once, first: `ok` with the outcomes of the acks that rode along, or why there is no stream. */
  opened(reply: Reply, stream: Stream): void;
  /** Leased and durable. What is provably never written comes back through `closeStream` or `release`. */
  deliver(deliveries: readonly Delivery[]): void;
  /** The last call: nothing more is given. `ok` when the stream gave all it was asked for. */
  ended(outcome: Outcome): void;
}

/**
 * A subscription: a recv that is asked again and again, as often as its consumer has written what it got and settled
 * enough of it. Between two steps it is a long poll like any other.
 */
export class Stream {
  readonly request: StreamRequest;
  readonly caller: Caller;
  readonly consumer: StreamConsumer;
  /** Leases in force that the consumer has not settled, with their payloads' bytes. */
  readonly leases = new Map<string, number>();
  /**
   * Leases that ran out unsettled. They hold their credit until the consumer settles another one: a consumer that is
   * gone without a word costs no message more than `credit` attempts.
   */
  lapsed = 0;
  private bytes = 0;
  /** Messages it may still give. */
  left: number;
  /** Has written all it was given. */
  ready = true;
  /** An operation of the quota is taken for the next step (the first is paid by the request itself). */
  paid = true;
  /** The quota allows no step before. */
  resumeAtMs = 0;
  poll: LongPoll | null = null;
  closed = false;

  constructor(request: StreamRequest, caller: Caller, consumer: StreamConsumer) {
    this.request = request;
    this.caller = caller;
    this.consumer = consumer;
    this.left = request.messagesMax;
  }

  /** How many messages the credit leaves room for. */
  get room(): number {
    return Math.min(this.left, this.request.credit - this.leases.size - this.lapsed);
  }

  /** All it was asked for is given, and written. */
  get isOver(): boolean {
    return this.left === 0 && this.ready;
  }

  /** Every credit is held by a lease that ran out: nobody is there. */
  get isAbandoned(): boolean {
    return this.lapsed >= this.request.credit;
  }

  /** What the next step asks for. The first message always goes when nothing is unsettled (LE6). */
  step(): RecvRequest & { readonly firstAlways: boolean } {
    const { topic, visibilityMs, bytesMax } = this.request;
    const firstAlways = this.leases.size === 0;
    const room = { messagesMax: this.room, bytesMax: Math.max(0, bytesMax - this.bytes), firstAlways };
    return { verb: 'recv', topic, visibilityMs, ...room, waitMs: 0, acks: [] };
  }

  /** Whether this lease is still in force: what is not written by then is not worth writing. */
  holds({ msgId }: Delivery): boolean {
    return this.leases.has(msgId);
  }

  lease({ msgId, payload }: Delivery): void {
    this.leases.set(msgId, payload.byteLength);
    this.bytes += payload.byteLength;
    this.left--;
  }

  /** A lease of it ended. */
  end(msgId: string, how: Fact['name']): void {
    this.bytes -= this.leases.get(msgId) ?? 0;
    this.leases.delete(msgId);
    if (how === 'expired') this.lapsed++;
    else if (how === 'released') this.left++;
    else this.lapsed = 0;
  }
}
