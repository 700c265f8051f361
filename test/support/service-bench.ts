import type { Fact } from '../../src/core/facts.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { Batch } from '../../src/ports/journal.ts';
import type { Caller, RecvRequest, Reply, Request, SendRequest } from '../../src/service/messages.ts';
import { Service } from '../../src/service/service.ts';
import { limitsOf } from './shard.ts';

/** A caller who may do everything. */
export const everyone: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };

/** A service whose journal does nothing until told to. */
export class ServiceBench {
  readonly appended: (readonly Batch[])[] = [];
  readonly facts: Fact[] = [];
  readonly service: Service;
  nowMs = 1_000_000;
  private drawn = 0;

  constructor(
    limits: Partial<Limits> = {},
    shards = 4,
    hash: (payload: Uint8Array) => string = (p) => `b3:${p.join('.')}`,
    overwrites = false,
  ) {
    this.service = new Service({
      shards: Service.empty(shards, limitsOf(limits)),
      random: { below: () => 0, token: () => `receipt-${++this.drawn}` },
      integrity: { payloadHashOf: hash, hashChainOf: (...parts) => `b3:chain-${parts.slice(0, 3).join('-')}` },
      observer: { fact: (_shard, fact) => this.facts.push(fact) },
      effects: { append: (batches) => this.appended.push(batches) },
      overwrites,
    });
  }

  /** The reply, as soon as there is one. */
  ask(request: Request, caller = everyone): { reply: Reply | null } {
    const held: { reply: Reply | null } = { reply: null };
    this.service.request(request, caller, this.nowMs, (reply) => {
      if (held.reply !== null) throw new Error('replied twice');
      held.reply = reply;
    });
    return held;
  }

  /** Asks, makes everything durable, and gives the reply. */
  now(request: Request, caller = everyone): Reply {
    const held = this.ask(request, caller);
    this.sync();
    if (held.reply === null) throw new Error('no reply');
    return held.reply;
  }

  private synced = 0;
  sync(): void {
    while (this.synced < this.appended.length) {
      this.synced++;
      this.service.durable();
    }
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.service.tick(this.nowMs);
  }
}

export const send = (topic: string, idemKey: string, changed: Partial<SendRequest> = {}): SendRequest => ({
  verb: 'send',
  topic,
  idemKey,
  payload: new Uint8Array([1, 2]),
  payloadHash: null,
  attrs: {},
  corrId: 'c',
  delayMs: 0,
  ttlMs: Number.POSITIVE_INFINITY,
  ...changed,
});
export const recv = (topic: string, changed: Partial<RecvRequest> = {}): RecvRequest => ({
  verb: 'recv',
  topic,
  visibilityMs: null,
  messagesMax: 32,
  bytesMax: 524_288,
  waitMs: 0,
  acks: [],
  ...changed,
});
