import { plainText } from './bytes.ts';
import type { MailboxClient } from './client.ts';
import { backoffMs } from './clock.ts';
import type { ClientCrypto } from './crypto.ts';
import { MailboxError, UnreachableError } from './error.ts';
import { type BrokenField, brokenFieldOf } from './integrity.ts';
import { Lease, type Settlement } from './lease.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { GiveBack } from './message.ts';
import { numberOption } from './options.ts';
import { Settler } from './settler.ts';
import type { Transport } from './transport.ts';
import type { FrameEnvelope, PublicJwk } from './types.ts';

/** What does not go as it should, while the consumer goes on. */
export type Trouble =
  /** Asking for messages or settling them failed, and is tried again after this time. */
  | { readonly kind: 'retrying'; readonly error: MailboxError; readonly ms: number }
  /** A lease ended before its message was settled, or nobody knows whether it was: it may be handled once more. */
  | { readonly kind: 'lease_lost'; readonly msgId: string; readonly error: MailboxError }
  /** A handler threw: the message was given back with the error as its reason. */
  | { readonly kind: 'handler'; readonly msgId: string; readonly error: unknown }
  /** A hash or the signature does not hold: the message was given back, and no handler saw it. */
  | { readonly kind: 'integrity'; readonly msgId: string; readonly field: BrokenField };

export interface ConsumeOptions {
  /** Messages in work at once, 1..256, default 1. In a loop: messages that are not settled. */
  readonly concurrency?: number;
  /** Messages leased beyond that, which wait for a handler, 0..concurrency, default 0. */
  readonly prefetch?: number;
  /** How long a lease is, and how soon the messages of a consumer that died come again: 250..43200000, default 30000. */
  readonly visibilityMs?: number;
  /** How long the server waits for a message, 0..20000, default 20000. */
  readonly waitMs?: number;
  /** Payload bytes that one request brings, 1..524288, default 524288; a first message comes whatever its size. */
  readonly maxBytes?: number;
  /** Keep leases up while their messages are in hand, default true; needs the op `extend`. */
  readonly extend?: boolean;
  /** Stops the consumer as `stop()` does. */
  readonly signal?: AbortSignal;
  /** How long stopping waits for what is in hand, default 30000. */
  readonly stopMs?: number;
  /** Hashes are always checked; with these keys a signature of one of them, too. */
  readonly keys?: readonly PublicJwk[];
  readonly onTrouble?: (trouble: Trouble) => void;
}

/** Beyond so many settlements without an answer nothing new is taken. */
const UNSETTLED_MAX = 256;
/** How long a stopping consumer waits for an answer that may bring messages. */
const LAST_ANSWER_MS = 250;
const REASON_BYTES_MAX = 1024;
const DAY_HALF_MS = 12 * 3_600_000;

/** What stands behind the two ways to consume. */
export interface Front {
  /** Messages that wait or are in work. */
  readonly busy: number;
  /** Takes one on, in order. */
  take(lease: Lease): void;
  /** Its lease is over, and it was not settled. */
  lapsed(lease: Lease): void;
  /** How it is to be settled is decided: its place is free. */
  decided(lease: Lease): void;
  /** No other one will come. */
  ended(): void;
}

/** Asks for messages while there is room, keeps their leases up and settles them, until it is stopped or can go no further. */
export class Intake {
  private readonly client: MailboxClient;
  private readonly transport: Transport;
  private readonly crypto: ClientCrypto;
  private readonly topic: string;
  private readonly options: ConsumeOptions;
  private readonly limits: { room: number; visibilityMs: number; waitMs: number; maxBytes: number; stopMs: number };
  private readonly front: Front;
  private readonly settler: Settler;
  private readonly keeper: LeaseKeeper;
  /** Aborted when everything is over. */
  private readonly closing = new AbortController();
  /** Aborted when no message is asked for any more. */
  private readonly leaving = new AbortController();
  /** Aborted when the last question is given up: messages of its answer would come again when their leases are over. */
  private readonly givingUp = new AbortController();
  private polling: 'no' | 'short' | 'long' = 'no';
  private failures = 0;
  private pumping = false;
  private finish!: () => void;
  /** What ended it, if something did. */
  failure: MailboxError | null = null;
  /** Resolves when nothing is in hand any more. */
  readonly closed = new Promise<void>((resolve) => {
    this.finish = resolve;
  });

  constructor(
    client: MailboxClient,
    transport: Transport,
    crypto: ClientCrypto,
    topic: string,
    options: ConsumeOptions,
    front: Front,
  ) {
    this.client = client;
    this.transport = transport;
    this.crypto = crypto;
    this.topic = topic;
    this.options = options;
    this.front = front;
    this.limits = limitsOf(options);
    const failed = (error: MailboxError): void => this.fail(error);
    this.settler = new Settler(client, transport, this.closing.signal, {
      lost: (lease, error) => this.trouble({ kind: 'lease_lost', msgId: lease.envelope.msg_id, error }),
      waiting: (error, ms) => this.trouble({ kind: 'retrying', error, ms }),
      failed,
      changed: () => this.pump(),
    });
    const lapsed = (lease: Lease, error: MailboxError): void => this.lapse(lease, error);
    const { visibilityMs } = this.limits;
    this.keeper = new LeaseKeeper(client, transport.clock, visibilityMs, options.extend ?? true, { lapsed, failed });
  }

  start(): void {
    const { signal } = this.options;
    const stop = (): void => void this.stop();
    if (signal?.aborted === true) return stop();
    signal?.addEventListener('abort', stop, { once: true });
    void this.closed.then(() => signal?.removeEventListener('abort', stop));
    void this.keeper.run(this.closing.signal);
    this.pump();
  }

  /** Asks for nothing more; resolves when what is in hand is settled, or left to its lease after `stopMs`. */
  async stop(): Promise<void> {
    if (!this.leaving.signal.aborted) {
      this.leaving.abort();
      const { clock } = this.transport;
      // Where there are messages, the answer is about to come: to leave before it would leave them leased to nobody.
      void clock.wait(LAST_ANSWER_MS, this.closing.signal).then(() => this.givingUp.abort());
      void clock.wait(this.limits.stopMs, this.closing.signal).then(() => this.close());
    }
    this.pump();
    await this.closed;
  }

  trouble(trouble: Trouble): void {
    try {
      this.options.onTrouble?.(trouble);
    } catch (error) {
      // A defect of whoever listens: it must be seen, and must not stop the consumer half way.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  private fail(error: MailboxError): void {
    this.failure ??= error;
    void this.stop();
  }

  private close(): void {
    if (this.closing.signal.aborted) return;
    const error = new UnreachableError(0, 'E_UNREACHABLE', 'the consumer stopped before this was done (stopMs)');
    this.closing.abort(error);
    for (const lease of [...this.keeper.held]) {
      this.keeper.held.delete(lease);
      this.lapse(lease, error);
    }
    this.front.ended();
    this.finish();
  }

  private lapse(lease: Lease, error: MailboxError): void {
    lease.leaving.abort(error);
    lease.end(false);
    this.trouble({ kind: 'lease_lost', msgId: lease.envelope.msg_id, error });
    this.front.lapsed(lease);
    this.pump();
  }

  /** Decides once how a lease is settled. */
  settle(lease: Lease, verb: 'ack' | 'nack', how: GiveBack = {}): Promise<boolean> {
    if (lease.settlement === null && !lease.isOver) {
      lease.settlement = settlementOf(verb, how);
      this.keeper.held.delete(lease);
      this.settler.add(lease);
      this.front.decided(lease);
      this.pump();
    }
    return lease.settled;
  }

  /** No message will come any more. */
  get isSpent(): boolean {
    return this.leaving.signal.aborted && this.polling === 'no';
  }

  private get room(): number {
    return this.settler.open >= UNSETTLED_MAX ? 0 : Math.min(UNSETTLED_MAX, this.limits.room - this.front.busy);
  }

  /** Does what can be done now, once for all that happens in one turn: so acks go together. */
  pump(): void {
    if (this.pumping || this.closing.signal.aborted) return;
    this.pumping = true;
    queueMicrotask(() => {
      this.pumping = false;
      const isLeaving = this.leaving.signal.aborted;
      if (!isLeaving && this.polling === 'no' && this.room > 0) void this.poll();
      // A short poll is over soon, and the next one takes acks along.
      if (this.settler.hasLine && (isLeaving || this.polling !== 'short')) void this.settler.send();
      if (!this.isSpent) return;
      this.front.ended();
      if (this.front.busy === 0 && this.settler.open === 0) this.close();
    });
  }

  private async poll(): Promise<void> {
    const { visibilityMs, waitMs, maxBytes } = this.limits;
    const riding = this.settler.takeRiding();
    // What rides must be answered soon: somebody may wait for it, and only then can it be said again.
    this.polling = riding.length > 0 || waitMs === 0 ? 'short' : 'long';
    const acks = riding.map(({ envelope: { msg_id, receipt } }) => ({ msg_id, receipt }));
    const body = { topic: this.topic, max_messages: this.room, visibility_ms: visibilityMs, max_bytes: maxBytes };
    const asked = riding.length > 0 ? { ...body, acks } : { ...body, wait_ms: waitMs };
    const leaving = riding.length > 0 ? {} : { signal: this.givingUp.signal };
    try {
      const { messages, ack_results } = await this.client.recvFrames(asked, leaving);
      if (riding.length > 0) this.settler.rode(riding, ack_results);
      this.failures = 0;
      for (const envelope of messages) await this.received(envelope);
      if (messages.length === 0 && waitMs === 0 && riding.length === 0) await this.pause(IDLE);
    } catch (error) {
      await this.pollFailed(error, riding);
    }
    this.polling = 'no';
    this.pump();
  }

  private async pollFailed(error: unknown, riding: readonly Lease[]): Promise<void> {
    if (!(error instanceof MailboxError)) {
      // Given up by us, as it was to be; anything else is a defect.
      if (!this.givingUp.signal.aborted) this.fail(new MailboxError(0, 'E_HTTP', `recv: ${String(error)}`));
      return;
    }
    if (riding.length > 0) this.settler.rode(riding, error);
    if (error.retryable) await this.pause(error);
    else this.fail(error);
  }

  private async pause(error: MailboxError | typeof IDLE): Promise<void> {
    const { clock, backoff } = this.transport;
    const ms = backoffMs(backoff, ++this.failures, error.retryAfterMs, clock.random());
    if (error instanceof MailboxError) this.trouble({ kind: 'retrying', error, ms });
    this.polling = 'long';
    if (this.settler.hasLine) void this.settler.send();
    await clock.wait(ms, this.leaving.signal);
  }

  private async received(envelope: FrameEnvelope): Promise<void> {
    if (this.closing.signal.aborted) return;
    const lease = new Lease(envelope, this.transport.clock.nowMs());
    this.keeper.held.add(lease);
    const field = await brokenFieldOf(this.crypto, envelope, this.options.keys);
    if (lease.isOver) return;
    if (field === null) return this.front.take(lease);
    this.trouble({ kind: 'integrity', msgId: envelope.msg_id, field });
    void this.settle(lease, 'nack', { reason: `integrity: ${field} does not hold` });
  }
}

/** Nobody was asked to wait, and there was nothing: the next question is not at once. */
const IDLE = { retryAfterMs: 0 } as const;

function limitsOf(options: ConsumeOptions) {
  const concurrency = numberOption('concurrency', options.concurrency, 1, 256, 1);
  return {
    room: concurrency + numberOption('prefetch', options.prefetch, 0, concurrency, 0),
    visibilityMs: numberOption('visibilityMs', options.visibilityMs, 250, DAY_HALF_MS, 30_000),
    waitMs: numberOption('waitMs', options.waitMs, 0, 20_000, 20_000),
    maxBytes: numberOption('maxBytes', options.maxBytes, 1, 524_288, 524_288),
    stopMs: numberOption('stopMs', options.stopMs, 0, DAY_HALF_MS, 30_000),
  };
}

function settlementOf(verb: 'ack' | 'nack', { reason, retryAfterMs, deadLetter }: GiveBack): Settlement {
  if (verb === 'ack') return { verb };
  const later =
    retryAfterMs === undefined ? {} : { retry_after_ms: Math.min(DAY_HALF_MS, Math.max(0, Math.round(retryAfterMs))) };
  return {
    verb,
    ...(reason === undefined ? {} : { reason: plainText(reason, REASON_BYTES_MAX) }),
    ...later,
    ...(deadLetter === true ? { dead_letter: true } : {}),
  };
}
