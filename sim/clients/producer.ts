import type { SendRequest } from '../../src/service/messages.ts';
import type { BatchAsk } from '../call.ts';
import { WRONG_HASH } from '../checkers/answers.ts';
import type { Range } from '../random.ts';
import type { Port } from './port.ts';

/** What a producer sends. Shares are of its messages, 0..1. */
export interface ProducerRules {
  readonly everyMs: Range;
  /** Messages that no consumer can work with. */
  readonly poison: number;
  /** Sent with a delay of up to `delayMs.max`. */
  readonly delayed: number;
  readonly delayMs: Range;
  /** Sent with a ttl. */
  readonly mortal: number;
  readonly ttlMs: Range;
  /** Sent under the key and with the payload of an earlier one. */
  readonly repeated: number;
  /** Sent under the key of an earlier one, with another payload. */
  readonly clashing: number;
  /** Sent with a hash that is not the payload's. */
  readonly damaged: number;
  readonly bytes: Range;
  /** Most messages of one request: more than 1 come in batches. */
  readonly batch: number;
  /** Of the messages of a batch, those that come under a capability for other topics. */
  readonly mixed: number;
}

type SendItem = Extract<BatchAsk, { verb: 'send' }>;

export const POISON = 0xff;
const TIMEOUT_MS = 2_000;
const RETRY_BASE_MS = 100;
const RETRY_MAX_MS = 10_000;
const REMEMBERED = 32;

/** Exponential backoff with full jitter (D6). */
export const retryMs = (port: Port, tries: number): number =>
  1 + port.random.below(Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** Math.min(tries, 10)));

/** Sends at a rate; tries each message again, with the same key, until it is told that the mailbox has it. */
export class Producer {
  private readonly port: Port;
  private readonly rules: ProducerRules;
  private sent = 0;
  /** The last few, for repeats. */
  private readonly earlier: SendRequest[] = [];

  constructor(port: Port, rules: ProducerRules) {
    this.port = port;
    this.rules = rules;
  }

  run(): void {
    const { port, rules } = this;
    port.later(port.random.within(rules.everyMs), () => {
      this.produce();
      this.run();
    });
  }

  /** One message more, at some time within `withinMs`. */
  burst(withinMs: number): void {
    const { port } = this;
    if (withinMs === 0) return this.attempt(this.fresh(), 1);
    port.later(1 + port.random.below(withinMs), () => this.attempt(this.fresh(), 1));
  }

  /** Sends again what it sent before, as a client does that lost its notes. */
  replay(): void {
    if (this.earlier.length > 0) this.attempt(this.port.random.pick(this.earlier), 1);
  }

  private produce(): void {
    const { rules, port } = this;
    const { random, traffic } = port;
    const again = this.earlier.length > 0 && (rules.repeated > 0 || rules.clashing > 0);
    if (again && random.chance(rules.repeated)) return this.attempt(random.pick(this.earlier), 1);
    if (again && random.chance(rules.clashing)) {
      const { payload } = this.fresh();
      return this.attempt({ ...random.pick(this.earlier), payload }, Number.POSITIVE_INFINITY);
    }
    if (rules.batch > 1) return this.together(1 + random.below(rules.batch));
    const request = this.fresh();
    if (random.chance(rules.damaged))
      return this.attempt({ ...request, payloadHash: WRONG_HASH }, Number.POSITIVE_INFINITY);
    if (request.payload[0] === POISON) traffic.world.faults.began('poison', port.nowMs);
    this.attempt(request, 1);
  }

  /** So many in one request, at times one of them twice; each that is not taken is tried again by itself. */
  private together(count: number): void {
    const { port, rules } = this;
    const { traffic, random } = port;
    const items: SendItem[] = [];
    for (let i = 0; i < count; i++) {
      const again = items[0] !== undefined && random.chance(rules.repeated);
      const { under: _, ...request } = again ? random.pick(items) : (this.fresh() as SendItem);
      if (!again && request.payload[0] === POISON) traffic.world.faults.began('poison', port.nowMs);
      const said = random.chance(rules.damaged) ? { ...request, payloadHash: WRONG_HASH } : request;
      items.push(random.chance(rules.mixed) ? { ...said, under: traffic.strange(false) } : said);
    }
    traffic.call(port, (items[0] as SendRequest).topic, { verb: 'batch', items }, [], TIMEOUT_MS, (reply) => {
      for (const [i, item] of items.entries()) {
        const outcome = reply?.replies?.[i]?.outcome;
        if (outcome === 'ok' || outcome === 'duplicate' || item.payloadHash !== null) continue;
        const { under: _, ...own } = item;
        port.later(retryMs(port, 1), () => this.attempt(own, 2));
      }
    });
  }

  private fresh(): SendRequest {
    const { rules, port } = this;
    const { random, traffic } = port;
    const number = ++this.sent;
    const first = random.chance(rules.poison) ? POISON : 1;
    const payload = new Uint8Array(Math.max(0, random.within(rules.bytes)));
    for (const [i, byte] of [first, number & 255, (number >> 8) & 255].entries())
      if (i < payload.length) payload[i] = byte;
    const request: SendRequest = {
      verb: 'send',
      topic: traffic.hotTopic ?? port.topic,
      idemKey: `${port.client.name.slice(0, 1)}${port.client.name.split(' ')[1]}-${number}`,
      payload,
      payloadHash: null,
      attrs: {},
      corrId: '-',
      delayMs: random.chance(rules.delayed) ? random.within(rules.delayMs) : 0,
      ttlMs: random.chance(rules.mortal) ? random.within(rules.ttlMs) : Number.POSITIVE_INFINITY,
    };
    if (this.earlier.length < REMEMBERED) this.earlier.push(request);
    else this.earlier[number % REMEMBERED] = request;
    return request;
  }

  /** `tries` Infinity: once, whatever comes of it. */
  private attempt(request: SendRequest, tries: number): void {
    const { port } = this;
    const { traffic } = port;
    traffic.call(port, request.topic, request, [], TIMEOUT_MS, (reply) => {
      const outcome = reply?.outcome;
      if (outcome === 'ok' || outcome === 'duplicate' || tries === Number.POSITIVE_INFINITY) return;
      if (outcome === 'cap_auth' && !traffic.mayRenew('producers')) return;
      traffic.world.tally.count('send_retries');
      const waitMs = Math.max(outcome === 'quota' ? (reply?.retryAfterMs ?? 0) : 0, retryMs(port, tries));
      port.later(waitMs, () => this.attempt(request, tries + 1));
    });
  }
}
