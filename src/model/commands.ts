import type { Ack, Command, Expire, Extend, Nack, Purge, Recv, Release, Reprocess, Send } from '../core/commands.ts';
import { firstAvailable, type Message, type ShardState } from '../core/state.ts';
import type { MailboxConstants } from './mailbox.ts';
import { receiptOf } from './project.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const BYTES = Array.from({ length: 10 }, (_, size) => new Uint8Array(size));
/** No lease was ever given this receipt. */
const NEVER = 'never';
/** The largest that the service draws. */
const JITTER_MAX = 1 - 2 ** -32;

export const topicOf = (c: MailboxConstants, m: number): string => `t${c.TopicOf[m - 1]}`;

/** Values of the jitter that between them give every whole backoff that any of these ceilings allows. */
function jittersFor(c: MailboxConstants): number[] {
  const jitters = new Set([0, JITTER_MAX]);
  for (let attempt = 0; attempt <= c.MaxAttempts; attempt++) {
    const ceiling = Math.min(c.BackoffMax, c.BackoffBase * 2 ** attempt);
    for (let backoff = 1; backoff <= ceiling; backoff++) jitters.add(backoff / (ceiling + 1));
  }
  return [...jitters];
}

/**
 * Every command that a client, an admin or time may bring in a state of a bounded model, right ones and wrong ones: receipts of
 * the past and of nobody, verbs on messages that are over, keys used before. The objects are used again.
 */
export class Commands {
  private readonly c: MailboxConstants;
  private readonly jitters: readonly number[];
  private readonly sends: Mutable<Send>[];
  private readonly recvs: Mutable<Recv>[];
  private readonly acks: Mutable<Ack> = { name: 'ack', atMs: 0, msgId: '', receipt: '' };
  private readonly nacks: Mutable<Nack>[];
  private readonly extends: Mutable<Extend>[];
  private readonly releases: Mutable<Release>[];
  private readonly expires: Mutable<Expire>[];
  private readonly reprocess: Mutable<Reprocess> = { name: 'reprocess', atMs: 0, msgId: '' };
  private readonly purge: Mutable<Purge> = { name: 'purge', atMs: 0, msgId: '', reason: 'admin' };

  constructor(c: MailboxConstants) {
    this.c = c;
    this.jitters = jittersFor(c);
    const msgId = '';
    const receipt = '';
    this.sends = c.Delays.flatMap((delayMs) =>
      c.Ttls.map((ttl) => ({ ...SEND, delayMs, ttlMs: ttl < 0 ? Number.POSITIVE_INFINITY : ttl })),
    );
    this.recvs = c.Visibilities.flatMap((visibilityMs) =>
      c.Budgets.map((bytesMax) => ({ ...RECV, visibilityMs, bytesMax, inflightElsewhere: c.Elsewhere })),
    );
    const nack = { name: 'nack', atMs: 0, msgId, receipt, jitter: 0, reason: 'nacked', damaged: false } as const;
    this.nacks = [
      ...this.jitters.map((jitter) => ({ ...nack, jitter, retryAfterMs: null, deadLetter: false })),
      ...c.RetryAfters.map((retryAfterMs) => ({ ...nack, retryAfterMs, deadLetter: false })),
      ...c.Asked.map((why) => ({ ...nack, retryAfterMs: null, deadLetter: true, damaged: why === 'integrity' })),
    ];
    this.extends = [null, ...c.Visibilities].map((visibilityMs) => ({
      name: 'extend',
      atMs: 0,
      msgId,
      receipt,
      visibilityMs,
    }));
    this.releases = this.jitters.map((jitter) => ({ name: 'release', atMs: 0, msgId, receipt, jitter }));
    this.expires = this.jitters.map((jitter) => ({ name: 'expire', atMs: 0, msgId, epoch: 0, jitter }));
  }

  /** Calls `each` with one command after another; a command is its own only until the next. */
  forEach(state: ShardState, messages: readonly (Message | undefined)[], each: (command: Command) => void): void {
    const atMs = state.nowMs;
    for (let m = 1; m <= this.c.N; m++) {
      const message = messages[m];
      if (message === undefined) {
        this.forSend(m, atMs, each);
        break;
      }
      this.forSentAgain(state, m, message, atMs, each);
      this.forMessage(message, atMs, each);
    }
    for (const command of this.recvs) this.forRecv(state, command, each);
  }

  private forSend(m: number, atMs: number, each: (command: Command) => void): void {
    for (const command of this.sends) {
      this.fill(command, m, atMs);
      each(command);
    }
  }

  /** The key again while its window is open, with the same payload and with another (ID2, ID3). */
  private forSentAgain(state: ShardState, m: number, message: Message, atMs: number, each: (c: Command) => void): void {
    if (state.slots[message.slot] !== message || message.idemUntilMs === 0) return;
    const command = this.sends[0] as Mutable<Send>;
    this.fill(command, m, atMs);
    each(command);
    command.payloadHash = 'another';
    each(command);
  }

  private fill(command: Mutable<Send>, m: number, atMs: number): void {
    command.atMs = atMs;
    command.topic = topicOf(this.c, m);
    command.idemKey = `k${this.c.KeyOf[m - 1]}`;
    command.payload = BYTES[this.c.SizeOf[m - 1] as number] as Uint8Array;
    command.payloadHash = 'one';
  }

  private forRecv(state: ShardState, command: Mutable<Recv>, each: (command: Command) => void): void {
    const { c } = this;
    command.atMs = state.nowMs;
    for (let m = 1; m <= c.N; m++) {
      if (c.TopicOf.indexOf(c.TopicOf[m - 1] as number) !== m - 1) continue;
      command.topic = topicOf(c, m);
      const topic = state.topics.get(command.topic);
      const first = topic === undefined ? undefined : firstAvailable(topic);
      command.receipt = receiptOf((first?.epoch ?? 0) + 1);
      each(command);
    }
  }

  private forMessage(message: Message, atMs: number, each: (command: Command) => void): void {
    const { msgId, epoch } = message;
    const current = message.receipt === null ? 0 : epoch;
    for (let r = 0; r <= epoch; r++) {
      if (r === current && r > 0) this.forLease(msgId, receiptOf(r), atMs, each);
      else this.forStale(msgId, r === 0 ? NEVER : receiptOf(r), atMs, r === 0 || r === epoch - 1, each);
    }
    for (const command of this.expires) {
      command.atMs = atMs;
      command.msgId = msgId;
      command.epoch = epoch;
      each(command);
    }
    const stale = this.expires[0] as Mutable<Expire>;
    stale.epoch = epoch - 1;
    each(stale);
    for (const command of [this.reprocess, this.purge]) {
      command.atMs = atMs;
      command.msgId = msgId;
      each(command);
    }
  }

  private forLease(msgId: string, receipt: string, atMs: number, each: (command: Command) => void): void {
    each(this.fillAck(msgId, receipt, atMs));
    for (const list of [this.nacks, this.extends, this.releases])
      for (let i = 0; i < list.length; i++) each(fillItem(list[i] as Item, msgId, receipt, atMs));
  }

  /**
   * What a refused receipt is refused for does not depend on options, so one of each verb is enough; and only ack and
   * nack have a memory of receipts, so the others need not try all of them.
   */
  private forStale(msgId: string, receipt: string, atMs: number, all: boolean, each: (c: Command) => void): void {
    each(this.fillAck(msgId, receipt, atMs));
    each(fillItem(this.nacks[0] as Item, msgId, receipt, atMs));
    if (!all) return;
    each(fillItem(this.extends[0] as Item, msgId, receipt, atMs));
    each(fillItem(this.releases[0] as Item, msgId, receipt, atMs));
  }

  private fillAck(msgId: string, receipt: string, atMs: number): Command {
    this.acks.atMs = atMs;
    this.acks.msgId = msgId;
    this.acks.receipt = receipt;
    return this.acks;
  }
}

type Item = Mutable<Nack | Extend | Release>;

function fillItem(command: Item, msgId: string, receipt: string, atMs: number): Command {
  command.atMs = atMs;
  command.msgId = msgId;
  command.receipt = receipt;
  return command;
}

const SEND: Send = {
  name: 'send',
  atMs: 0,
  topic: '',
  idemKey: '',
  payload: BYTES[1] as Uint8Array,
  payloadHash: 'one',
  hashChain: 'chain',
  attrs: {},
  corrId: '-',
  delayMs: 0,
  ttlMs: Number.POSITIVE_INFINITY,
  random: 0,
};
const RECV: Recv = {
  name: 'recv',
  atMs: 0,
  topic: '',
  receipt: '',
  visibilityMs: 0,
  bytesMax: 0,
  inflightElsewhere: 0,
};
