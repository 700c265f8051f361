import { decide } from '../core/decide.ts';
import type { Message } from '../core/state.ts';
import type { Caller, Reply, SendRequest } from './messages.ts';
import { RETRY_SATURATED_MS, type Spine } from './spine.ts';

const RANDOM_IDS = 2 ** 34;

/** Takes messages in (AC1, ID1..ID5, BD1). */
export class Sending {
  private readonly spine: Spine;

  constructor(spine: Spine) {
    this.spine = spine;
  }

  send(request: SendRequest, caller: Caller, nowMs: number): Reply {
    const reply = this.accept(request, caller, nowMs);
    if (reply.outcome !== 'ok') this.spine.payloads.discard(request.payload);
    return reply;
  }

  private accept(request: SendRequest, caller: Caller, nowMs: number): Reply {
    const { spine } = this;
    const payloadHash = spine.integrity.payloadHashOf(request.payload);
    if (request.payloadHash !== null && request.payloadHash !== payloadHash) {
      return { outcome: 'integrity', message: 'payload_hash: does not match the payload' };
    }
    const refusal = spine.admit(caller, request.topic, request.payload.byteLength, nowMs);
    if (refusal !== null) return refusal;
    const shard = spine.shardFor(request.topic);
    spine.advance(shard, nowMs);
    const tsMs = spine.instantOf(shard.nowMs);
    const hashChain = spine.integrity.hashChainOf(request.topic, tsMs, request.idemKey, payloadHash, request.attrs);
    const decision = decide(shard, {
      name: 'send',
      atMs: shard.nowMs,
      tsMs,
      topic: request.topic,
      idemKey: request.idemKey,
      payload: request.payload,
      payloadHash,
      hashChain,
      attrs: request.attrs,
      corrId: request.corrId,
      delayMs: request.delayMs,
      ttlMs: request.ttlMs,
      random: spine.random.below(RANDOM_IDS),
    });
    switch (decision.outcome) {
      case 'duplicate':
      case 'idem_mismatch': {
        const { msgId, hashChain } = decision.message as Message;
        return decision.outcome === 'duplicate'
          ? { outcome: 'duplicate', msgId, payloadHash, hashChain }
          : { outcome: 'idem_mismatch' };
      }
      default: {
        const { writesRefused } = spine;
        if (writesRefused !== null) return { outcome: writesRefused, retryAfterMs: RETRY_SATURATED_MS };
        if (decision.outcome !== 'ok') return spine.saturated(decision.outcome, shard, nowMs);
        if (!spine.payloads.fits(request.payload)) {
          return {
            ...spine.saturated('saturated_memory', shard, nowMs),
            message: 'the memory for payloads is used up',
          };
        }
        const { bytes, bytesMax } = spine.payloads;
        if (!spine.tenantBytes.mayHold(spine.limits, bytesMax, bytes, spine.tenantOf(request.topic)))
          return spine.saturated('saturated_tenant', shard, nowMs);
      }
    }
    spine.take(shard, decision, caller);
    return { outcome: 'ok', msgId: decision.facts[0]!.msgId, payloadHash, hashChain };
  }
}
