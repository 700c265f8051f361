import type { Outcome } from '../../spec/vocabulary.ts';
import type { AckItem, Delivery, SendRequest, Reply as ServiceReply } from '../../src/service/messages.ts';
import { HISTORY_VERSION, type HistoryHeader, type Op } from '../../src/trace/history/format.ts';
import type { Ask, BatchAsk, Call, Reply } from '../call.ts';
import { integrity } from '../integrity.ts';
import type { ObservedWorld, RunObserver } from '../watch.ts';

/** Nobody can say what became of it. */
const isUnknown = (outcome: Outcome): boolean => outcome === 'internal' || outcome === 'journal';
/** A shard whose owner is gone is another's by then. */
const HANDED_OVER_MS = 60_000;
/** Times of a run are whole, or nearly. */
const ms = (atMs: number): number => Math.max(0, Math.round(atMs));

/** Calls and answers of a run, as its clients saw them: for `mailbox trace check --history`. */
export class AnswersLog implements RunObserver {
  private world!: ObservedWorld;
  private readonly commit: string | null;
  private readonly ops: Op[] = [];
  private readonly open = new Map<number, Call>();
  private readonly downSinceMs = new Map<string, number>();

  /** @param commit null where it is not known */
  constructor(commit: string | null) {
    this.commit = commit;
  }

  begin(world: ObservedWorld): void {
    this.world = world;
  }

  private get nowMs(): number {
    return this.world.loop.nowMs;
  }

  called(call: Call): void {
    this.open.set(call.id, call);
    // Another copy of it may be answered to nobody.
    if (call.copies.length > 1) this.tell(call, null, null);
  }

  answered(call: Call, reply: Reply | null): void {
    this.open.delete(call.id);
    this.tell(call, reply, reply === null ? null : ms(this.nowMs));
  }

  streamed(call: Call, deliveries: readonly Delivery[]): void {
    if (call.ask.verb !== 'stream' || deliveries.length === 0) return;
    this.recv(call, call.ask, deliveries, ms(this.nowMs));
  }

  crashed(node: number): void {
    this.downSinceMs.set(`${node}`, this.nowMs);
  }
  started(node: number, _: unknown, first: boolean): void {
    if (!first) this.upAgain(`${node}`);
  }
  fell(node: number, shard: number): void {
    this.downSinceMs.set(`${node} ${shard}`, this.nowMs);
  }
  revived(node: number, shard: { readonly shard: number }): void {
    this.upAgain(`${node} ${shard.shard}`);
  }
  gaveUp(): void {
    this.push({
      client: 'mailbox',
      verb: 'restart',
      result: 'unknown',
      ...this.since(this.nowMs, this.nowMs + HANDED_OVER_MS),
    });
  }

  private upAgain(what: string): void {
    const since = this.downSinceMs.get(what) ?? this.nowMs;
    this.push({ client: 'mailbox', verb: 'restart', result: 'unknown', ...this.since(since, this.nowMs) });
  }

  private since(fromMs: number, toMs: number) {
    return { begin_ms: ms(fromMs), end_ms: ms(toMs) };
  }

  // ---- calls

  private tell(call: Call, reply: Reply | null, endMs: number | null): void {
    const { ask } = call;
    if (ask.verb !== 'batch') return this.one(call, ask, reply, endMs, call.capability);
    for (const [i, item] of ask.items.entries()) {
      const { under, ...own } = item as BatchAsk & { under?: Call['capability'] };
      // Refused as a whole, it has no answers to its items.
      const its = reply === null ? null : (reply.replies?.[i] ?? { outcome: reply.outcome });
      this.one(call, own as Ask, its, endMs, under ?? call.capability);
    }
  }

  private one(call: Call, ask: Ask, reply: ServiceReply | null, endMs: number | null, by: Call['capability']): void {
    const isKnown = reply !== null && !isUnknown(reply.outcome);
    const about = { ...this.about(call, endMs), by: by.nonce };
    const acks = 'acks' in ask ? ask.acks : [];
    this.riding(about, acks, isKnown ? (reply.ackOutcomes ?? []) : null);
    switch (ask.verb) {
      case 'send':
        return this.push({ ...about, ...this.sent(ask), ...sendResult(isKnown ? reply : null) });
      case 'recv':
        if (!isKnown) return this.push({ ...about, verb: 'recv', topic: ask.topic, result: 'unknown' });
        if (reply.outcome !== 'ok') return this.push({ ...about, verb: 'recv', topic: ask.topic, result: 'refused' });
        return this.recv(call, ask, reply.deliveries ?? [], endMs as number);
      // What was handed out on it came in pieces; what was lost on its way nobody knows.
      case 'stream':
        return this.push({ ...about, verb: 'recv', topic: ask.topic, result: 'unknown' });
      case 'ack':
      case 'nack':
      case 'extend': {
        const result = isKnown ? settleResult(reply.outcome) : 'unknown';
        const until = ask.verb === 'extend' && result === 'ok' ? { deadline_in_ms: ms(reply?.deadlineInMs ?? 0) } : {};
        return this.push({ ...about, verb: ask.verb, msg_id: ask.msgId, receipt: ask.receipt, result, ...until });
      }
      case 'reprocess':
      case 'purge':
      case 'redrive':
        return this.push({ ...about, verb: 'redrive', topic: ask.topic, result: 'unknown' });
      case 'revoke': {
        const result = !isKnown ? 'unknown' : reply.outcome === 'ok' ? 'ok' : 'refused';
        return this.push({ ...about, verb: 'revoke', nonce: ask.nonce, result });
      }
    }
  }

  private about({ atMs, by }: Call, endMs: number | null) {
    return { client: by.name, begin_ms: ms(atMs), end_ms: endMs };
  }

  private riding(
    about: Pick<Op, 'client' | 'begin_ms' | 'end_ms'>,
    acks: readonly AckItem[],
    outcomes: readonly Outcome[] | null,
  ): void {
    for (const [i, { msgId, receipt }] of acks.entries()) {
      const outcome = outcomes?.[i];
      // Refused before it was looked at, the call says nothing of them.
      const result =
        outcomes === null
          ? 'unknown'
          : outcome === undefined
            ? 'refused'
            : isUnknown(outcome)
              ? 'unknown'
              : settleResult(outcome);
      this.push({ ...about, verb: 'ack', msg_id: msgId, receipt, result });
    }
  }

  private sent({ topic, idemKey, payload, delayMs, ttlMs }: SendRequest) {
    const { limits, durationMs } = this.world.setup;
    const waits = delayMs === 0 && ttlMs === Number.POSITIVE_INFINITY && limits.readyRetentionMs > 2 * durationMs;
    const about = { verb: 'send' as const, topic, idem_key: idemKey, payload_hash: integrity.payloadHashOf(payload) };
    return waits && !this.world.mayBeDamaged ? about : { ...about, timed: true as const };
  }

  private recv(
    call: Call,
    ask: { readonly topic: string; readonly visibilityMs: number | null },
    deliveries: readonly Delivery[],
    endMs: number,
  ): void {
    const deadline_in_ms = ask.visibilityMs ?? this.world.setup.limits.defaultVisibilityMs;
    const got = deliveries.map(({ msgId, idemKey, payloadHash, receipt, epoch, attempt }) => ({
      ...{ msg_id: msgId, idem_key: idemKey, payload_hash: payloadHash, receipt, epoch, attempt, deadline_in_ms },
    }));
    this.push({ ...this.about(call, endMs), verb: 'recv', topic: ask.topic, result: 'ok', got });
  }

  private push(op: Op): void {
    this.ops.push(op);
  }

  // ---- the file

  text(): string {
    for (const call of this.open.values()) this.tell(call, null, null);
    this.open.clear();
    const { tReplayMs, maxAttempts, settledCapacity } = this.world.setup.limits;
    const header: HistoryHeader = {
      ...{ history: 'svc-mailbox', version: HISTORY_VERSION, producer: 'simulator', commit: this.commit },
      constants: {
        TReplay: tReplayMs,
        MaxAttempts: maxAttempts,
        SettledCapacity: settledCapacity,
        RevokedWithin: this.world.setup.cacheTtlMs,
      },
      true_clocks: this.world.history.clocksAreTrue,
    };
    return [header, ...this.ops].map((line) => `${JSON.stringify(line)}\n`).join('');
  }
}

function sendResult(reply: ServiceReply | null): Pick<Op, 'result' | 'msg_id'> {
  if (reply === null) return { result: 'unknown' };
  const { outcome, msgId } = reply;
  if (outcome === 'ok') return { result: 'accepted', msg_id: msgId as string };
  if (outcome === 'duplicate') return { result: 'duplicate', msg_id: msgId as string };
  return { result: outcome === 'idem_mismatch' ? 'mismatch' : 'refused' };
}

const settleResult = (outcome: Outcome): string =>
  outcome === 'ok' || outcome === 'lease_lost' || outcome === 'not_found' ? outcome : 'refused';
