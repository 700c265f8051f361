import * as invariants from '../../spec/invariants.ts';
import type { Fact, MessageFact } from '../../src/core/facts.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { ShardState } from '../../src/core/state.ts';
import type { Observer } from '../../src/ports.ts';
import type { Reply, Request } from '../../src/service/messages.ts';
import type { Loop } from '../loop.ts';
import { KINDS } from '../loop.ts';
import { copy, follow, type OracleView, unknown } from './oracle.ts';

interface Tracked {
  readonly msgId: string;
  readonly key: string;
  /** As the running process must have it. */
  readonly live: OracleView;
  /** As the durable facts have it. */
  readonly durable: OracleView;
  /** Some reply said that the send was accepted. */
  promised: boolean;
  /** Some reply said that the ack was accepted. */
  ackPromised: boolean;
}

/** How often each thing happened: what goals are measured by. */
export type Tally = Record<string, number>;

/** Asks the invariants after every fact, every reply and every recovery; the first that fails ends the run. */
export class LifecycleChecker implements Observer {
  readonly tally: Tally = {};
  private readonly messages = new Map<string, Tracked>();
  /** End of the last idempotency window, by topic and key. */
  private readonly windows = new Map<string, number>();
  private readonly before: OracleView = unknown();
  private readonly limits: Limits;
  private readonly loop: Loop;
  inflight: () => number = () => 0;

  constructor(limits: Limits, loop: Loop) {
    this.limits = limits;
    this.loop = loop;
  }

  count(name: string, by = 1): void {
    this.tally[name] = (this.tally[name] ?? 0) + by;
  }

  // ---- facts, as the running process decides them

  fact(shard: ShardState, fact: Fact): void {
    this.count(fact.name);
    if (fact.name === 'recovered') return this.windowsOf(shard);
    const tracked = fact.name === 'sent' ? this.enter(fact) : this.need(fact.msgId);
    copy(tracked.live, this.before);
    follow(tracked.live, fact);
    this.loop.record(KINDS.fact, shard.shard, tracked.live.epoch * 16 + tracked.live.attempt);
    const { before } = this;
    const after = tracked.live;
    this.must('SingleLeaseInv', invariants.SingleLeaseInv(before, after), tracked);
    this.must('AckFinalProp', invariants.AckFinalProp(before, after), tracked);
    this.must('EpochMonotoneProp', invariants.EpochMonotoneProp(before, after), tracked);
    this.must('AttemptsBoundedInv', invariants.AttemptsBoundedInv(after, this.limits.maxAttempts), tracked);
    this.same(shard, tracked, after);
    this.must('CapacityInv', invariants.CapacityInv(this.boundsOf(shard), this.limits), tracked);
    if (fact.name === 'received' && after.attempt > 1) this.count('redelivered');
    if (after.state === 'dead_lettered' && before.state !== 'dead_lettered') this.count('dead_lettered');
  }

  private enter(fact: MessageFact & { name: 'sent' }): Tracked {
    const { msgId, topic, idemKey, atMs, idemUntilMs } = fact;
    const key = `${topic} ${idemKey}`;
    const tracked = { msgId, key, live: unknown(), durable: unknown(), promised: false, ackPromised: false };
    this.must('IdempotentInv', invariants.IdempotentInv(this.windows.get(key) ?? 0, atMs), tracked);
    this.must('WindowProp', invariants.WindowProp(atMs, idemUntilMs, this.limits.tReplayMs), tracked);
    this.windows.set(key, idemUntilMs);
    this.messages.set(msgId, tracked);
    return tracked;
  }

  /** The core's own message must be what the oracle says. */
  private same(shard: ShardState, tracked: Tracked, expected: OracleView): void {
    const found = shard.find(tracked.msgId);
    if (found === undefined) {
      const over = expected.state === 'acked' || expected.state === 'purged';
      return this.must('NoLossInv', over, tracked);
    }
    const { state, attempt, epoch } = found;
    this.must('PrefixProp', invariants.PrefixProp([{ state, attempt, epoch, receipt: null }], [expected]), tracked);
  }

  private boundsOf(shard: ShardState): invariants.BoundsView {
    const { depth, leases, idemLine, dead } = shard;
    return { depth, leased: leases.size, inflight: this.inflight(), windows: idemLine.size, dead: dead.size };
  }

  // ---- the disk, the replies, the crashes

  synced(fact: Fact): void {
    if (fact.name !== 'recovered') follow(this.need(fact.msgId).durable, fact);
  }

  /** A reply leaves the process: what it promises must be durable (AC1). */
  replied(request: Request, reply: Reply): void {
    if (request.verb === 'send' && (reply.outcome === 'ok' || reply.outcome === 'duplicate')) {
      const tracked = this.need(reply.msgId as string);
      this.must('ReplyDurableInv', tracked.durable.state !== 'absent', tracked);
      tracked.promised = true;
      this.count(reply.outcome === 'ok' ? 'accepted' : 'duplicates');
    }
    if (request.verb === 'ack' && reply.outcome === 'ok') this.ackPromised(request.msgId);
    if (request.verb !== 'recv') return;
    for (const [i, { msgId }] of request.acks.entries()) if (reply.ackOutcomes?.[i] === 'ok') this.ackPromised(msgId);
    for (const { msgId, epoch } of reply.deliveries ?? []) {
      const tracked = this.need(msgId);
      this.must('ReplyDurableInv', invariants.ReplyDurableInv(epoch, tracked.durable.epoch), tracked);
      this.must('AckFinalProp', !tracked.ackPromised, tracked);
      this.count('delivered');
    }
  }

  private ackPromised(msgId: string): void {
    const tracked = this.need(msgId);
    this.must('ReplyDurableInv', tracked.durable.state === 'acked', tracked);
    tracked.ackPromised = true;
    this.count('acks_answered');
  }

  /** The process is back: it must know what the durable facts say, and nothing that was promised may be missing. */
  recovered(shards: readonly ShardState[]): void {
    this.count('recoveries');
    this.windows.clear();
    for (const [msgId, tracked] of this.messages) {
      this.must('NoLossInv', !tracked.promised || invariants.NoLossInv(tracked.durable.state), tracked);
      this.must('AckFinalProp', !tracked.ackPromised || tracked.durable.state === 'acked', tracked);
      if (tracked.durable.state === 'absent') this.messages.delete(msgId);
      else copy(tracked.durable, tracked.live);
    }
    let found = 0;
    for (const shard of shards) {
      for (const message of shard.slots) {
        if (message === undefined) continue;
        const tracked = this.need(message.msgId);
        this.same(shard, tracked, tracked.durable);
        if (alive(tracked.live)) found++;
      }
    }
    let expected = 0;
    for (const { live } of this.messages.values()) if (alive(live)) expected++;
    if (found !== expected) throw new invariants.Violation('NoLossInv', `${expected - found} messages are gone`);
  }

  /** The windows of the messages there are, at the time the shard has now. */
  private windowsOf(shard: ShardState): void {
    for (const message of shard.slots) {
      if (message === undefined || message.idemUntilMs === 0) continue;
      this.windows.set(this.need(message.msgId).key, message.idemUntilMs);
    }
  }

  /** Accepted messages that are neither acked nor dead-lettered yet. */
  unsettled(): number {
    let count = 0;
    for (const { live } of this.messages.values()) {
      if (live.state === 'queued' || live.state === 'leased' || live.state === 'redelivered') count++;
    }
    return count;
  }

  private need(msgId: string): Tracked {
    const tracked = this.messages.get(msgId);
    if (tracked === undefined) throw new invariants.Violation('NoLossInv', `${msgId} was never sent`);
    return tracked;
  }

  private must(name: ConstructorParameters<typeof invariants.Violation>[0], holds: boolean, tracked: Tracked): void {
    if (holds) return;
    const { msgId, live, durable } = tracked;
    throw new invariants.Violation(name, `${msgId} is ${live.state}, epoch ${live.epoch}; durable ${durable.state}`);
  }
}

const alive = (view: OracleView): boolean => view.state !== 'acked' && view.state !== 'purged';
