import type { Outcome } from '../../spec/vocabulary.ts';
import type { Feed, FeedConsumer } from '../service/feeds.ts';
import type { FactView, Reply } from '../service/messages.ts';
import { Outflow } from './outflow.ts';

/** Who reads a feed: one write at a time, the next when it is taken. */
export interface FeedReader {
  /** It is not opened; the only call then. */
  refused(reply: Reply): void;
  /** It is open, and begins after this cursor; calls `written` when it is told so. */
  opened(cursor: string, written: () => void): void;
  /** Writes as many of these, from the first on, as make a piece. Gives how many. */
  write(facts: readonly FactView[], written: () => void): number;
  /** Writes how far it has come, so that it can be gone on with from there, and everybody on the way knows that it is alive. */
  beat(cursor: string, written: () => void): void;
  /** Writes why it ends, unless nothing came for as long as was asked for, and ends it. */
  end(outcome: Outcome): void;
  /** It is over, whoever ended it; the last call. */
  over(outcome: Outcome): void;
}

/** A feed on its way to its reader. It holds one step of facts at most: a reader that stalls is cut, or misses facts and is told so. */
export class FeedWriter extends Outflow<FactView, Feed, FeedReader> implements FeedConsumer {
  protected readonly op = 'view';

  opened(reply: Reply, feed: Feed): void {
    this.open(reply, feed);
  }

  tell(facts: readonly FactView[]): void {
    this.give(facts);
  }

  protected override refused(reply: Reply): void {
    this.parts.reader.refused(reply);
  }

  protected override begin(_reply: Reply, feed: Feed): boolean {
    const { service, reader } = this.parts;
    reader.opened(service.feedCursor(feed), this.written);
    return true;
  }

  /** Facts are told before the end, but for that of the capability. */
  protected override kept(waiting: readonly FactView[]): readonly FactView[] {
    return waiting;
  }

  protected override write(facts: readonly FactView[]): number {
    return this.parts.reader.write(facts, this.written);
  }

  protected override beat(feed: Feed): void {
    const { service, reader } = this.parts;
    reader.beat(service.feedCursor(feed), this.written);
  }

  protected override ask(feed: Feed): void {
    const { service, clock } = this.parts;
    service.feedReady(feed, clock.nowMs());
  }

  protected override end(outcome: Outcome): void {
    this.parts.reader.end(outcome);
  }

  protected override leave(feed: Feed, _waiting: readonly FactView[], outcome: Outcome): void {
    this.parts.service.closeFeed(feed);
    this.parts.reader.over(outcome);
  }
}
