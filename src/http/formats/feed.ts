import type { Outcome } from '../../../spec/vocabulary.ts';
import { refuses } from '../../api/errors.ts';
import type { FeedReader } from '../../node/feed-writer.ts';
import type { FactView, Reply } from '../../service/messages.ts';
import type { HttpExchange, StreamOut } from '../exchange.ts';
import { type Answer, answerOf, done, errorOf } from '../reply.ts';
import { factLine } from './viewed.ts';

const TYPE = 'application/x-ndjson';
/** Lines go to the socket in pieces of about this size, the next when the one before is written. */
const PIECE_CHARS = 16 * 1024;

/** A feed as its client reads it: NDJSON, a fact a line, each with its cursor; a line with nothing but a cursor as heartbeat. */
export class NdjsonFeedReader implements FeedReader {
  private readonly exchange: HttpExchange;
  private readonly finish: (answer: Answer) => void;
  private out: StreamOut | null = null;

  constructor(exchange: HttpExchange, finish: (answer: Answer) => void) {
    this.exchange = exchange;
    this.finish = finish;
  }

  refused(reply: Reply): void {
    this.finish(answerOf(reply, this.exchange.corrId, () => ''));
  }

  opened(cursor: string, written: () => void): void {
    const { client, corrId } = this.exchange;
    this.out = client.stream(TYPE, corrId);
    this.beat(cursor, written);
  }

  write(facts: readonly FactView[], written: () => void): number {
    let text = '';
    let lines = 0;
    while (lines < facts.length && text.length < PIECE_CHARS) text += `${factLine(facts[lines++] as FactView)}\n`;
    this.out?.write(text, written);
    return lines;
  }

  beat(cursor: string, written: () => void): void {
    this.out?.write(`{"cursor":"${cursor}"}\n`, written);
  }

  end(outcome: Outcome): void {
    const error = refuses(outcome) ? `${JSON.stringify(errorOf(outcome, undefined, this.exchange.corrId))}\n` : '';
    this.out?.end(error);
  }

  over(outcome: Outcome): void {
    this.finish({ ...done('', refuses(outcome) ? outcome : 'ok'), status: 200 });
  }
}
