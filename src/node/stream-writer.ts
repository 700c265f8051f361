import type { Outcome } from '../../spec/vocabulary.ts';
import type { Delivery, Reply } from '../service/messages.ts';
import type { Stream, StreamConsumer } from '../service/stream.ts';
import { Outflow } from './outflow.ts';

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

/** A stream on its way to its reader: what was never written goes back (LE7). */
export class StreamWriter extends Outflow<Delivery, Stream, StreamReader> implements StreamConsumer {
  protected readonly op = 'recv';
  private opening: Reply = { outcome: 'ok' };

  opened(reply: Reply, stream: Stream): void {
    this.open(reply, stream);
  }

  deliver(deliveries: readonly Delivery[]): void {
    this.give(deliveries);
  }

  protected override refused(reply: Reply): void {
    this.parts.reader.refused(reply);
  }

  protected override begin(reply: Reply): boolean {
    if (reply.outOfScope === true) this.parts.exchange.denied('ack', 'topic');
    this.opening = reply;
    return this.parts.reader.opened(reply, this.written);
  }

  /** No lease that has run out meanwhile, and none at all once it ends: the others go back. */
  protected override kept(waiting: readonly Delivery[], ending: Outcome | null): readonly Delivery[] {
    return ending === null ? waiting.filter((delivery) => this.given?.holds(delivery)) : [];
  }

  protected override write(deliveries: readonly Delivery[]): number {
    const { reader, clock } = this.parts;
    return reader.write(deliveries, clock.nowMs(), this.written);
  }

  protected override beat(): void {
    this.parts.reader.beat(this.written);
  }

  protected override ask(stream: Stream): void {
    const { service, clock } = this.parts;
    service.streamReady(stream, clock.nowMs());
  }

  protected override end(outcome: Outcome): void {
    this.parts.reader.end(outcome);
  }

  protected override leave(stream: Stream, waiting: readonly Delivery[], outcome: Outcome): void {
    const { service, clock, reader } = this.parts;
    service.closeStream(stream, waiting, clock.nowMs());
    reader.over(outcome, this.opening);
  }
}
