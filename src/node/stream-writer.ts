import type { Outcome } from '../../spec/vocabulary.ts';
import type { Capability } from '../auth/authorize.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { Delivery, Reply } from '../service/messages.ts';
import type { Service } from '../service/service.ts';
import type { Stream, StreamConsumer } from '../service/stream.ts';
import { endOf } from './authorize.ts';
import type { Exchange } from './exchange.ts';

/** Who reads a stream: what it is given goes out bit by bit, one write at a time, each when the one before is taken. */
export interface StreamReader {
  /** It is not opened; the only call then. */
  refused(reply: Reply): void;
  /** It is open: the outcomes of acks that rode along. True when it writes something for that, and calls `written` then. */
  opened(reply: Reply, written: () => void): boolean;
  /** Writes as many of these, from the first on, as make a piece; calls `written` when they are taken. Gives how many. */
  write(deliveries: readonly Delivery[], nowMs: number, written: () => void): number;
  /** Writes what is no message, so that everybody on the way knows that the stream is alive. */
  beat(written: () => void): void;
  /** Writes why it ends, unless all that was asked for was given, and ends it. */
  end(outcome: Outcome): void;
  /** It is over, whoever ended it; the last call. */
  over(outcome: Outcome, opening: Reply): void;
}

interface Parts {
  readonly service: Service;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly heartbeatMs: number;
  readonly exchange: Exchange;
  readonly capability: Capability;
  readonly reader: StreamReader;
  /** Something was done that time may have to go on with. */
  readonly after: () => void;
}

/**
 * A stream on its way to its reader. It asks for more when what it had is written, so that a reader that stalls holds no memory; what
 * was never written goes back (LE7), and what waits to be written when the capability ends is cut (AU3).
 */
export class StreamWriter implements StreamConsumer {
  private readonly parts: Parts;
  private stream: Stream | null = null;
  /** Given and not handed to the reader. */
  private waiting: readonly Delivery[] = [];
  /** It was given something and has not asked for more since. */
  private owes = false;
  /** The reader holds something that it has not taken. */
  private isWriting = false;
  /** Why it ends, once what is being written is. */
  private ending: Outcome | null = null;
  private isOver = false;
  private opening: Reply = { outcome: 'ok' };
  private heartbeat: unknown = null;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  opened(reply: Reply, stream: Stream): void {
    const { exchange, reader } = this.parts;
    if (reply.outcome !== 'ok') {
      this.isOver = true;
      if (reply.outcome === 'cap_scope') exchange.denied('recv', 'topic');
      return reader.refused(reply);
    }
    if (reply.outOfScope === true) exchange.denied('ack', 'topic');
    this.stream = stream;
    this.opening = reply;
    this.isWriting = reader.opened(reply, this.written);
    exchange.client.onGone(() => this.over('ok'));
    if (exchange.client.gone()) return this.over('ok');
    // What it rests on may have become durable later than what ended it.
    if (this.ending !== null) {
      if (!this.isWriting) this.close();
      return;
    }
    this.beatLater();
  }

  deliver(deliveries: readonly Delivery[]): void {
    this.waiting = deliveries;
    this.owes = true;
    if (!this.isWriting) this.next();
  }

  ended(outcome: Outcome): void {
    if (this.isOver) return;
    const { capability, exchange } = this.parts;
    this.ending = outcome === 'cap_auth' ? endOf(capability.failure() ?? 'revoked') : outcome;
    if (outcome === 'cap_auth') exchange.denied('recv', 'ended');
    // It is told so once it is open: until then nothing of it is written.
    if (this.stream === null) return;
    // What was not handed to the reader is not sent any more, and what was is not waited for.
    if (outcome === 'cap_auth' && this.isWriting) return exchange.client.cut();
    if (!this.isWriting) this.close();
  }

  /** Hands the next lines to the reader, or asks for more. */
  private next(): void {
    const { capability, reader, service, clock, after } = this.parts;
    if (this.ending !== null) return this.close();
    this.waiting = this.waiting.filter((delivery) => this.stream?.holds(delivery));
    if (this.waiting.length === 0) {
      const { owes } = this;
      // Before it asks: it may be given something at once, and owes again.
      this.owes = false;
      if (owes) service.streamReady(this.stream as Stream, clock.nowMs());
      return after();
    }
    if (!capability.isValid()) return this.ended('cap_auth');
    this.isWriting = true;
    const written = reader.write(this.waiting, clock.nowMs(), this.written);
    this.waiting = this.waiting.slice(written);
  }

  private readonly written = (): void => {
    this.isWriting = false;
    if (!this.isOver) this.next();
  };

  private beatLater(): void {
    const { timers, heartbeatMs } = this.parts;
    this.heartbeat = timers.setTimeout(() => {
      this.beat();
      this.beatLater();
    }, heartbeatMs);
  }

  private beat(): void {
    if (this.isWriting) return;
    this.isWriting = true;
    this.parts.reader.beat(this.written);
  }

  private close(): void {
    const outcome = this.ending as Outcome;
    this.parts.reader.end(outcome);
    this.over(outcome);
  }

  /** Once: gives back what was never handed to the reader. */
  private over(outcome: Outcome): void {
    if (this.isOver) return;
    this.isOver = true;
    const { service, clock, reader, timers, after } = this.parts;
    if (this.heartbeat !== null) timers.clearTimeout(this.heartbeat);
    service.closeStream(this.stream as Stream, this.waiting, clock.nowMs());
    this.waiting = [];
    reader.over(outcome, this.opening);
    after();
  }
}
