import type { Op, Outcome } from '../../spec/vocabulary.ts';
import type { Capability } from '../auth/authorize.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { Reply } from '../service/messages.ts';
import type { Service } from '../service/service.ts';
import { endOf } from './authorize.ts';
import type { Exchange } from './exchange.ts';

/** What a writer that goes on until it ends is made of. */
export interface OutflowParts<Reader> {
  readonly service: Service;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly heartbeatMs: number;
  readonly exchange: Exchange;
  readonly capability: Capability;
  readonly reader: Reader;
  /** Something was done that time may have to go on with. */
  readonly after: () => void;
}

/**
 * What the service gives bit by bit, on its way to its reader: one write at a time, the next when the one before is taken, and no more
 * asked for until all of it is, so that a reader that stalls holds no memory. Nothing is written under a capability that has ended (AU3).
 */
export abstract class Outflow<Item, Given, Reader> {
  protected readonly parts: OutflowParts<Reader>;
  /** As it was opened; null before. */
  protected given: Given | null = null;
  /** Given and not handed to the reader. */
  protected waiting: readonly Item[] = [];
  /** It was given something and has not asked for more since. */
  private owes = false;
  /** The reader holds something that it has not taken. */
  protected isWriting = false;
  /** Why it ends, once what is being written is. */
  private ending: Outcome | null = null;
  /** Nothing more is written but that. */
  private isRevoked = false;
  private isOver = false;
  private heartbeat: unknown = null;

  constructor(parts: OutflowParts<Reader>) {
    this.parts = parts;
  }

  /** What its capability is used for. */
  protected abstract readonly op: Op;
  protected abstract refused(reply: Reply): void;
  /** Writes its beginning; true when that is something, which calls `written`. */
  protected abstract begin(reply: Reply, given: Given): boolean;
  /** Of what waits, that which is still to be written now that so much is known: all of it, unless it says otherwise. */
  protected abstract kept(waiting: readonly Item[], ending: Outcome | null): readonly Item[];
  /** Writes as many of these as make a piece; gives how many. */
  protected abstract write(items: readonly Item[]): number;
  protected abstract beat(given: Given): void;
  /** The reader has taken all that it was given. */
  protected abstract ask(given: Given): void;
  /** Says why it ends. */
  protected abstract end(outcome: Outcome): void;
  /** It is over, whoever ended it; what waits was never handed to the reader. */
  protected abstract leave(given: Given, waiting: readonly Item[], outcome: Outcome): void;

  protected open(reply: Reply, given: Given): void {
    const { exchange } = this.parts;
    if (reply.outcome !== 'ok') {
      this.isOver = true;
      if (reply.outcome === 'cap_scope') exchange.denied(this.op, 'topic');
      return this.refused(reply);
    }
    this.given = given;
    this.isWriting = this.begin(reply, given);
    exchange.client.onGone(() => this.over('ok'));
    if (exchange.client.gone()) return this.over('ok');
    // What it rests on may have become durable later than what ended it.
    if (this.ending === null) this.beatLater();
    else if (!this.isWriting) this.close();
  }

  protected give(items: readonly Item[]): void {
    this.waiting = items;
    this.owes = true;
    if (!this.isWriting) this.next();
  }

  ended(outcome: Outcome): void {
    if (this.isOver) return;
    const { capability, exchange } = this.parts;
    this.ending = outcome === 'cap_auth' ? endOf(capability.failure() ?? 'revoked') : outcome;
    this.isRevoked = outcome === 'cap_auth';
    if (this.isRevoked) exchange.denied(this.op, 'ended');
    // It is told so once it is open: until then nothing of it is written.
    if (this.given === null) return;
    // What was not handed to the reader is not sent any more, and what was is not waited for.
    if (this.isRevoked && this.isWriting) return exchange.client.cut();
    if (!this.isWriting) this.next();
  }

  /** Hands the next to the reader, asks for more, or ends. */
  private next(): void {
    const { capability, after } = this.parts;
    const kept = this.isRevoked ? [] : this.kept(this.waiting, this.ending);
    if (kept.length > 0) {
      if (!capability.isValid()) return this.ended('cap_auth');
      this.isWriting = true;
      this.waiting = kept.slice(this.write(kept));
      return;
    }
    if (this.ending !== null) return this.close();
    this.waiting = kept;
    const { owes } = this;
    // Before it asks: it may be given something at once, and owes again.
    this.owes = false;
    if (owes) this.ask(this.given as Given);
    after();
  }

  protected readonly written = (): void => {
    this.isWriting = false;
    if (!this.isOver) this.next();
  };

  private beatLater(): void {
    const { timers, heartbeatMs } = this.parts;
    this.heartbeat = timers.setTimeout(() => {
      if (!this.isWriting) this.pulse();
      if (!this.isOver) this.beatLater();
    }, heartbeatMs);
  }

  private pulse(): void {
    if (!this.parts.capability.isValid()) return this.ended('cap_auth');
    this.isWriting = true;
    this.beat(this.given as Given);
  }

  private close(): void {
    const outcome = this.ending as Outcome;
    this.end(outcome);
    this.over(outcome);
  }

  /** Once. */
  private over(outcome: Outcome): void {
    if (this.isOver) return;
    this.isOver = true;
    const { timers, after } = this.parts;
    if (this.heartbeat !== null) timers.clearTimeout(this.heartbeat);
    this.leave(this.given as Given, this.waiting, outcome);
    this.waiting = [];
    after();
  }
}
