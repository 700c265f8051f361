import type { Outcome } from '../../spec/vocabulary.ts';
import type { Capability } from '../auth/authorize.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { Feed, FeedConsumer } from '../service/feeds.ts';
import type { FactView, Reply } from '../service/messages.ts';
import type { Service } from '../service/service.ts';
import { endOf } from './authorize.ts';
import type { Exchange } from './exchange.ts';

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

interface Parts {
  readonly service: Service;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly heartbeatMs: number;
  readonly exchange: Exchange;
  readonly capability: Capability;
  readonly reader: FeedReader;
  /** Something was done that time may have to go on with. */
  readonly after: () => void;
}

/**
 * A feed on its way to its reader. It holds one step of facts at most: a reader that stalls is cut by whoever writes to it, or misses
 * facts and is told so. Nothing is written under a capability that has ended (AU3).
 */
export class FeedWriter implements FeedConsumer {
  private readonly parts: Parts;
  private feed: Feed | null = null;
  private waiting: readonly FactView[] = [];
  private owes = false;
  private isWriting = false;
  private ending: Outcome | null = null;
  private isOver = false;
  private heartbeat: unknown = null;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  opened(reply: Reply, feed: Feed): void {
    const { exchange, reader, service } = this.parts;
    if (reply.outcome !== 'ok') {
      this.isOver = true;
      if (reply.outcome === 'cap_scope') exchange.denied('view', 'topic');
      return reader.refused(reply);
    }
    this.feed = feed;
    this.isWriting = true;
    reader.opened(service.feedCursor(feed), this.written);
    exchange.client.onGone(() => this.over('ok'));
    if (exchange.client.gone()) return this.over('ok');
    this.beatLater();
  }

  tell(facts: readonly FactView[]): void {
    this.waiting = facts;
    this.owes = true;
    if (!this.isWriting) this.next();
  }

  ended(outcome: Outcome): void {
    if (this.isOver) return;
    const { capability, exchange } = this.parts;
    this.ending = outcome === 'cap_auth' ? endOf(capability.failure() ?? 'revoked') : outcome;
    if (outcome === 'cap_auth') {
      exchange.denied('view', 'ended');
      this.waiting = [];
      // What was handed to the reader is not waited for.
      if (this.isWriting) return exchange.client.cut();
    }
    if (!this.isWriting) this.next();
  }

  private next(): void {
    const { capability, reader, service, clock, after } = this.parts;
    if (this.waiting.length > 0) {
      if (!capability.isValid()) return this.endedNow();
      this.isWriting = true;
      const written = reader.write(this.waiting, this.written);
      this.waiting = this.waiting.slice(written);
      return;
    }
    if (this.ending !== null) return this.close();
    const { owes } = this;
    this.owes = false;
    if (owes) service.feedReady(this.feed as Feed, clock.nowMs());
    after();
  }

  private endedNow(): void {
    this.parts.service.closeFeed(this.feed as Feed);
    this.ended('cap_auth');
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
    if (this.isWriting || this.feed === null) return;
    const { capability, reader, service } = this.parts;
    if (!capability.isValid()) return this.endedNow();
    this.isWriting = true;
    reader.beat(service.feedCursor(this.feed), this.written);
  }

  private close(): void {
    const outcome = this.ending as Outcome;
    this.parts.reader.end(outcome);
    this.over(outcome);
  }

  private over(outcome: Outcome): void {
    if (this.isOver) return;
    this.isOver = true;
    const { service, reader, timers, after } = this.parts;
    if (this.heartbeat !== null) timers.clearTimeout(this.heartbeat);
    service.closeFeed(this.feed as Feed);
    this.waiting = [];
    reader.over(outcome);
    after();
  }
}
