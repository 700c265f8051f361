import type { Fact } from '../core/facts.ts';
import type { Message, ShardState } from '../core/state.ts';
import type { Observer } from '../ports.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/** Counts facts, and logs a security decision for each move to the dead letters and each purge (O3, DL3). */
export class FactObserver implements Observer {
  private readonly metrics: Metrics;
  private readonly log: Log;

  constructor(metrics: Metrics, log: Log) {
    this.metrics = metrics;
    this.log = log;
  }

  /** After `fact` was applied. */
  fact(shard: ShardState, fact: Fact): void {
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
        if (fact.to === 'dead_lettered') this.deadLettered(shard, shard.find(fact.msgId) as Message);
        return;
      }
      case 'reprocessed': {
        const message = shard.find(fact.msgId) as Message;
        metrics.reprocessed.add(metrics.reprocessed.slot(metrics.classOf(message.topic.name)));
        return;
      }
      case 'purged': {
        // The message may be forgotten already: its class is then unknown.
        const topic = shard.find(fact.msgId)?.topic.name ?? '';
        metrics.purged.add(metrics.purged.slot(metrics.classOf(topic), fact.reason));
        const { msgId: msg_id, payloadHash: payload_hash, hashChain: hash_chain, reason } = fact;
        this.log.info('message.purged', { msg_id, payload_hash, hash_chain, reason, shard: shard.shard });
        return;
      }
      default:
    }
  }

  private received(shard: ShardState, message: Message): void {
    const { metrics } = this;
    metrics.delivered.add();
    if (message.attempt > 1 || message.redrives > 0) metrics.redelivered.add();
    metrics.attempts.observe(message.attempt);
    const depth = passedOver(message);
    if (depth > (metrics.reorderDepth[shard.shard] as number)) metrics.reorderDepth[shard.shard] = depth;
  }

  private deadLettered(shard: ShardState, message: Message): void {
    const { metrics } = this;
    const reason = message.deadReason as string;
    metrics.dead.add(metrics.dead.slot(metrics.classOf(message.topic.name), reason));
    if (reason === 'integrity') metrics.integrityFailures.add(metrics.integrityFailures.slot('at_rest'));
    this.log.warn('message.dead_lettered', {
      msg_id: message.msgId,
      corr_id: message.corrId,
      reason,
      attempt: message.attempt,
      decision: 'denied',
      shard: shard.shard,
    });
  }
}

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
