import type { Outcome } from '../../../spec/vocabulary.ts';
import { refuses } from '../../api/errors.ts';
import type { StreamReader } from '../../node/stream-writer.ts';
import type { Delivery, Reply, StreamRequest } from '../../service/messages.ts';
import type { HttpExchange, StreamOut } from '../exchange.ts';
import { type Answer, answerOf, done } from '../reply.ts';
import { refusedIn } from './asks.ts';
import { ackResultsBody, envelope } from './bodies.ts';
import { lastLine, NDJSON_TYPE, pieceOf } from './ndjson.ts';

const ABANDONED = 'every message that the credit allows has run out unsettled';

/** A stream as its client reads it: NDJSON, one envelope a line, a blank line now and then. */
export class NdjsonReader implements StreamReader {
  private readonly exchange: HttpExchange;
  private readonly request: StreamRequest;
  private readonly finish: (answer: Answer) => void;
  private out: StreamOut | null = null;

  /** `finish` answers with something else than a stream, or accounts for the stream when it is over. */
  constructor(exchange: HttpExchange, request: StreamRequest, finish: (answer: Answer) => void) {
    this.exchange = exchange;
    this.request = request;
    this.finish = finish;
  }

  refused(reply: Reply): void {
    this.finish(answerOf(reply, this.exchange.corrId, () => ''));
  }

  opened({ ackOutcomes = [] }: Reply, written: () => void): boolean {
    const { client, corrId } = this.exchange;
    this.out = client.stream(NDJSON_TYPE, corrId);
    const { acks } = this.request;
    if (acks.length === 0 || client.gone()) return false;
    const msgIds = acks.map(({ msgId }) => msgId);
    this.out.write(`${ackResultsBody(msgIds, ackOutcomes)}\n`, written);
    return true;
  }

  write(deliveries: readonly Delivery[], nowMs: number, written: () => void): number {
    const { text, lines } = pieceOf(deliveries, (delivery) => envelope(delivery, nowMs));
    this.out?.write(text, written);
    return lines;
  }

  beat(written: () => void): void {
    this.out?.write('\n', written);
  }

  /** The last line says why, unless all that was asked for was given. */
  end(outcome: Outcome): void {
    const message = outcome === 'lease_lost' ? ABANDONED : undefined;
    this.out?.end(lastLine(outcome, message, this.exchange.corrId));
  }

  over(outcome: Outcome, opening: Reply): void {
    const acks = refusedIn([opening], false);
    this.finish({ ...done('', refuses(outcome) ? outcome : 'ok'), status: 200, ...acks });
  }
}
