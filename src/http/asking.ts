import { HELD_MS } from '../node/authentication.ts';
import type { MailboxNode } from '../node/node.ts';
import type { HttpExchange } from './exchange.ts';
import { type Ask, type Asked, fillIn, itemsOf } from './formats/asks.ts';
import { type Again, type BatchPart, MergedBatch } from './merged-batch.ts';
import { MergedTopics } from './merged-topics.ts';
import type { Answer } from './reply.ts';
import type { Routing } from './routing.ts';

/** The way that leads here, and from here to the client. */
export interface AskingParts {
  readonly node: MailboxNode;
  /** Where nodes share shards: what is for another one. */
  readonly routing: Routing | null;
  /** Runs a step of an exchange; what it throws is answered. */
  readonly guarded: (exchange: HttpExchange, step: () => void) => void;
  /** The body is not needed any more. */
  readonly letGo: (exchange: HttpExchange) => void;
  /** Counts what was refused here (BD4). */
  readonly weigh: (exchange: HttpExchange, answer: Answer) => void;
  /** Answers what was asked of this node alone. */
  readonly finish: (exchange: HttpExchange, answer: Answer) => void;
  /** Answers what was, all or some of it, asked of another node: that has charged for it, and counts what it refused. */
  readonly passOn: (exchange: HttpExchange, answer: Answer) => void;
}

/** What a body asks for, asked of this node or of those that have the shards. */
export class Asking {
  private readonly parts: AskingParts;

  constructor(parts: AskingParts) {
    this.parts = parts;
  }

  /**
   * Asks, and answers when all of it is decided; `held`: a while later, unless there are payloads in it (AU5). `again` makes the same request
   * of some of its items; without it what is for several nodes is asked here, or where the first of it is: the rest is refused there, each
   * item with what to do.
   */
  ask(exchange: HttpExchange, asked: Asked, held = false, again: Again | null = null): void {
    const { routing, passOn, guarded } = this.parts;
    if (routing === null) return this.alone(exchange, asked, held);
    const limit = pageOf(asked);
    const others = limit === null ? [] : routing.others(exchange);
    if (limit !== null && others.length > 0) return this.everywhere(exchange, routing, others, asked, limit);
    const parts = routing.partsOf(exchange, asked.asks);
    if (parts.length > 1 && again !== null) return this.split(exchange, routing, parts, asked, again);
    const shard = parts.find((part) => part.shard === null) === undefined ? (parts[0]?.shard ?? null) : null;
    if (shard === null) return this.alone(exchange, asked, held);
    const here = (): void => guarded(exchange, () => this.alone(exchange, asked, held));
    routing.send(exchange, { shard, waitMs: waitOf(asked) }, here, (answer) => passOn(exchange, answer));
  }

  /** A stream or a feed, the same way. */
  follow(exchange: HttpExchange, topic: string | null, here: () => void): void {
    const { routing, passOn, guarded } = this.parts;
    const shard = routing?.awayOfTopic(exchange, topic) ?? null;
    if (routing === null || shard === null) return here();
    const ours = (): void => guarded(exchange, here);
    routing.send(exchange, { shard, isLong: true }, ours, (answer) => passOn(exchange, answer));
  }

  /** All of it is for this node. */
  private alone(exchange: HttpExchange, asked: Asked, held: boolean): void {
    const { letGo, finish } = this.parts;
    letGo(exchange);
    this.here(exchange, asked, (made) =>
      // Payloads do not wait: their capability might end meanwhile (AU3).
      finish(exchange, held && exchange.leased.length === 0 ? { ...made, heldMs: HELD_MS } : made),
    );
  }

  private here(exchange: HttpExchange, asked: Asked, then: (answer: Answer) => void): void {
    const { requests, clock } = this.parts.node;
    requests.askAll(exchange, itemsOf(asked.asks), (replies) =>
      then(asked.answer(fillIn(asked.asks, replies), clock.nowMs())),
    );
  }

  /** The same where that is a part of what is answered. */
  private partHere(exchange: HttpExchange, asked: Asked, then: (answer: Answer) => void): void {
    this.here(exchange, asked, (made) => {
      this.parts.weigh(exchange, made);
      then(made);
    });
  }

  /** Each node gets the items that are for it. */
  private split(
    exchange: HttpExchange,
    routing: Routing,
    parts: readonly BatchPart[],
    { asks }: Asked,
    again: Again,
  ): void {
    const { passOn, letGo, guarded } = this.parts;
    const merged = new MergedBatch(asks.map(msgIdOf), parts.length, (answer) => passOn(exchange, answer));
    letGo(exchange);
    for (const part of parts) {
      const { value, asked } = again(part.items);
      const add = (answer: Answer): void => merged.add(part, answer);
      const here = (): void => this.partHere(exchange, asked, add);
      const { shard } = part;
      if (shard === null) here();
      else {
        const sent = { shard, body: Buffer.from(JSON.stringify(value)) };
        routing.send(exchange, sent, () => guarded(exchange, here), add);
      }
    }
  }

  /** All nodes have some of it. */
  private everywhere(
    exchange: HttpExchange,
    routing: Routing,
    others: readonly number[],
    asked: Asked,
    limit: number,
  ): void {
    const { passOn, guarded } = this.parts;
    const merged = new MergedTopics(limit, 1 + others.length, (answer) => passOn(exchange, answer));
    const add = (answer: Answer): void => merged.add(answer);
    const here = (): void => this.partHere(exchange, asked, add);
    // What came to us meanwhile is looked at once more.
    for (const shard of others) routing.send(exchange, { shard }, () => guarded(exchange, here), add);
    here();
  }
}

/** The message that an item names, null where it names none. */
const msgIdOf = (ask: Ask): string | null => ('refused' in ask || !('msgId' in ask.request) ? null : ask.request.msgId);

/** How many topics a page of them has at most; null for what is of one shard, or of none. */
function pageOf({ asks: [first] }: Asked): number | null {
  return first !== undefined && !('refused' in first) && first.request.verb === 'topics' ? first.request.limit : null;
}

/** The longest that one of these may wait for a message. */
const waitOf = ({ asks }: Asked): number =>
  Math.max(0, ...itemsOf(asks).map(({ request }) => (request.verb === 'recv' ? request.waitMs : 0)));
