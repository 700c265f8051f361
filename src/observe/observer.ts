import type { Fact } from '../core/facts.ts';
import type { Message } from '../core/message.ts';
import type { ShardState } from '../core/state.ts';
import type { Cause, Observer } from '../ports/observer.ts';
import { fieldsOf, type Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/**
 * Counts facts, and logs a security decision for each move to the dead letters, back, and out of them (O3, DL3), with the request that
 * asked for it (O2); what time brought about has none.
 */
export class FactObserver implements Observer {
  private readonly metrics: Metrics;
  private readonly log: Log;

  constructor(metrics: Metrics, log: Log) {
    this.metrics = metrics;
    this.log = log;
  }

  /** After `fact` was applied. */
  fact(shard: ShardState, fact: Fact, cause: Cause | null): void {
    const { metrics } = this;
    switch (fact.name) {
      case 'sent':
        metrics.enqueued.add();
        return;
      case 'received':
        return this.received(shard, shard.find(fact.msgId) as Message);
      case 'nacked':
      case 'released':
      case 'expired': {
        if (fact.name === 'expired' && (fact.reason === null || fact.reason === 'max_attempts')) metrics.timedOut.add();
        if (fact.to === 'dead_lettered') this.deadLettered(shard, shard.find(fact.msgId) as Message, cause);
        return;
      }
      case 'reprocessed': {
        const message = shard.find(fact.msgId) as Message;
        metrics.reprocessed.add(metrics.reprocessed.slot(metrics.classOf(message.topic.name)));
        const { msgId: msg_id, redrives } = message;
        this.log.info('message.reprocessed', { msg_id, redrives, shard: shard.shard, ...allowed(cause) });
        return;
      }
      case 'purged': {
        // The message may be forgotten already: its class is then unknown.
        const topic = shard.find(fact.msgId)?.topic.name ?? '';
        metrics.purged.add(metrics.purged.slot(metrics.classOf(topic), fact.reason));
        const { msgId: msg_id, payloadHash: payload_hash, hashChain: hash_chain, reason } = fact;
        const what = { msg_id, payload_hash, hash_chain, reason, shard: shard.shard };
        this.log.info('message.purged', { ...what, ...(reason === 'admin' ? allowed(cause) : fieldsOf(cause)) });
        return;
      }
      default:
    }
  }

  /** A payload that is asked for is not what its hash says. */
  damaged(shard: ShardState, { msgId: msg_id }: Message, cause: Cause | null): void {
    this.countDamage();
    const what = { msg_id, shard: shard.shard, ...fieldsOf(cause) };
    this.log.warn('integrity.failed', { ...what, decision: 'denied', reason: 'at_rest' });
  }

  private countDamage(): void {
    const { integrityFailures } = this.metrics;
    integrityFailures.add(integrityFailures.slot('at_rest'));
  }

  private received(shard: ShardState, message: Message): void {
    const { metrics } = this;
    metrics.delivered.add();
    if (message.attempt > 1 || message.redrives > 0) metrics.redelivered.add();
    metrics.attempts.observe(message.attempt);
    const depth = passedOver(message);
    if (depth > (metrics.reorderDepth[shard.shard] as number)) metrics.reorderDepth[shard.shard] = depth;
  }

  private deadLettered(shard: ShardState, message: Message, cause: Cause | null): void {
    const { metrics } = this;
    const reason = message.deadReason as string;
    metrics.dead.add(metrics.dead.slot(metrics.classOf(message.topic.name), reason));
    if (reason === 'integrity') this.countDamage();
    this.log.warn('message.dead_lettered', {
      msg_id: message.msgId,
      sent_corr_id: message.corrId,
      reason,
      attempt: message.attempt,
      decision: 'denied',
      shard: shard.shard,
      ...fieldsOf(cause),
    });
  }
}

/** What somebody was let do. */
const allowed = (cause: Cause | null) => (cause === null ? {} : ({ ...fieldsOf(cause), decision: 'allowed' } as const));

/**
 * How far out of order a delivery was (LE1): the available messages of its topic that stood before it. 0 unless the order was broken;
 * a message that waits out its backoff or its delay is not available, and nobody passes it.
 */
function passedOver({ topic, seq }: Message): number {
  const { fresh, returned } = topic;
  if ((fresh.first()?.seq ?? seq) >= seq && (returned.first()?.seq ?? seq) >= seq) return 0;
  let count = 0;
  for (const other of fresh.after(0)) {
    if (other.seq >= seq) break;
    count++;
  }
  for (const other of returned.values()) if (other.seq < seq) count++;
  return count;
}
