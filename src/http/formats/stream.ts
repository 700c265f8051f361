import type { Outcome } from '../../../spec/vocabulary.ts';
import { refuses } from '../../api/errors.ts';
import type { StreamReader } from '../../node/stream-writer.ts';
import type { Delivery, Reply, StreamRequest } from '../../service/messages.ts';
import type { HttpExchange, StreamOut } from '../exchange.ts';
import { type Answer, answerOf, done, errorOf } from '../reply.ts';
import { refusedIn } from './asks.ts';
import { ackResultsBody, envelope } from './bodies.ts';

const TYPE = 'application/x-ndjson';
/** Lines go to the socket in pieces of about this size, the next when the one before is written. */
const PIECE_CHARS = 16 * 1024;

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
    this.out = client.stream(TYPE, corrId);
    const { acks } = this.request;
    if (acks.length === 0 || client.gone()) return false;
    const msgIds = acks.map(({ msgId }) => msgId);
    this.out.write(`${ackResultsBody(msgIds, ackOutcomes)}\n`, written);
    return true;
  }

  write(deliveries: readonly Delivery[], nowMs: number, written: () => void): number {
    let text = '';
    let lines = 0;
    while (lines < deliveries.length && text.length < PIECE_CHARS) {
      text += `${envelope(deliveries[lines++] as Delivery, nowMs)}\n`;
    }
    this.out?.write(text, written);
    return lines;
  }

  beat(written: () => void): void {
    this.out?.write('\n', written);
  }

  /** The last line says why, unless all that was asked for was given. */
  end(outcome: Outcome): void {
    const message = outcome === 'lease_lost' ? ABANDONED : undefined;
    const error = refuses(outcome) ? `${JSON.stringify(errorOf(outcome, message, this.exchange.corrId))}\n` : '';
    this.out?.end(error);
  }

  over(outcome: Outcome, opening: Reply): void {
    const acks = refusedIn([opening], false);
    this.finish({ ...done('', refuses(outcome) ? outcome : 'ok'), status: 200, ...acks });
  }
}
