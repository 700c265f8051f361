import type { Outcome } from '../../spec/vocabulary.ts';
import type { Feed, FeedConsumer } from '../service/feeds.ts';
import type { FactView, Reply } from '../service/messages.ts';
import { Outflow, type OutflowParts } from './outflow.ts';

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

/** What a writer of a feed knows besides. */
export interface FeedWriterParts extends OutflowParts<FeedReader> {
  /** So long is gathered what comes, once a reader has all that there was: a write a fact would cost more than the fact. 0: not at all. */
  readonly gatherMs: number;
}

/** A step that has so many leaves more to come, and is not waited after. */
const MANY = 256;

/** A feed on its way to its reader. It holds one step of facts at most: a reader that stalls is cut, or misses facts and is told so. */
export class FeedWriter extends Outflow<FactView, Feed, FeedReader> implements FeedConsumer {
  protected readonly op = 'view';
  private readonly gatherMs: number;
  private wereFew = false;

  constructor(parts: FeedWriterParts) {
    super(parts);
    this.gatherMs = parts.gatherMs;
  }

  opened(reply: Reply, feed: Feed): void {
    this.open(reply, feed);
  }

  tell(facts: readonly FactView[]): void {
    this.wereFew = facts.length < MANY;
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
    const { service, clock, timers, after } = this.parts;
    if (this.gatherMs === 0 || !this.wereFew) return service.feedReady(feed, clock.nowMs());
    timers.setTimeout(() => {
      if (feed.closed) return;
      service.feedReady(feed, clock.nowMs());
      after();
    }, this.gatherMs);
  }

  protected override end(outcome: Outcome): void {
    this.parts.reader.end(outcome);
  }

  protected override leave(feed: Feed, _waiting: readonly FactView[], outcome: Outcome): void {
    this.parts.service.closeFeed(feed);
    this.parts.reader.over(outcome);
  }
}
