import type { State } from '../../spec/vocabulary.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { Delivery, RecvRequest, SendRequest } from '../../src/service/messages.ts';
import type { Ask, Call, Reply } from '../call.ts';
import { Breach, type RuleName } from './breach.ts';

/** What a client knows of the lease it was given last. Times are the clients' own: true time. */
interface Lease {
  readonly epoch: number;
  readonly receipt: string;
  /** It was leased not before this, and the client had it at that. */
  readonly askedMs: number;
  readonly answeredMs: number;
  readonly visibilityMs: number;
  /** Somebody said ack, nack or extend with its receipt: it may have ended before its time. */
  settling: boolean;
}

interface Known {
  readonly msgId: string;
  readonly sent: Sent;
  deliveries: number;
  lease: Lease | null;
  /** When the first ack was answered, and its receipt. */
  ackedMs: number;
  ackReceipt: string | null;
}

/** What was sent under one key. */
interface Sent {
  readonly topic: string;
  readonly idemKey: string;
  /** Of the first payload; of others that came under the same key. */
  readonly hash: number;
  others: Set<number> | null;
  /** The message accepted last, and between which times. */
  accepted: { readonly msgId: string; readonly askedMs: number; readonly answeredMs: number } | null;
  /** A send whose answer never came. */
  unknown: boolean;
}

export interface HistoryCounts {
  operations: number;
  /** Sends with a definite yes. */
  accepted: number;
  delivered: number;
  /** Deliveries after the first of a message. */
  duplicated: number;
  /** Messages delivered of which no send was ever answered; known when they are over. */
  recovered: number;
  /** Deliveries of what nobody sent. */
  unexpected: number;
  /** Accepted, and neither delivered nor among the dead letters in the end. */
  lost: number;
}

const KEEP_MS = 600_000;
const PURGED_MAX = 10_000;

/** FNV-1a. */
function hashOf(payload: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < payload.length; i++) hash = Math.imul(hash ^ payload[i]!, 0x01000193);
  return hash;
}

/**
 * What clients saw, and nothing else: each operation with its invocation, and its answer or none. Linear in the number of
 * operations; what is settled for good is forgotten.
 */
export class HistoryChecker {
  readonly counts: HistoryCounts = {
    ...{ operations: 0, accepted: 0, delivered: 0, duplicated: 0, recovered: 0, unexpected: 0, lost: 0 },
  };
  private readonly limits: Limits;
  /** The clocks of the nodes run as true time does: then durations can be compared. */
  readonly clocksAreTrue: boolean;
  /** By topic and key. */
  private readonly sends = new Map<string, Map<string, Sent>>();
  private readonly messages = new Map<string, Known>();
  /** Their answers may still be on the way. */
  private readonly purgedLately = new Set<string>();
  /** By how much the clock of a node ran ahead of true time at once, and when: by a restart under a wall clock that nobody saw being set. */
  private readonly gains: { readonly node: number; readonly byMs: number; readonly atMs: number }[] = [];
  private readonly nodeOf: (topic: string) => number;
  private settled: { readonly known: Known; readonly atMs: number }[] = [];

  constructor(limits: Limits, clocksAreTrue: boolean, nodeOf: (topic: string) => number = () => 0) {
    this.limits = limits;
    this.nodeOf = nodeOf;
    this.clocksAreTrue = clocksAreTrue;
  }

  gained(node: number, byMs: number, atMs: number): void {
    if (byMs > 0) this.gains.push({ node, byMs, atMs });
  }

  /** How much longer a stretch of true time was for the node that serves the topic. */
  private gain(topic: string, fromMs: number, toMs: number): number {
    const node = this.nodeOf(topic);
    let sumMs = 0;
    for (const gain of this.gains) {
      if (gain.node === node && gain.atMs >= fromMs && gain.atMs <= toMs) sumMs += gain.byMs;
    }
    return sumMs;
  }

  called({ ask }: Call): void {
    if (ask.verb === 'batch') for (const item of ask.items) this.asked(item);
    else this.asked(ask);
  }

  private asked(ask: Ask): void {
    this.counts.operations++;
    if (ask.verb === 'send') this.sending(ask);
    // An extension may make a lease shorter.
    else if ('receipt' in ask) this.settling(ask.msgId, ask.receipt);
    else if ('acks' in ask) for (const { msgId, receipt } of ask.acks) this.settling(msgId, receipt);
  }

  private sending({ topic, idemKey, payload }: SendRequest): void {
    const hash = hashOf(payload);
    let keys = this.sends.get(topic);
    if (keys === undefined) {
      keys = new Map();
      this.sends.set(topic, keys);
    }
    const sent = keys.get(idemKey);
    if (sent === undefined) keys.set(idemKey, { topic, idemKey, hash, others: null, accepted: null, unknown: true });
    else if (sent.hash !== hash) {
      sent.others ??= new Set();
      sent.others.add(hash);
    }
  }

  private settling(msgId: string, receipt: string): void {
    const lease = this.messages.get(msgId)?.lease;
    if (lease?.receipt === receipt) lease.settling = true;
  }

  /** `reply` is null when the client will never know. */
  answered({ atMs, ask }: Call, reply: Reply | null, nowMs: number): void {
    this.forget(nowMs);
    if (reply === null) return;
    if (ask.verb !== 'batch') return this.told(ask, reply, atMs, nowMs);
    for (const [i, one] of (reply.replies ?? []).entries()) {
      // A shard fell over it, or its journal failed: nobody knows.
      if (one.outcome !== 'internal' && one.outcome !== 'journal') this.told(ask.items[i] as Ask, one, atMs, nowMs);
    }
  }

  private told(ask: Ask, reply: Reply, atMs: number, nowMs: number): void {
    if (ask.verb === 'send') this.sendAnswered(ask, reply, atMs, nowMs);
    else if (ask.verb === 'ack' && reply.outcome === 'ok') this.acked(ask.msgId, ask.receipt, nowMs);
    else if (ask.verb === 'recv') this.received(ask, reply, atMs, nowMs);
  }

  private sendAnswered(ask: SendRequest, { outcome, msgId }: Reply, askedMs: number, nowMs: number): void {
    if (msgId === undefined || (outcome !== 'ok' && outcome !== 'duplicate')) return;
    const sent = this.sends.get(ask.topic)?.get(ask.idemKey) as Sent;
    const { accepted } = sent;
    // A duplicate says nothing about when its window began.
    const decidedMs = outcome === 'ok' ? askedMs : Number.NEGATIVE_INFINITY;
    this.counts.accepted++;
    sent.unknown = false;
    if (accepted?.msgId !== msgId) {
      if (accepted !== null && this.clocksAreTrue) {
        const mostMs = Math.max(nowMs - accepted.askedMs, accepted.answeredMs - decidedMs);
        const apartMs = mostMs + this.gain(sent.topic, Math.min(accepted.askedMs, decidedMs), nowMs);
        must('IdempotentInv', apartMs >= this.limits.tReplayMs, `its key was accepted as ${accepted.msgId} too`, msgId);
      }
      sent.accepted = { msgId, askedMs: decidedMs, answeredMs: nowMs };
    }
    if (!this.purgedLately.has(msgId)) this.known(msgId, sent);
  }

  private known(msgId: string, sent: Sent): Known {
    let known = this.messages.get(msgId);
    if (known === undefined) {
      known = { msgId, sent, deliveries: 0, lease: null, ackedMs: Number.POSITIVE_INFINITY, ackReceipt: null };
      this.messages.set(msgId, known);
    }
    return known;
  }

  private acked(msgId: string, receipt: string, nowMs: number): void {
    const known = this.messages.get(msgId);
    if (known === undefined) return;
    must(
      'SingleLeaseProp',
      known.ackReceipt === null || known.ackReceipt === receipt,
      'acked with two receipts',
      msgId,
    );
    known.ackReceipt = receipt;
    if (known.ackedMs !== Number.POSITIVE_INFINITY) return;
    known.ackedMs = nowMs;
    this.settled.push({ known, atMs: nowMs });
  }

  private received(ask: RecvRequest, reply: Reply, askedMs: number, nowMs: number): void {
    for (const [i, { msgId, receipt }] of ask.acks.entries()) {
      if (reply.ackOutcomes?.[i] === 'ok') this.acked(msgId, receipt, nowMs);
    }
    const visibilityMs = ask.visibilityMs ?? this.limits.defaultVisibilityMs;
    for (const delivery of reply.deliveries ?? [])
      this.delivered(delivery, { askedMs, answeredMs: nowMs, visibilityMs });
  }

  /** A piece of a stream that was asked for then: its leases began since. */
  streamed({ atMs, ask }: Call, deliveries: readonly Delivery[], nowMs: number): void {
    if (ask.verb !== 'stream') return;
    const visibilityMs = ask.visibilityMs ?? this.limits.defaultVisibilityMs;
    for (const delivery of deliveries) this.delivered(delivery, { askedMs: atMs, answeredMs: nowMs, visibilityMs });
  }

  private delivered(delivery: Delivery, times: Pick<Lease, 'askedMs' | 'answeredMs' | 'visibilityMs'>): void {
    const { msgId, topic, idemKey, payload, epoch, receipt, attempt } = delivery;
    const sent = this.sends.get(topic)?.get(idemKey);
    const hash = hashOf(payload);
    if (sent === undefined || (sent.hash !== hash && !sent.others?.has(hash))) {
      this.counts.unexpected++;
      throw new Breach('IN1', 'nobody sent what was delivered', msgId);
    }
    const known = this.known(msgId, sent);
    this.counts.delivered++;
    if (known.deliveries++ > 0) this.counts.duplicated++;
    must('AckFinalProp', known.ackedMs >= times.askedMs, 'asked for after its ack was answered, and delivered', msgId);
    must('AttemptsBoundedInv', attempt <= this.limits.maxAttempts, `delivered with attempt ${attempt}`, msgId);
    const { lease } = known;
    if (lease !== null && lease.answeredMs <= times.askedMs) {
      must('EpochMonotoneProp', epoch > lease.epoch, `delivered with epoch ${epoch} after ${lease.epoch}`, msgId);
    }
    if (lease !== null && epoch <= lease.epoch) return;
    if (lease !== null && !lease.settling && this.clocksAreTrue) {
      const until = lease.askedMs + lease.visibilityMs - this.gain(topic, lease.askedMs, times.answeredMs);
      must(
        'SingleLeaseProp',
        times.answeredMs >= until,
        `leased anew ${until - times.answeredMs} ms before its lease ends`,
        msgId,
      );
    }
    known.lease = { epoch, receipt, ...times, settling: false };
  }

  /** Purged, with a trace: nobody can be given it any more. */
  purged(msgId: string): void {
    this.messages.delete(msgId);
    this.purgedLately.add(msgId);
    if (this.purgedLately.size <= PURGED_MAX) return;
    for (const oldest of this.purgedLately) return void this.purgedLately.delete(oldest);
  }

  /** From time to time, what was acked long ago; should it be delivered once more, that is unexpected. */
  private forget(nowMs: number): void {
    const keepMs = 2 * this.limits.tReplayMs + KEEP_MS;
    let done = 0;
    if (this.settled.length === 0 || this.settled[0]!.atMs + 2 * keepMs > nowMs) return;
    while (done < this.settled.length && this.settled[done]!.atMs + keepMs < nowMs) {
      const { known } = this.settled[done++]!;
      this.over(known);
      this.messages.delete(known.msgId);
      if (known.sent.accepted?.msgId === known.msgId) this.sends.get(known.sent.topic)?.delete(known.sent.idemKey);
    }
    if (done > 0) this.settled.splice(0, done);
  }

  private over({ deliveries, sent }: Known): void {
    if (deliveries > 0 && sent.unknown) this.counts.recovered++;
  }

  /** The run is over: what was accepted on a topic that is still served must have come to somebody, or be a dead letter. */
  finish(stateOf: (msgId: string) => State | undefined, isServed: (topic: string) => boolean = () => true): void {
    for (const known of this.messages.values()) {
      const { msgId, deliveries, sent } = known;
      this.over(known);
      if (deliveries > 0 || sent.unknown || !isServed(sent.topic)) continue;
      const state = stateOf(msgId);
      if (state === 'acked' || state === 'dead_lettered' || state === 'purged') continue;
      this.counts.lost++;
      must('NoLossInv', false, 'accepted, never delivered, and no dead letter', msgId);
    }
  }
}

function must(rule: RuleName, holds: boolean, why: string, msgId: string): void {
  if (!holds) throw new Breach(rule, `${msgId}: ${why}`, msgId);
}
