import type { Outcome } from '../../../spec/vocabulary.ts';
import { refuses } from '../../api/errors.ts';
import type { FeedReader } from '../../node/feed-writer.ts';
import type { FactView, Reply } from '../../service/messages.ts';
import type { HttpExchange, StreamOut } from '../exchange.ts';
import { type Answer, answerOf, done } from '../reply.ts';
import { FEED_PIECE_CHARS, lastLine, NDJSON_TYPE, pieceOf } from './ndjson.ts';
import { factLine } from './viewed.ts';

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
    this.out = client.stream(NDJSON_TYPE, corrId);
    this.beat(cursor, written);
  }

  write(facts: readonly FactView[], written: () => void): number {
    const { text, lines } = pieceOf(facts, factLine, FEED_PIECE_CHARS);
    this.out?.write(text, written);
    return lines;
  }

  beat(cursor: string, written: () => void): void {
    this.out?.write(`{"cursor":"${cursor}"}\n`, written);
  }

  end(outcome: Outcome): void {
    this.out?.end(lastLine(outcome, undefined, this.exchange.corrId));
  }

  over(outcome: Outcome): void {
    this.finish({ ...done('', refuses(outcome) ? outcome : 'ok'), status: 200 });
  }
}
