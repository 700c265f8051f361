import type { AckItem, Delivery, Reply } from '../../src/service/messages.ts';
import type { LeaseRef } from '../call.ts';
import type { Range } from '../random.ts';
import type { Port } from './port.ts';
import { POISON, retryMs } from './producer.ts';

/** How a consumer behaves with the share of its deliveries that brings out its temper. */
export const TEMPERS = {
  good: 'acks when its work is done',
  slow: 'extends its lease and acks after the first deadline',
  late: 'acks after its deadline',
  hanging: 'extends until it is refused, and never acks',
  crashing: 'forgets what it was given',
  double_acking: 'acks twice',
  rejecting: 'sends to the dead letters',
  nacking: 'nacks, at times with a delay of its own',
  poison_sensitive: 'crashes on poison, and stays away for a while',
  unentitled: 'acks along with its recv under a capability that may not ack',
  confused: 'settles with receipts that are not its own, or with none that exists',
} as const;
export type Temper = keyof typeof TEMPERS;
export const TEMPER_NAMES = Object.keys(TEMPERS) as Temper[];

export interface ConsumerRules {
  readonly kind: Temper;
  readonly workMs: Range;
  /** Share of deliveries on which its temper shows, 0..1. */
  readonly share: number;
  /** 0: the default of the mailbox. */
  readonly visibilityMs: number;
  readonly waitMs: number;
  readonly messagesMax: number;
  readonly bytesMax: number;
  /** Share of acks that ride on the next recv, 0..1. */
  readonly riding: number;
  /** Share of acks that are said together with others, 0..1. */
  readonly batching: number;
}

const TIMEOUT_MS = 2_000;
const GATHER_MS = 40;
const SETTLE_TRIES_MAX = 6;
const AWAY_MS = 3_000;
const IDLE_MS: Range = { min: 20, max: 120 };
/** A receipt that nobody was ever given. */
export const FORGED_RECEIPT = 'f0'.repeat(16);

export const refOf = ({ topic, idemKey, epoch }: Delivery): LeaseRef => ({ topic, idemKey, epoch });
/** Whether a settling verb has to be said again. */
const isUnsaid = (reply: Pick<Reply, 'outcome'> | null): boolean =>
  reply === null || reply.outcome === 'quota' || reply.outcome === 'cap_auth';
const itemOf = ({ msgId, receipt }: Delivery): AckItem => ({ msgId, receipt });

/** Receives, works, settles, for ever. */
export class Consumer {
  private readonly port: Port;
  private readonly rules: ConsumerRules;
  /** Done, and to be acked with the next recv. */
  private riding: Delivery[] = [];
  /** Done, and to be acked together with others. */
  private gathered: Delivery[] = [];
  /** In a row. */
  private refusals = 0;

  constructor(port: Port, rules: ConsumerRules) {
    this.port = port;
    this.rules = rules;
  }

  run(): void {
    const { port, rules } = this;
    const acks = this.riding;
    this.riding = [];
    const request = {
      verb: 'recv',
      topic: port.topic,
      visibilityMs: rules.visibilityMs === 0 ? null : rules.visibilityMs,
      messagesMax: 1 + port.random.below(rules.messagesMax),
      bytesMax: rules.bytesMax,
      waitMs: rules.waitMs,
      acks: acks.map(itemOf),
    } as const;
    const askedMs = port.nowMs;
    const isUnentitled = rules.kind === 'unentitled' && acks.length > 0 && port.random.chance(rules.share);
    port.traffic.call(
      port,
      port.topic,
      request,
      acks.map(refOf),
      TIMEOUT_MS + rules.waitMs,
      (reply) => {
        if (isUnentitled) this.riding.push(...acks);
        this.took(reply, port.nowMs - askedMs);
      },
      isUnentitled ? port.traffic.issuer.of('readers', port.topic) : null,
    );
  }

  private took(reply: Reply | null, waitedMs: number): void {
    const { port } = this;
    const deliveries = reply?.deliveries ?? [];
    let awayMs = 0;
    for (const delivery of deliveries) awayMs = Math.max(awayMs, this.work(delivery));
    port.later(awayMs + this.pauseMs(reply, deliveries.length > 0, waitedMs), () => this.run());
  }

  /** Until it asks again: its work, a moment when there is none, longer and longer while it is refused (D6). */
  private pauseMs(reply: Reply | null, works: boolean, waitedMs: number): number {
    const { random } = this.port;
    const { workMs, waitMs } = this.rules;
    const refused = reply === null || reply.outcome !== 'ok';
    this.refusals = refused ? this.refusals + 1 : 0;
    if (works) return random.within(workMs);
    if (refused) return Math.max(reply?.retryAfterMs ?? 0, retryMs(this.port, this.refusals));
    return waitMs > 0 && waitedMs >= waitMs ? 1 : random.within(IDLE_MS);
  }

  private get visibilityMs(): number {
    const { visibilityMs } = this.rules;
    return visibilityMs === 0 ? this.port.traffic.world.setup.limits.defaultVisibilityMs : visibilityMs;
  }

  /** Returns how long the consumer is away because of it. */
  private work(delivery: Delivery): number {
    const { port, rules, visibilityMs } = this;
    const { random } = port;
    port.traffic.gossip(delivery);
    const doneMs = random.within(rules.workMs);
    const shows = random.chance(rules.share);
    if (delivery.payload[0] === POISON) {
      if (rules.kind === 'poison_sensitive') return AWAY_MS;
      this.nack(delivery, doneMs, null, false);
      return 0;
    }
    switch (shows ? rules.kind : 'good') {
      case 'slow':
        port.later(visibilityMs >> 1, () => this.settle('extend', delivery, 1));
        this.ackAfter(visibilityMs + (visibilityMs >> 2), delivery);
        return 0;
      case 'late':
        this.ackAfter(visibilityMs + doneMs, delivery);
        return 0;
      case 'hanging':
        this.hold(delivery);
        return 0;
      case 'crashing':
        return AWAY_MS;
      case 'double_acking':
        this.ackAfter(doneMs, delivery);
        this.ackAfter(doneMs + random.below(200), delivery);
        return 0;
      case 'rejecting':
        this.nack(delivery, doneMs, null, true);
        return 0;
      case 'nacking':
        this.nack(delivery, doneMs, random.chance(0.5) ? random.below(2_000) : null, false);
        return 0;
      case 'confused':
        this.confuse(delivery, doneMs);
        return 0;
      default:
        if (rules.batching > 0 && random.chance(rules.batching)) {
          port.later(doneMs, () => this.gather(delivery));
          return 0;
        }
        if (rules.kind !== 'unentitled' && !random.chance(rules.riding)) {
          this.ackAfter(doneMs, delivery);
          return 0;
        }
        port.later(doneMs, () => this.riding.push(delivery));
        return doneMs;
    }
  }

  /** Acks with others that are done at about the same time. */
  private gather(delivery: Delivery): void {
    const { port } = this;
    this.gathered.push(delivery);
    if (this.gathered.length > 1) return;
    port.later(GATHER_MS, () => {
      const all = this.gathered;
      this.gathered = [];
      this.settleAll(all, 1);
    });
  }

  private settleAll(deliveries: readonly Delivery[], tries: number): void {
    const { port } = this;
    const items = deliveries.map((delivery) => ({ verb: 'ack', ...itemOf(delivery) }) as const);
    port.ask({ verb: 'batch', items }, deliveries.map(refOf), TIMEOUT_MS, (reply) => {
      if (tries >= SETTLE_TRIES_MAX) return;
      const left = deliveries.filter((_, i) => isUnsaid(reply === null ? null : (reply.replies?.[i] ?? reply)));
      if (left.length > 0) port.later(retryMs(port, tries), () => this.settleAll(left, tries + 1));
    });
  }

  private ackAfter(ms: number, delivery: Delivery): void {
    this.port.later(ms, () => this.settle('ack', delivery, 1));
  }

  private nack(delivery: Delivery, ms: number, retryAfterMs: number | null, deadLetter: boolean): void {
    const { port } = this;
    const request = { verb: 'nack', ...itemOf(delivery), reason: 'sim', retryAfterMs, deadLetter } as const;
    port.later(ms, () => this.say(() => request, delivery, 1));
  }

  /** Extends again and again. */
  private hold(delivery: Delivery): void {
    const { port, visibilityMs } = this;
    port.later(visibilityMs >> 1, () => {
      const request = { verb: 'extend', ...itemOf(delivery), visibilityMs: null } as const;
      port.ask(request, [refOf(delivery)], TIMEOUT_MS, (reply) => {
        if (reply?.outcome === 'ok') this.hold(delivery);
      });
    });
  }

  /** Takes receipts of others, old ones, and ones that do not exist. */
  private confuse(delivery: Delivery, ms: number): void {
    const { port } = this;
    const { random, traffic } = port;
    const other = traffic.heard(random) ?? delivery;
    const forged = random.chance(0.3);
    const receipt = forged ? FORGED_RECEIPT : random.chance(0.5) ? other.receipt : delivery.receipt;
    const [of, epoch] = receipt === other.receipt ? [other, other.epoch] : [delivery, forged ? 0 : delivery.epoch];
    const item = { msgId: of.msgId, receipt };
    const ref = { ...refOf(of), epoch };
    const verb = random.pick(['ack', 'nack', 'extend'] as const);
    port.later(ms + random.below(2 * this.visibilityMs), () => {
      if (verb === 'nack')
        port.ask({ verb, ...item, reason: null, retryAfterMs: null, deadLetter: false }, [ref], TIMEOUT_MS, () => {});
      else if (verb === 'extend')
        port.ask({ verb, ...item, visibilityMs: 250 + random.below(5_000) }, [ref], TIMEOUT_MS, () => {});
      else port.ask({ verb, ...item }, [ref], TIMEOUT_MS, () => {});
    });
  }

  private settle(verb: 'ack' | 'extend', delivery: Delivery, tries: number): void {
    const item = itemOf(delivery);
    this.say(() => (verb === 'ack' ? { verb, ...item } : { verb, ...item, visibilityMs: null }), delivery, tries);
  }

  /** Says the verb until there is an answer, a few times. */
  private say(request: () => Parameters<Port['ask']>[0], delivery: Delivery, tries: number): void {
    const { port } = this;
    port.ask(request(), [refOf(delivery)], TIMEOUT_MS, (reply) => {
      if (!isUnsaid(reply)) return;
      if (tries >= SETTLE_TRIES_MAX) return;
      port.traffic.world.tally.count('settle_retries');
      port.later(retryMs(port, tries), () => this.say(request, delivery, tries + 1));
    });
  }
}
