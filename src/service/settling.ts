import type { Outcome } from '../../spec/vocabulary.ts';
import type { Command } from '../core/commands.ts';
import type { Message } from '../core/message.ts';
import type { AckItem, AcksReply, Caller, ExtendRequest, NackRequest, Reply } from './messages.ts';
import { itemOf, NACK, type Spine } from './spine.ts';

const NOT_FOUND: Reply = { outcome: 'not_found' };
const OUT_OF_SCOPE: Reply = { outcome: 'not_found', outOfScope: true };

const HELD_TOO_LONG = 'visibility_ms: beyond the longest time that a lease may be held (inflight_factor)';

/** Ends leases, or makes them longer (LE3, LE4, LE5). */
export class Settling {
  private readonly spine: Spine;

  constructor(spine: Spine) {
    this.spine = spine;
  }

  ack(request: AckItem, caller: Caller, nowMs: number): Reply {
    return this.settle(request, caller, nowMs, (atMs) => ({
      name: 'ack',
      atMs,
      msgId: request.msgId,
      receipt: request.receipt,
    }));
  }

  nack(request: NackRequest, caller: Caller, nowMs: number): Reply {
    return this.settle(request, caller, nowMs, (atMs) => this.nackCommand(request, atMs));
  }

  extend(request: ExtendRequest, caller: Caller, nowMs: number): Reply {
    const reply = this.settle(request, caller, nowMs, (atMs) => ({
      name: 'extend',
      atMs,
      ...itemOf(request),
      visibilityMs: request.visibilityMs,
    }));
    const message = this.spine.find(request.msgId);
    if (reply.outcome === 'ok') return { outcome: 'ok', deadlineInMs: (message as Message).timerAtMs - nowMs };
    // In force, and not to be held for so long (LE5).
    const isHeld = reply.outcome === 'lease_lost' && message?.state === 'leased' && message.receipt === request.receipt;
    return isHeld ? { ...reply, message: HELD_TOO_LONG } : reply;
  }

  private settle(item: AckItem, caller: Caller, nowMs: number, command: (atMs: number) => Command): Reply {
    const down = this.spine.refuseDown(item.msgId, caller, nowMs);
    if (down !== null) return down;
    const found = this.spine.locate(item.msgId, caller);
    if (found === null) return this.spine.find(item.msgId) === undefined ? NOT_FOUND : OUT_OF_SCOPE;
    const refusal = this.spine.admit(caller, found.topic.name, 0, nowMs);
    if (refusal !== null) return refusal;
    const { outcome, settled } = this.spine.run(found.shard, command(nowMs), caller);
    return settled === null ? { outcome } : { outcome, state: settled };
  }

  private nackCommand(request: NackRequest, atMs: number): Command {
    const { reason, retryAfterMs, deadLetter } = request;
    return { ...NACK, atMs, ...itemOf(request), jitter: this.spine.jitter(), reason, retryAfterMs, deadLetter };
  }

  /** Those that ride on a recv or begin a stream. */
  ackItems(items: readonly AckItem[], caller: Caller, nowMs: number): AcksReply {
    const ackOutcomes = items.map((item) => this.ackItem(item, caller, nowMs));
    const isProbe = items.some(
      ({ msgId }, i) => ackOutcomes[i] === 'not_found' && this.spine.find(msgId) !== undefined,
    );
    return isProbe ? { ackOutcomes, outOfScope: true } : { ackOutcomes };
  }

  private ackItem(item: AckItem, caller: Caller, nowMs: number): Outcome {
    const down = this.spine.refuseDown(item.msgId, caller, nowMs);
    if (down !== null) return down.outcome;
    const found = this.spine.locate(item.msgId, caller);
    if (found === null) return 'not_found';
    // An ack is an operation, whether it comes alone or rides on a recv (AU2).
    if (caller.charge(0, nowMs) > 0) return 'quota';
    return this.spine.run(found.shard, { name: 'ack', atMs: nowMs, msgId: item.msgId, receipt: item.receipt }, caller)
      .outcome;
  }
}
