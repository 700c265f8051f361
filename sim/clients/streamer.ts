import type { AckItem, Delivery } from '../../src/service/messages.ts';
import type { Range } from '../random.ts';
import { refOf } from './consumer.ts';
import type { Port } from './port.ts';
import { POISON, retryMs } from './producer.ts';

/** A client that holds streams open, one after the other. */
export interface StreamerRules {
  readonly credit: number;
  readonly bytesMax: number;
  /** A stream ends after so many; 0 for never. */
  readonly messagesMax: number;
  /** It ends when there was nothing for so long; 0 for never. */
  readonly waitMs: number;
  /** Steps a second that a quota of its own allows; 0 for any number. */
  readonly quotaOps: number;
  /** How long a piece takes to read: one that takes long is a reader that stalls. */
  readonly takesMs: Range;
  readonly workMs: Range;
  /** 0: the default of the mailbox. */
  readonly visibilityMs: number;
  /** Share of its messages that it never settles, 0..1. */
  readonly forgotten: number;
  /** Share of its acks that ride on the next stream, 0..1. */
  readonly riding: number;
  /** It hangs up after so long. */
  readonly lifeMs: Range;
}

const TIMEOUT_MS = 2_000;
const TRIES_MAX = 6;
const PAUSE_MS = 20;

/** Opens a stream, works on what it gives, settles each message by a request of its own, and opens the next one. */
export class Streamer {
  private readonly port: Port;
  private readonly rules: StreamerRules;
  /** Done, and to be acked with the next stream. */
  private riding: Delivery[] = [];
  private refusals = 0;

  constructor(port: Port, rules: StreamerRules) {
    this.port = port;
    this.rules = rules;
  }

  run(): void {
    const { port, rules } = this;
    const { random, traffic } = port;
    const acks = this.riding;
    this.riding = [];
    const request = {
      verb: 'stream',
      topic: port.topic,
      visibilityMs: rules.visibilityMs === 0 ? null : rules.visibilityMs,
      credit: rules.credit,
      bytesMax: rules.bytesMax,
      messagesMax: rules.messagesMax === 0 ? Number.POSITIVE_INFINITY : rules.messagesMax,
      waitMs: rules.waitMs === 0 ? Number.POSITIVE_INFINITY : rules.waitMs,
      takesMs: random.within(rules.takesMs),
      acks: acks.map(itemOf),
    } as const;
    const refs = acks.map(refOf);
    const lifeMs = Math.max(1, random.within(rules.lifeMs));
    let works = false;
    traffic.stream(
      port,
      { ask: request, refs, timeoutMs: lifeMs },
      (deliveries) => {
        works = true;
        for (const delivery of deliveries) this.work(delivery);
      },
      (reply) => {
        this.refusals = works || reply === null ? 0 : this.refusals + 1;
        port.later(PAUSE_MS + (this.refusals > 0 ? retryMs(port, this.refusals) : 0), () => this.run());
      },
      rules.quotaOps === 0 ? null : traffic.issuer.paced('streamers', rules.quotaOps),
    );
  }

  private work(delivery: Delivery): void {
    const { port, rules } = this;
    const { random } = port;
    port.traffic.gossip(delivery);
    if (random.chance(rules.forgotten)) return;
    const doneMs = random.within(rules.workMs);
    const isPoison = delivery.payload[0] === POISON;
    if (!isPoison && random.chance(rules.riding)) return port.later(doneMs, () => this.riding.push(delivery));
    port.later(doneMs, () => this.settle(delivery, isPoison, 1));
  }

  private settle(delivery: Delivery, isPoison: boolean, tries: number): void {
    const { port } = this;
    const item = itemOf(delivery);
    const ask = isPoison
      ? ({ verb: 'nack', ...item, reason: null, retryAfterMs: null, deadLetter: true } as const)
      : ({ verb: 'ack', ...item } as const);
    port.ask(ask, [refOf(delivery)], TIMEOUT_MS, (reply) => {
      if ((reply !== null && reply.outcome !== 'cap_auth') || tries >= TRIES_MAX) return;
      port.later(retryMs(port, tries), () => this.settle(delivery, isPoison, tries + 1));
    });
  }
}

const itemOf = ({ msgId, receipt }: Delivery): AckItem => ({ msgId, receipt });
