import type { Ack, Command, Expire, Extend, Nack, Purge, Recv, Release, Reprocess, Send } from '../core/commands.ts';
import { firstAvailable, type Message } from '../core/message.ts';
import type { ShardState } from '../core/state.ts';
import type { MailboxConstants } from './mailbox.ts';
import { openUntilMs, receiptOf } from './project.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** No lease was ever given this receipt. */
const NEVER = 'never';
/** The largest that the service draws. */
const JITTER_MAX = 1 - 2 ** -32;
const EXTREMES = [0, JITTER_MAX];
/** The fields of every command: objects of one shape are read fastest. */
const ALL = {
  ...{ name: '', atMs: 0, tsMs: 0, msgId: '', receipt: '', epoch: 0, jitter: 0, visibilityMs: 0 },
  ...{
    topic: '',
    idemKey: '',
    payload: new Uint8Array(1),
    payloadHash: 'one',
    hashChain: 'chain',
    attrs: {},
    corrId: '-',
  },
  ...{
    delayMs: 0,
    ttlMs: Number.POSITIVE_INFINITY,
    random: 0,
    bytesMax: 0,
    inflightElsewhere: 0,
    tenantInflightElsewhere: 0,
  },
  ...{ reason: '', retryAfterMs: null, deadLetter: false, damaged: false },
};
const NACK: Nack = { ...ALL, name: 'nack', reason: 'nacked' };

/**
 * Values of the jitter that between them give every whole backoff a message may have, by its attempts so far; the least and the
 * largest always, so that a backoff out of bounds shows.
 */
function jittersFor(c: MailboxConstants): readonly (readonly number[])[] {
  return Array.from({ length: c.MaxAttempts + 1 }, (_, attempt) => {
    const ceiling = Math.min(c.BackoffMax, c.BackoffBase * 2 ** attempt);
    const between = Array.from({ length: Math.max(ceiling - 1, 0) }, (_, i) => (i + 1.5) / (ceiling + 1));
    return [0, ...between, JITTER_MAX];
  });
}

/** Tries a command; says whether it acted. */
export type Attempt = (command: Command) => boolean;

/**
 * Every command that a client, an admin or time may bring in a state of a bounded model, right ones and wrong ones: receipts of
 * the past and of nobody, verbs on messages that are over, keys used before. The objects are used again.
 */
export class Commands {
  private readonly jitters: readonly (readonly number[])[];
  /** By message: the first time with every delay and ttl, and the key again, with the same payload and with another. */
  private readonly sends: readonly (readonly Mutable<Send>[])[];
  private readonly sendsAgain: readonly (readonly Mutable<Send>[])[];
  private readonly recvs: readonly Mutable<Recv>[];
  private readonly ack: Mutable<Ack> = { ...ALL, name: 'ack' };
  private readonly nack: Mutable<Nack> = { ...NACK };
  private readonly otherNacks: readonly Mutable<Nack>[];
  private readonly extends: readonly Mutable<Extend>[];
  private readonly release: Mutable<Release> = { ...ALL, name: 'release' };
  private readonly expire: Mutable<Expire> = { ...ALL, name: 'expire' };
  private readonly reprocess: Mutable<Reprocess> = { ...ALL, name: 'reprocess' };
  private readonly purge: Mutable<Purge> = { ...ALL, name: 'purge', reason: 'admin' };

  constructor(c: MailboxConstants) {
    this.jitters = jittersFor(c);
    const sends = Array.from({ length: c.N }, (_, i) => sendOf(c, i + 1));
    this.sends = sends.map((send) =>
      c.Delays.flatMap((delayMs) =>
        c.Ttls.map((ttl) => ({ ...send, delayMs, ttlMs: ttl < 0 ? Number.POSITIVE_INFINITY : ttl })),
      ),
    );
    this.sendsAgain = this.sends.map(([send]) => [
      { ...(send as Send) },
      { ...(send as Send), payloadHash: 'another' },
    ]);
    const topics = [...new Set(sends.map(({ topic }) => topic))];
    this.recvs = c.Visibilities.flatMap((visibilityMs) =>
      c.Budgets.flatMap((bytesMax) =>
        topics.map((topic) => ({
          ...ALL,
          name: 'recv' as const,
          topic,
          visibilityMs,
          bytesMax,
          inflightElsewhere: c.Elsewhere,
          tenantInflightElsewhere: c.ElsewhereOfTenant,
        })),
      ),
    );
    this.otherNacks = [
      ...c.RetryAfters.map((retryAfterMs) => ({ ...NACK, retryAfterMs })),
      ...c.Asked.map((why) => ({ ...NACK, deadLetter: true, damaged: why === 'integrity' })),
    ];
    this.extends = [null, ...c.Visibilities].map((visibilityMs) => ({ ...ALL, name: 'extend' as const, visibilityMs }));
  }

  /** Attempts one command after another; a command is its own only until the next. */
  forEach(state: ShardState, messages: readonly (Message | undefined)[], attempt: Attempt): void {
    const atMs = state.nowMs;
    for (let m = 1; m < messages.length; m++) {
      const message = messages[m];
      if (message === undefined) {
        this.forSend(this.sends[m - 1] as Mutable<Send>[], atMs, attempt);
        break;
      }
      // The key again while its window is open (ID2, ID3).
      if (openUntilMs(state, message) !== 0) this.forSend(this.sendsAgain[m - 1] as Mutable<Send>[], atMs, attempt);
      this.forMessage(message, atMs, state.settled.size > 0, attempt);
    }
    for (let i = 0; i < this.recvs.length; i++) this.forRecv(state, this.recvs[i] as Mutable<Recv>, attempt);
  }

  private forSend(sends: readonly Mutable<Send>[], atMs: number, attempt: Attempt): void {
    for (let i = 0; i < sends.length; i++) {
      const command = sends[i] as Mutable<Send>;
      command.atMs = atMs;
      command.tsMs = atMs;
      attempt(command);
    }
  }

  private forRecv(state: ShardState, command: Mutable<Recv>, attempt: Attempt): void {
    const topic = state.topics.get(command.topic);
    const first = topic === undefined ? undefined : firstAvailable(topic);
    command.atMs = state.nowMs;
    command.receipt = receiptOf((first?.epoch ?? 0) + 1);
    attempt(command);
  }

  /**
   * A receipt is nowhere but with its lease and in the memory of settled ones: of the past ones that are in neither, one and
   * that of nobody are enough.
   */
  private forMessage(message: Message, atMs: number, remembers: boolean, attempt: Attempt): void {
    const { msgId, epoch } = message;
    const current = message.receipt === null ? 0 : epoch;
    this.forStale(msgId, NEVER, atMs, true, attempt);
    for (let r = remembers ? 1 : Math.max(epoch - 1, 1); r <= epoch; r++) {
      if (r === current) this.forLease(message, receiptOf(r), atMs, attempt);
      else this.forStale(msgId, receiptOf(r), atMs, r === epoch - 1, attempt);
    }
    this.forExpire(message, atMs, attempt);
    attempt(fill(this.reprocess, msgId, atMs));
    attempt(fill(this.purge, msgId, atMs));
  }

  private forLease(message: Message, receipt: string, atMs: number, attempt: Attempt): void {
    const { msgId } = message;
    attempt(fillItem(this.ack, msgId, receipt, atMs));
    this.withJitters(fillItem(this.nack, msgId, receipt, atMs), message, attempt);
    this.withJitters(fillItem(this.release, msgId, receipt, atMs), message, attempt);
    for (let i = 0; i < this.otherNacks.length; i++)
      attempt(fillItem(this.otherNacks[i] as Mutable<Nack>, msgId, receipt, atMs));
    for (let i = 0; i < this.extends.length; i++)
      attempt(fillItem(this.extends[i] as Mutable<Extend>, msgId, receipt, atMs));
  }

  /**
   * What a refused receipt is refused for does not depend on options, so one of each verb is enough; and only ack and
   * nack have a memory of receipts, so the others need not try all of them.
   */
  private forStale(msgId: string, receipt: string, atMs: number, all: boolean, attempt: Attempt): void {
    attempt(fillItem(this.ack, msgId, receipt, atMs));
    this.nack.jitter = 0;
    attempt(fillItem(this.nack, msgId, receipt, atMs));
    if (!all) return;
    attempt(fillItem(this.extends[0] as Mutable<Extend>, msgId, receipt, atMs));
    this.release.jitter = 0;
    attempt(fillItem(this.release, msgId, receipt, atMs));
  }

  /** The timer of this lease, and that of the one before. */
  private forExpire(message: Message, atMs: number, attempt: Attempt): void {
    const expire = fill(this.expire, message.msgId, atMs);
    expire.epoch = message.epoch;
    this.withJitters(expire, message, attempt);
    expire.epoch = message.epoch - 1;
    attempt(expire);
  }

  /** No guard sees the jitter (`LifecycleEvent` has none): what is refused with one is refused with all. */
  private withJitters(
    command: Mutable<Nack | Release | Expire>,
    { attempt: attempts }: Message,
    attempt: Attempt,
  ): void {
    const jitters = this.jitters[attempts] ?? EXTREMES;
    for (let i = 0; i < jitters.length; i++) {
      command.jitter = jitters[i] as number;
      if (!attempt(command)) return;
    }
  }
}

function fill<T extends Mutable<Expire | Reprocess | Purge>>(command: T, msgId: string, atMs: number): T {
  command.atMs = atMs;
  command.msgId = msgId;
  return command;
}

function fillItem<T extends Mutable<Ack | Nack | Extend | Release>>(
  command: T,
  msgId: string,
  receipt: string,
  atMs: number,
): T {
  command.atMs = atMs;
  command.msgId = msgId;
  command.receipt = receipt;
  return command;
}

/** A tenant is what stands before the dot (BD5). */
const topicOf = ({ TopicOf, TenantOf }: MailboxConstants, m: number): string => {
  const topic = TopicOf[m - 1] as number;
  return `of${TenantOf[topic - 1]}.t${topic}`;
};
const sendOf = (c: MailboxConstants, m: number): Send => ({
  ...ALL,
  name: 'send',
  topic: topicOf(c, m),
  idemKey: `k${c.KeyOf[m - 1]}`,
  payload: new Uint8Array(c.SizeOf[m - 1] as number),
});
