import { hexOf, utf8 } from './bytes.ts';
import type { MailboxClient } from './client.ts';
import { backoffMs } from './clock.ts';
import type { ClientCrypto } from './crypto.ts';
import { errorOf, errorOfItem, MailboxError } from './error.ts';
import { unitBytes } from './frames.ts';
import { payloadHashOf } from './integrity.ts';
import { numberOption } from './options.ts';
import { type Accepted, SendBuffer, type Sending } from './send-buffer.ts';
import type { Transport } from './transport.ts';
import { type FrameMessage, isItemError, type SendResult } from './types.ts';

export interface ProducerOptions {
  /** Where a message does not say. */
  readonly topic?: string;
  /** Messages of one request, 1..256, default 256. */
  readonly batchMessages?: number;
  /** Bytes of one request, 1..1048576, default 524288; a larger message goes alone. */
  readonly batchBytes?: number;
  /** How long a first message waits for others, 0..60000, default 5. */
  readonly lingerMs?: number;
  /** Messages that are not answered, 1..100000, default 1000; beyond it `send` waits. */
  readonly bufferMessages?: number;
  /** Their bytes, 1..268435456, default 16 MiB. */
  readonly bufferBytes?: number;
  /** How long a message is tried again, 0..43200000, default 120000. Must be less than the server's t_replay (300 s), after which a second try is a second message. */
  readonly retryForMs?: number;
  /** Before each wait for another try. */
  readonly onWait?: (wait: { readonly error: MailboxError; readonly ms: number }) => void;
  /** What becomes of a message that was handed over by `enqueue` and could not be sent. */
  readonly onFailed?: (message: OutgoingMessage, error: Error) => void;
}

export interface OutgoingMessage {
  readonly topic?: string;
  /** Bytes, or a text that goes as UTF-8. */
  readonly payload: Uint8Array | string;
  /** The same for what is the same, 1..128 characters; one of its own is made for each message without. */
  readonly idemKey?: string;
  readonly attrs?: Readonly<Record<string, string>>;
  readonly delayMs?: number;
  readonly ttlMs?: number;
}

/** Of a body; a message that is larger than this can never be sent. */
const BODY_BYTES_MAX = 1024 ** 2;

/**
 * Sends messages in batches, by time and size, one request at a time and in order. An outcome that is not known, or refused for now, is
 * asked for again with the same key: the server stores it once (ID2).
 */
export class Producer {
  private readonly client: MailboxClient;
  private readonly transport: Transport;
  private readonly crypto: ClientCrypto;
  private readonly options: ProducerOptions;
  private readonly limits: ReturnType<typeof limitsOf>;
  private readonly buffer: SendBuffer;
  private sending = false;
  /** Aborted when there is no reason to linger. */
  private hurry = new AbortController();
  private closed = false;
  private failed: { readonly error: Error; count: number } | null = null;

  constructor(client: MailboxClient, transport: Transport, crypto: ClientCrypto, options: ProducerOptions) {
    this.client = client;
    this.transport = transport;
    this.crypto = crypto;
    this.options = options;
    this.limits = limitsOf(options);
    this.buffer = new SendBuffer(this.limits.bufferMessages, this.limits.bufferBytes);
  }

  /** Messages that are not answered yet. */
  get pending(): number {
    return this.buffer.size;
  }

  /** Resolves when the server has the message for good. While the buffer is full it waits. @throws MailboxError */
  async send(message: OutgoingMessage): Promise<Accepted> {
    return (await this.add(message)).accepted;
  }

  /** Resolves when the message is in the buffer: a loop that awaits it goes as fast as the server. What fails is told by `onFailed` and `flush`. */
  async enqueue(message: OutgoingMessage): Promise<void> {
    const { accepted } = await this.add(message);
    accepted.catch((error: Error) => {
      this.failed ??= { error, count: 0 };
      this.failed.count++;
      this.options.onFailed?.(message, error);
    });
  }

  /** Waits until all that was handed over is answered. @throws Error when some of what `enqueue` took could not be sent */
  async flush(): Promise<void> {
    this.hurry.abort();
    await this.buffer.idle();
    const { failed } = this;
    this.failed = null;
    if (failed !== null)
      throw new Error(`${failed.count} messages were not sent, the first for ${failed.error.message}`, {
        cause: failed.error,
      });
  }

  /** Takes nothing more, and flushes. */
  async close(): Promise<void> {
    this.closed = true;
    await this.flush();
  }

  /** Into the buffer, as soon as there is room. */
  private async add(message: OutgoingMessage): Promise<Sending> {
    if (this.closed) throw new Error('producer: it was closed');
    const frame = this.frameOf(message);
    const { payload, ...json } = frame;
    const bytes = unitBytes(utf8(JSON.stringify(json)).length, payload.length);
    if (bytes > BODY_BYTES_MAX) {
      const said = `payload: with all else ${bytes} bytes, ${BODY_BYTES_MAX} at most`;
      throw errorOf(413, { code: 'E_FRAME_TOO_LARGE', message: said });
    }
    const sending = await this.buffer.add(frame, bytes, this.transport.clock.nowMs() + this.limits.retryForMs);
    void this.run();
    return sending;
  }

  private frameOf({
    topic = this.options.topic,
    payload,
    idemKey,
    attrs,
    delayMs,
    ttlMs,
  }: OutgoingMessage): FrameMessage {
    if (topic === undefined) throw new TypeError('topic: give one with the message, or with the producer');
    const bytes = typeof payload === 'string' ? utf8(payload) : payload;
    return {
      topic,
      idem_key: idemKey ?? freshKey(),
      payload: bytes,
      payload_hash: payloadHashOf(this.crypto, bytes),
      ...(attrs === undefined ? {} : { attrs }),
      ...(delayMs === undefined ? {} : { delay_ms: delayMs }),
      ...(ttlMs === undefined ? {} : { ttl_ms: ttlMs }),
    };
  }

  /** Sends while there is something to send. */
  private async run(): Promise<void> {
    const { buffer, limits } = this;
    if (buffer.has(limits.batchMessages, limits.batchBytes)) this.hurry.abort();
    if (this.sending) return;
    this.sending = true;
    while (buffer.size > 0) {
      await this.linger();
      await this.sendBatch(buffer.take(limits.batchMessages, limits.batchBytes));
    }
    this.sending = false;
    buffer.rest();
  }

  /** Waits for company, unless there is enough, or somebody waits for all of it. */
  private async linger(): Promise<void> {
    const { buffer, limits, transport } = this;
    const isFull = buffer.has(limits.batchMessages, limits.batchBytes);
    if (!isFull && !buffer.isAwaited && buffer.isFresh) await transport.clock.wait(limits.lingerMs, this.hurry.signal);
    this.hurry = new AbortController();
  }

  private async sendBatch(batch: readonly Sending[]): Promise<void> {
    let results: readonly SendResult[] | MailboxError;
    try {
      results = await this.client.sendFramesOnce(batch.map(({ frame }) => frame));
    } catch (error) {
      if (!(error instanceof MailboxError)) return this.buffer.fail(batch, error as Error);
      results = error;
    }
    const again: { readonly sending: Sending; readonly error: MailboxError }[] = [];
    for (const [i, sending] of batch.entries()) {
      const result = results instanceof MailboxError ? results : (results[i] as SendResult);
      const error = result instanceof MailboxError ? result : isItemError(result) ? errorOfItem(result) : null;
      if (error === null) this.buffer.done(sending, result as Exclude<SendResult, { code: unknown }>);
      else if (error.retryable) again.push({ sending, error });
      else this.buffer.fail([sending], error);
    }
    if (again.length > 0) await this.again(again);
  }

  /** What may still be tried goes first, after a wait. */
  private async again(all: readonly { readonly sending: Sending; readonly error: MailboxError }[]): Promise<void> {
    const { clock, backoff } = this.transport;
    const tried = Math.max(...all.map(({ sending }) => ++sending.tried));
    const longest = all.reduce((one, other) => (other.error.retryAfterMs > one.error.retryAfterMs ? other : one)).error;
    const ms = backoffMs(backoff, tried, longest.retryAfterMs, clock.random());
    const untilMs = clock.nowMs() + ms;
    for (const { sending, error } of all) if (sending.untilMs <= untilMs) this.buffer.fail([sending], error);
    const left = all.filter(({ sending }) => sending.untilMs > untilMs).map(({ sending }) => sending);
    if (left.length === 0) return;
    this.buffer.putBack(left);
    this.options.onWait?.({ error: longest, ms });
    await clock.wait(ms);
  }
}

/** 128 bits of chance, in hex. */
const freshKey = (): string => hexOf(crypto.getRandomValues(new Uint8Array(16)));

function limitsOf(options: ProducerOptions) {
  const { batchMessages, batchBytes, lingerMs, bufferMessages, bufferBytes, retryForMs } = options;
  return {
    batchMessages: numberOption('batchMessages', batchMessages, 1, 256, 256),
    batchBytes: numberOption('batchBytes', batchBytes, 1, BODY_BYTES_MAX, 524_288),
    lingerMs: numberOption('lingerMs', lingerMs, 0, 60_000, 5),
    bufferMessages: numberOption('bufferMessages', bufferMessages, 1, 100_000, 1000),
    bufferBytes: numberOption('bufferBytes', bufferBytes, 1, 256 * 1024 ** 2, 16 * 1024 ** 2),
    retryForMs: numberOption('retryForMs', retryForMs, 0, 12 * 3_600_000, 120_000),
  };
}
