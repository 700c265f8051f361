import { decide } from '../core/decide.ts';
import type { Message } from '../core/message.ts';
import type { ShardState } from '../core/state.ts';
import type { Chained } from '../ports/integrity.ts';
import { type Lack, memoryBytesOf } from './memory-budget.ts';
import type { BatchItem, Caller, Reply, SendRequest } from './messages.ts';
import { RETRY_SATURATED_MS, type Spine } from './spine.ts';

const RANDOM_IDS = 2 ** 34;
/** What there is no room in, as people read it. */
const LACKS: Readonly<Record<Lack, string>> = {
  memory: 'the memory for messages is used up',
  window: 'the memory for what is remembered of ended messages is used up',
  append: 'as much waits for the journal as one append may bring',
};

function lacking(spine: Spine, lack: Lack, shard: ShardState, nowMs: number): Reply {
  const message = LACKS[lack];
  // It goes with the append that is under way.
  if (lack === 'append') return { outcome: 'saturated_memory', message, retryAfterMs: RETRY_SATURATED_MS };
  if (lack === 'memory') return { ...spine.saturated('saturated_memory', shard, nowMs), message };
  return { ...spine.saturated('saturated_dedup', shard, nowMs, 'window_memory'), message };
}

/** What a quota of bytes counts: payload, key and attributes (BD0). */
function bytesOf({ payload, idemKey, attrs }: SendRequest): number {
  let bytes = payload.byteLength + idemKey.length;
  for (const key in attrs) bytes += key.length + utf8Bytes(attrs[key] as string);
  return bytes;
}

/** Of well-formed text. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // Both halves of a pair together are four bytes.
    if (code > 0x7f) bytes += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return bytes;
}

/** What is known of the hashes of a send before it is decided: its chain holds if it is accepted at just that time. */
export interface Hashed {
  readonly payloadHash: string;
  readonly sentAtMs: number;
  readonly hashChain: string;
}

/** Takes messages in (AC1, ID1..ID5, BD1). */
export class Sending {
  private readonly spine: Spine;

  constructor(spine: Spine) {
    this.spine = spine;
  }

  /** `hashed`: what is known of its hashes. */
  send(request: SendRequest, caller: Caller, nowMs: number, hashed?: Hashed): Reply {
    const reply = this.accept(request, caller, nowMs, hashed);
    if (reply.outcome !== 'ok') this.spine.memory.discard(request.payload);
    return reply;
  }

  /** The hashes of what several requests bring, in one go, by the place of the request; null where nothing is gained. */
  hashesOf(items: readonly BatchItem[], nowMs: number): readonly (Hashed | undefined)[] | null {
    const { integrity, instantOf } = this.spine;
    const { payloadHashesOf, hashChainsOf } = integrity;
    if (payloadHashesOf === undefined || hashChainsOf === undefined) return null;
    const payloads: Uint8Array[] = [];
    for (const { request } of items) if (request.verb === 'send') payloads.push(request.payload);
    if (payloads.length < 2) return null;
    const hashes = payloadHashesOf(payloads);
    // A shard may be ahead of it: then its chain is made anew.
    const sentAtMs = instantOf(nowMs);
    const chained: Chained[] = [];
    for (const { request } of items) {
      if (request.verb !== 'send') continue;
      const { topic, idemKey, attrs } = request;
      chained.push({ topic, sentAtMs, idemKey, payloadHash: hashes[chained.length] as string, attrs });
    }
    const chains = hashChainsOf(chained);
    let next = 0;
    return items.map(({ request }) => {
      if (request.verb !== 'send') return undefined;
      return { payloadHash: hashes[next] as string, sentAtMs, hashChain: chains[next++] as string };
    });
  }

  private accept(request: SendRequest, caller: Caller, nowMs: number, hashed?: Hashed): Reply {
    const { spine } = this;
    const payloadHash = hashed?.payloadHash ?? spine.integrity.payloadHashOf(request.payload);
    if (request.payloadHash !== null && request.payloadHash !== payloadHash) {
      return { outcome: 'integrity', message: 'payload_hash: does not match the payload' };
    }
    const refusal = spine.admit(caller, request.topic, bytesOf(request), nowMs);
    if (refusal !== null) return refusal;
    const shard = spine.shardFor(request.topic);
    spine.advance(shard, nowMs);
    const tsMs = spine.instantOf(shard.nowMs);
    const hashChain =
      hashed?.sentAtMs === tsMs
        ? hashed.hashChain
        : spine.integrity.hashChainOf(request.topic, tsMs, request.idemKey, payloadHash, request.attrs);
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
      }
    }
    const bytes = memoryBytesOf(request);
    const lack = spine.lackFor(request, bytes, nowMs);
    if (lack !== null) return lacking(spine, lack, shard, nowMs);
    const tenant = spine.tenantOf(request.topic);
    if (!spine.memory.mayGather(spine.limits, tenant) || !spine.tenantMayHold(request.topic, nowMs))
      return spine.saturated('saturated_tenant', shard, nowMs);
    spine.take(shard, decision, caller);
    spine.memory.gather(bytes, tenant);
    return { outcome: 'ok', msgId: decision.facts[0]!.msgId, payloadHash, hashChain };
  }
}
