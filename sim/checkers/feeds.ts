import type { Fact, MessageFact } from '../../src/core/facts.ts';
import type { FactView, FeedRequest } from '../../src/service/messages.ts';
import type { Exchange } from '../call.ts';
import type { Capability } from '../capabilities.ts';
import { allowsTopic } from './authority.ts';
import { Breach } from './breach.ts';

/** A durable fact, and the topic of its message. */
interface Durable {
  readonly fact: MessageFact;
  readonly topic: string | undefined;
}

/** So many of the last durable facts are held against what is told. */
const KEPT = 2048;

/** What feeds tell (B10): durable facts in their order, all that were asked for, and none that their reader may not see (AU7). */
export class FeedsChecker {
  private readonly topicOf: (msgId: string) => string | undefined;
  /** By number, from 1 on. */
  private readonly ring: Durable[] = [];
  private count = 0;
  /** Those that are open, and the number of the last fact that each has come to. */
  private readonly open = new Map<Exchange, number>();

  constructor(topicOf: (msgId: string) => string | undefined) {
    this.topicOf = topicOf;
  }

  synced(facts: readonly Fact[]): void {
    for (const fact of facts) {
      if (fact.name === 'recovered') continue;
      const topic = fact.name === 'sent' ? fact.topic : this.topicOf(fact.msgId);
      this.ring[++this.count % KEPT] = { fact, topic };
    }
  }

  private durable(n: number): Durable | undefined {
    return n > this.count - KEPT && n <= this.count ? this.ring[n % KEPT] : undefined;
  }

  opened(exchange: Exchange, cursor: string): void {
    this.open.set(exchange, Number(cursor.slice(cursor.indexOf('-') + 1)));
  }

  isOpen(exchange: Exchange): boolean {
    return this.open.has(exchange);
  }

  closed(exchange: Exchange): void {
    this.open.delete(exchange);
  }

  crashed(): void {
    this.open.clear();
  }

  /** A piece leaves the node. @throws Breach */
  told(exchange: Exchange, facts: readonly FactView[]): void {
    const { ask, capability } = exchange.call;
    if (ask.verb !== 'feed') return;
    for (const { told } of facts) {
      const last = this.open.get(exchange) ?? 0;
      if (told.n <= last) throw new Breach('B10', `fact ${told.n} is told after fact ${last}`);
      this.open.set(exchange, told.n);
      if (!('msgId' in told)) continue;
      const { msgId, topic, fact, n } = told;
      if (!isFor(ask, capability, topic)) throw new Breach('AU7', `${capability.name} is told of ${topic}`, msgId);
      if (n > this.count) throw new Breach('B10', `fact ${n} is told of ${this.count} that are durable`, msgId);
      const must = this.durable(n);
      if (must !== undefined && (must.fact.name !== fact || must.fact.msgId !== msgId))
        throw new Breach('B10', `fact ${n} was ${must.fact.name} of ${must.fact.msgId}, and is told as ${fact}`, msgId);
      for (let missed = last + 1; missed < n; missed++) {
        const one = this.durable(missed);
        if (one?.topic !== undefined && isFor(ask, capability, one.topic))
          throw new Breach('B10', `fact ${missed} is not told, and fact ${n} is`, one.fact.msgId);
      }
    }
  }
}

/** Whether it was asked for, and may be seen. */
const isFor = ({ topic, prefix }: FeedRequest, capability: Capability, of: string): boolean =>
  (topic === null ? of.startsWith(prefix) : of === topic) && allowsTopic(capability, of);
