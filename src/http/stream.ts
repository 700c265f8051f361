import type { Outcome } from '../../spec/vocabulary.ts';
import type { Capability } from '../auth/authorize.ts';
import type { Clock } from '../ports.ts';
import type { Delivery, Reply, StreamRequest } from '../service/messages.ts';
import type { Service } from '../service/service.ts';
import type { Stream, StreamConsumer } from '../service/streams.ts';
import { ackResultsBody, envelope } from './bodies.ts';
import type { Way } from './gateway.ts';
import type { Ledger } from './ledger.ts';
import { refusedItems, riddenAcks } from './many.ts';
import { type Answer, answerOf, done, endOf, errorOf, refuses } from './reply.ts';

const TYPE = 'application/x-ndjson';
/** Lines go to the socket in pieces of about this size, the next when the one before is written. */
const PIECE_CHARS = 16 * 1024;

const ABANDONED = 'every message that the credit allows has run out unsettled';

/** A response that is written bit by bit. */
export interface StreamOut {
  /** Calls back when the system has taken all of it; never when the client leaves before. One write at a time. */
  write(text: string, written: () => void): void;
  end(text: string): void;
}

interface Parts {
  readonly service: Service;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly rules: { readonly heartbeatMs: number };
  readonly way: Way;
  readonly request: StreamRequest;
  /** Answers with something else than a stream, or accounts for the stream when it is over. */
  readonly finish: (answer: Answer) => void;
}

/**
 * A stream as its client sees it: NDJSON, one envelope a line, a blank line now and then. It asks for more when what it
 * had is written, so that a reader that stalls holds no memory; what was never written goes back (LE7), and what waits
 * to be written when the capability ends is cut (AU3).
 */
export class NdjsonStream implements StreamConsumer {
  private readonly parts: Parts;
  private out: StreamOut | null = null;
  private stream: Stream | null = null;
  /** Given and not handed to the socket. */
  private waiting: readonly Delivery[] = [];
  /** It was given something and has not asked for more since. */
  private owes = false;
  /** The socket holds something that the system has not taken. */
  private isWriting = false;
  /** Why it ends, once what is being written is. */
  private ending: Outcome | null = null;
  private isOver = false;
  private opening: Reply = { outcome: 'ok' };
  private heartbeat: NodeJS.Timeout | null = null;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  opened(reply: Reply, stream: Stream): void {
    const { way, ledger, rules, request, finish } = this.parts;
    if (reply.outcome !== 'ok') {
      this.isOver = true;
      if (reply.outcome === 'cap_scope') ledger.denied(way, 'recv', 'topic');
      return finish(answerOf(reply, way.corrId, () => ''));
    }
    if (reply.outOfScope === true) ledger.denied(way, 'ack', 'topic');
    this.stream = stream;
    this.opening = reply;
    this.out = way.sink.stream(TYPE, way.corrId);
    way.sink.onGone(() => this.over('ok'));
    if (way.sink.gone()) return this.over('ok');
    if (request.acks.length > 0) {
      const msgIds = request.acks.map(({ msgId }) => msgId);
      this.write(`${ackResultsBody(msgIds, reply.ackOutcomes ?? [])}\n`);
    }
    this.heartbeat = setInterval(() => this.beat(), rules.heartbeatMs);
  }

  deliver(deliveries: readonly Delivery[]): void {
    this.waiting = deliveries;
    this.owes = true;
    if (!this.isWriting) this.next();
  }

  ended(outcome: Outcome): void {
    if (this.isOver) return;
    const { capability } = this.parts.way;
    this.ending = outcome === 'cap_auth' ? endOf(capability?.failure() ?? 'revoked') : outcome;
    if (outcome === 'cap_auth') this.parts.ledger.denied(this.parts.way, 'recv', 'ended');
    // What was not handed to the socket is not sent any more, and what was is not waited for.
    if (outcome === 'cap_auth' && this.isWriting) return this.parts.way.sink.cut();
    if (!this.isWriting) this.close();
  }

  /** Hands the next lines to the socket, or asks for more. */
  private next(): void {
    const { way, service, clock } = this.parts;
    if (this.ending !== null) return this.close();
    if (this.waiting.length === 0) {
      const { owes } = this;
      // Before it asks: it may be given something at once, and owes again.
      this.owes = false;
      if (owes) service.streamReady(this.stream as Stream, clock.nowMs());
      return;
    }
    if (!(way.capability as Capability).isValid()) return this.ended('cap_auth');
    const nowMs = clock.nowMs();
    let text = '';
    let lines = 0;
    while (lines < this.waiting.length && text.length < PIECE_CHARS) {
      const delivery = this.waiting[lines++] as Delivery;
      if (this.stream?.holds(delivery)) text += `${envelope(delivery, nowMs)}\n`;
    }
    this.waiting = this.waiting.slice(lines);
    if (text === '') this.next();
    else this.write(text);
  }

  private write(text: string): void {
    this.isWriting = true;
    this.out?.write(text, () => {
      this.isWriting = false;
      if (!this.isOver) this.next();
    });
  }

  private beat(): void {
    if (!this.isWriting) this.write('\n');
  }

  /** The last line says why, unless all that was asked for was given. */
  private close(): void {
    const outcome = this.ending as Outcome;
    const { way } = this.parts;
    const message = outcome === 'lease_lost' ? ABANDONED : undefined;
    const error = refuses(outcome) ? `${JSON.stringify(errorOf(outcome, message, way.corrId))}\n` : '';
    this.out?.end(error);
    this.over(outcome);
  }

  /** Accounts for it once, and gives back what was never handed to the socket. */
  private over(outcome: Outcome): void {
    if (this.isOver) return;
    this.isOver = true;
    const { service, clock, finish } = this.parts;
    if (this.heartbeat !== null) clearInterval(this.heartbeat);
    service.closeStream(this.stream as Stream, this.waiting, clock.nowMs());
    this.waiting = [];
    const acks = refusedItems(riddenAcks(this.opening), false);
    finish({ ...done('', refuses(outcome) ? outcome : 'ok'), status: 200, ...acks });
  }
}
