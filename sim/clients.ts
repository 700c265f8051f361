import type { Delivery, Reply } from '../src/service/messages.ts';
import type { LifecycleChecker } from './checkers/lifecycle.ts';
import type { Loop } from './loop.ts';
import type { Network } from './network.ts';
import type { Range, Stream } from './random.ts';

/** How a consumer behaves. */
export const CONSUMER_KINDS = ['good', 'slow', 'crashing', 'late', 'double_acking', 'poison_sensitive'] as const;
export type ConsumerKind = (typeof CONSUMER_KINDS)[number];

export interface ClientParts {
  readonly loop: Loop;
  readonly network: Network;
  readonly random: Stream;
  readonly checker: LifecycleChecker;
  readonly token: string;
}

const RPC_TIMEOUT_MS = 2_000;
const RETRY_BASE_MS = 50;
const RETRY_MAX_MS = 5_000;
const POISON = 0xff;

/** Exponential backoff with full jitter (D6). */
const retryMs = (random: Stream, tries: number): number =>
  1 + random.below(Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** Math.min(tries, 10)));

/** Sends at a rate; tries each message again, with the same key, until it is told that the mailbox has it. */
export class Producer {
  private readonly parts: ClientParts;
  private readonly topic: string;
  private readonly name: number;
  private readonly poison: number;
  private sent = 0;
  /** Sends without a final answer. */
  open = 0;

  constructor(parts: ClientParts, topic: string, name: number, poison: number) {
    this.parts = parts;
    this.topic = topic;
    this.name = name;
    this.poison = poison;
  }

  /** One message every `everyMs` until `untilMs`. */
  run(everyMs: Range, untilMs: number): void {
    const { loop, random } = this.parts;
    loop.after(random.within(everyMs), 'client', this.name, () => {
      if (loop.nowMs >= untilMs) return;
      this.burst(1);
      this.run(everyMs, untilMs);
    });
  }

  burst(count: number): void {
    for (let i = 0; i < count; i++) {
      const first = this.parts.random.chance(this.poison) ? POISON : 1;
      this.open++;
      this.attempt(`${this.name}-${++this.sent}`, new Uint8Array([first, this.sent & 255, (this.sent >> 8) & 255]), 1);
    }
  }

  private attempt(idemKey: string, payload: Uint8Array, tries: number): void {
    const { loop, network, random, checker, token } = this.parts;
    const request = {
      verb: 'send',
      topic: this.topic,
      idemKey,
      payload,
      payloadHash: null,
      attrs: {},
      corrId: '-',
      delayMs: 0,
      ttlMs: Number.POSITIVE_INFINITY,
    } as const;
    network.call(token, request, RPC_TIMEOUT_MS, (reply) => {
      const outcome = reply?.outcome ?? 'timeout';
      if (outcome === 'ok' || outcome === 'duplicate') this.open--;
      else if (outcome === 'cap_auth') {
        checker.count('refused_auth');
        this.open--;
      } else {
        if (outcome.startsWith('saturated')) checker.count('saturated');
        checker.count('send_retries');
        loop.after(retryMs(random, tries), 'client', this.name, () => this.attempt(idemKey, payload, tries + 1));
      }
    });
  }
}

export interface ConsumerRules {
  readonly kind: ConsumerKind;
  readonly workMs: Range;
  /** Share of deliveries on which a faulty kind shows its fault, 0..1. */
  readonly share: number;
  readonly visibilityMs: number;
}

/** Receives, works, settles, for ever. */
export class Consumer {
  private readonly parts: ClientParts;
  private readonly topic: string;
  private readonly name: number;
  private readonly rules: ConsumerRules;
  /** In the end phase everyone behaves. */
  behaves = false;

  constructor(parts: ClientParts, topic: string, name: number, rules: ConsumerRules) {
    this.parts = parts;
    this.topic = topic;
    this.name = name;
    this.rules = rules;
  }

  run(): void {
    const { loop, network, random, token } = this.parts;
    const request = {
      verb: 'recv',
      topic: this.topic,
      visibilityMs: this.rules.visibilityMs,
      messagesMax: 1 + random.below(4),
      bytesMax: 524_288,
      waitMs: random.chance(0.5) ? 1_000 : 0,
      acks: [],
    } as const;
    network.call(token, request, RPC_TIMEOUT_MS + request.waitMs, (reply) => {
      const deliveries = reply?.deliveries ?? [];
      for (const delivery of deliveries) this.work(delivery);
      const pauseMs = deliveries.length > 0 ? random.within(this.rules.workMs) : 20 + random.below(100);
      loop.after(pauseMs, 'client', this.name, () => this.run());
    });
  }

  private work(delivery: Delivery): void {
    const { loop, random, checker } = this.parts;
    const { kind, workMs, share, visibilityMs } = this.rules;
    const faulty = !this.behaves && random.chance(share);
    const doneMs = random.within(workMs);
    if (delivery.payload[0] === POISON && (kind === 'poison_sensitive' || kind === 'good')) {
      checker.count('poisoned');
      return this.later(doneMs, () => this.settle('nack', delivery, 1));
    }
    if (!faulty || kind === 'good') return this.later(doneMs, () => this.settle('ack', delivery, 1));
    checker.count(`consumer_${kind}`);
    if (kind === 'crashing') return;
    if (kind === 'late') return this.later(visibilityMs + doneMs, () => this.settle('ack', delivery, 1));
    if (kind === 'slow') {
      this.later(Math.floor(visibilityMs / 2), () => this.settle('extend', delivery, 1));
      return this.later(visibilityMs + Math.floor(visibilityMs / 4), () => this.settle('ack', delivery, 1));
    }
    if (kind === 'double_acking') this.later(doneMs + random.below(200), () => this.settle('ack', delivery, 1));
    loop.after(doneMs, 'client', this.name, () =>
      this.settle(kind === 'poison_sensitive' ? 'nack' : 'ack', delivery, 1),
    );
  }

  private later(ms: number, then: () => void): void {
    this.parts.loop.after(ms, 'client', this.name, then);
  }

  /** Says the verb until there is an answer, a few times. */
  private settle(verb: 'ack' | 'nack' | 'extend', { msgId, receipt }: Delivery, tries: number): void {
    const { network, random, checker, token } = this.parts;
    const item = { msgId, receipt };
    const request =
      verb === 'ack'
        ? ({ verb, ...item } as const)
        : verb === 'extend'
          ? ({ verb, ...item, visibilityMs: null } as const)
          : ({ verb, ...item, reason: 'poison', retryAfterMs: null, deadLetter: random.chance(0.1) } as const);
    network.call(token, request, RPC_TIMEOUT_MS, (reply: Reply | null) => {
      if (reply === null && tries < 4) {
        checker.count('settle_retries');
        this.later(retryMs(random, tries), () => this.settle(verb, { msgId, receipt } as Delivery, tries + 1));
      }
      if (reply?.outcome === 'lease_lost') checker.count('leases_lost');
    });
  }
}

/** Puts dead letters back now and then. */
export class Admin {
  private readonly parts: ClientParts;
  private readonly topics: readonly string[];

  constructor(parts: ClientParts, topics: readonly string[]) {
    this.parts = parts;
    this.topics = topics;
  }

  run(everyMs: number, untilMs: number): void {
    const { loop, network, token } = this.parts;
    loop.after(everyMs, 'client', 0, () => {
      if (loop.nowMs >= untilMs) return;
      for (const topic of this.topics) {
        const request = { verb: 'reprocess', topic, limit: 100, msgIds: null, reason: null, ratePerS: null } as const;
        network.call(token, request, RPC_TIMEOUT_MS, () => {});
      }
      this.run(everyMs, untilMs);
    });
  }
}
