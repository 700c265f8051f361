/**
 * What clients saw of a mailbox, and what may not be in it. Times are of one clock; every operation has the time at which it
 * was asked and the time of its answer. What got no answer may or may not have happened.
 */
export interface SendSeen {
  readonly key: string;
  readonly msgId: string;
}
export interface DeliverySeen {
  readonly key: string;
  readonly msgId: string;
  readonly receipt: string;
  readonly epoch: number;
  readonly attempt: number;
  readonly askedMs: number;
  readonly answeredMs: number;
  readonly visibilityMs: number;
}

interface MessageSeen {
  readonly msgId: string;
  readonly key: string;
  accepted: boolean;
  readonly deliveries: DeliverySeen[];
  /** Receipts for which an ack was answered with 200. */
  readonly acked: Set<string>;
  /** When the first of these answers came. */
  ackedMs: number;
  /** When the first attempt to settle the lease of this receipt was made: from then on it may be over. */
  readonly settling: Map<string, number>;
  dead: boolean;
}

/** Kinds of violation, each with what shows it. */
export interface Findings {
  readonly lost: string[];
  readonly deliveredAfterAck: string[];
  readonly twoReceipts: string[];
  readonly overlapping: string[];
  readonly epochs: string[];
  readonly attempts: string[];
  readonly twoMessages: string[];
}

export class History {
  private readonly messages = new Map<string, MessageSeen>();
  private readonly byKey = new Map<string, string>();
  private readonly maxAttempts: number;
  private readonly findings = nothing();
  /** Answers of each kind. */
  readonly counts = { accepted: 0, duplicates: 0, delivered: 0, redelivered: 0, acked: 0, unknown: 0, refused: 0 };

  constructor(maxAttempts: number) {
    this.maxAttempts = maxAttempts;
  }

  private message(key: string, msgId: string): MessageSeen {
    const known = this.byKey.get(key);
    if (known !== undefined && known !== msgId) this.findings.twoMessages.push(`${key}: ${known} and ${msgId}`);
    this.byKey.set(key, msgId);
    let message = this.messages.get(msgId);
    if (message === undefined) {
      const settling = new Map<string, number>();
      message = {
        ...{ msgId, key, accepted: false, deliveries: [], acked: new Set() },
        ...{ ackedMs: Number.POSITIVE_INFINITY, settling, dead: false },
      };
      this.messages.set(msgId, message);
    }
    return message;
  }

  /** A send was answered with 200, or as the duplicate of one that was. */
  accepted({ key, msgId }: SendSeen, duplicate: boolean): void {
    this.message(key, msgId).accepted = true;
    this.counts[duplicate ? 'duplicates' : 'accepted']++;
  }

  delivered(delivery: DeliverySeen): void {
    const { msgId, askedMs, answeredMs, epoch } = delivery;
    const message = this.message(delivery.key, msgId);
    const { findings } = this;
    if (askedMs > message.ackedMs) findings.deliveredAfterAck.push(`${msgId} epoch ${epoch}`);
    if (delivery.attempt > this.maxAttempts) findings.attempts.push(`${msgId} attempt ${delivery.attempt}`);
    for (const before of message.deliveries) {
      // Answers may overtake one another: only what was asked after an answer is known to be later.
      if (askedMs > before.answeredMs && epoch <= before.epoch) {
        findings.epochs.push(`${msgId}: ${epoch} after ${before.epoch}`);
      }
      const settlingMs = message.settling.get(before.receipt) ?? Number.POSITIVE_INFINITY;
      const overMs = Math.min(before.askedMs + before.visibilityMs, settlingMs);
      if (epoch > before.epoch && answeredMs < overMs) {
        findings.overlapping.push(`${msgId}: epoch ${epoch} at ${answeredMs}, epoch ${before.epoch} until ${overMs}`);
      }
      if (before.receipt === delivery.receipt) findings.twoReceipts.push(`${msgId}: the same receipt twice`);
    }
    message.deliveries.push(delivery);
    this.counts.delivered++;
    if (delivery.attempt > 1) this.counts.redelivered++;
  }

  /** From here on the lease may be over, whatever is answered. */
  settling(key: string, msgId: string, receipt: string, askedMs: number): void {
    const { settling } = this.message(key, msgId);
    if (!settling.has(receipt)) settling.set(receipt, askedMs);
  }

  /** An ack was answered with 200. */
  acked(key: string, msgId: string, receipt: string, answeredMs: number): void {
    const message = this.message(key, msgId);
    message.acked.add(receipt);
    message.ackedMs = Math.min(message.ackedMs, answeredMs);
    if (message.acked.size > 1) this.findings.twoReceipts.push(`${msgId}: ${[...message.acked].join(', ')}`);
    this.counts.acked++;
  }

  deadLettered(key: string, msgId: string): void {
    this.message(key, msgId).dead = true;
  }

  /**
   * To be asked when nothing is left in the mailbox: every accepted message was acked or is a dead letter. An ack without an
   * answer counts as one when nothing else can have happened to the message.
   */
  check(): Findings {
    for (const { accepted, acked, dead, settling, msgId, key } of this.messages.values()) {
      if (accepted && acked.size === 0 && !dead && settling.size === 0) this.findings.lost.push(`${key} ${msgId}`);
    }
    return this.findings;
  }

  /** Accepted messages that nobody was seen to settle. */
  get open(): number {
    let open = 0;
    for (const { accepted, acked, dead } of this.messages.values()) if (accepted && acked.size === 0 && !dead) open++;
    return open;
  }
}

function nothing(): Findings {
  return {
    lost: [],
    deliveredAfterAck: [],
    twoReceipts: [],
    overlapping: [],
    epochs: [],
    attempts: [],
    twoMessages: [],
  };
}
export const NOTHING: Findings = nothing();
