import type { MailboxClient } from './client.ts';
import { backoffMs } from './clock.ts';
import { errorOfItem, LeaseLostError, MailboxError, NotFoundError } from './error.ts';
import type { Lease, SettleResult } from './lease.ts';
import type { Transport } from './transport.ts';
import { isItemError } from './types.ts';

/** Items of one batch. */
const BATCH_MAX = 256;
/** So long after the end of a lease it is still worth to ask: what was done before it is answered as it was then (LE4). */
const ASK_AFTER_MS = 60_000;

interface SettlerEvents {
  /** The lease was over before it could be settled: somebody else gets the message. */
  lost(lease: Lease, error: MailboxError): void;
  /** It failed and is tried again after this time. */
  waiting(error: MailboxError, ms: number): void;
  /** Nothing will get better by trying again. */
  failed(error: MailboxError): void;
  /** Something was settled, or gave up. */
  changed(): void;
}

/**
 * Tells the server what became of messages: acks ride on the next recv, or go together by themselves. What got no answer is said again, which
 * changes nothing where it was done (LE4), until it is answered or its lease has long been over.
 */
export class Settler {
  private readonly client: MailboxClient;
  private readonly transport: Transport;
  private readonly events: SettlerEvents;
  private readonly line: Lease[] = [];
  private underway = 0;
  private sending = false;
  private failures = 0;
  private pausedUntilMs = 0;
  private readonly closing: AbortSignal;

  /** Once `closing` is aborted nothing is said any more, and what is in line counts as lost. */
  constructor(client: MailboxClient, transport: Transport, closing: AbortSignal, events: SettlerEvents) {
    this.client = client;
    this.transport = transport;
    this.closing = closing;
    this.events = events;
    closing.addEventListener('abort', () => {
      for (const lease of this.line.splice(0)) this.lose(lease, closing.reason as MailboxError);
    });
  }

  /** Leases whose settlement nobody has answered yet. */
  get open(): number {
    return this.line.length + this.underway;
  }
  get hasLine(): boolean {
    return this.line.length > 0;
  }

  add(lease: Lease): void {
    this.line.push(lease);
  }

  /** Acks that go along with a recv. */
  takeRiding(): Lease[] {
    if (this.transport.clock.nowMs() < this.pausedUntilMs) return [];
    const riding = this.line.filter(({ settlement }) => settlement?.verb === 'ack').slice(0, BATCH_MAX);
    this.take(riding);
    return riding;
  }

  private take(leases: readonly Lease[]): void {
    for (const lease of leases) this.line.splice(this.line.indexOf(lease), 1);
    this.underway += leases.length;
  }

  /** What came of those that rode, or why nobody knows. */
  rode(riding: readonly Lease[], results: readonly SettleResult[] | MailboxError): void {
    this.answered(riding, results);
    this.events.changed();
  }

  /** Says what is in line, in requests of its own; one at a time. */
  async send(): Promise<void> {
    const { clock } = this.transport;
    if (this.sending || this.line.length === 0) return;
    this.sending = true;
    await clock.wait(Math.max(0, this.pausedUntilMs - clock.nowMs()), this.closing);
    const verb = this.line[0]?.settlement?.verb;
    const batch = this.line.filter(({ settlement }) => settlement?.verb === verb).slice(0, BATCH_MAX);
    this.take(batch);
    try {
      if (batch.length > 0) this.answered(batch, await this.ask(batch));
    } catch (error) {
      this.answered(batch, error as MailboxError);
    }
    this.sending = false;
    this.events.changed();
  }

  private ask(batch: readonly Lease[]): Promise<readonly SettleResult[]> {
    const items = batch.map(({ envelope: { msg_id, receipt }, settlement }) => {
      const { verb: _, ...how } = settlement as NonNullable<typeof settlement>;
      return { msg_id, receipt, ...how };
    });
    return batch[0]?.settlement?.verb === 'ack' ? this.client.ackBatchOnce(items) : this.client.nackBatchOnce(items);
  }

  private answered(batch: readonly Lease[], results: readonly SettleResult[] | Error): void {
    this.underway -= batch.length;
    const again: MailboxError[] = [];
    for (const [i, lease] of batch.entries()) {
      const result = results instanceof Error ? results : (results[i] as SettleResult | undefined);
      const error = errorIn(result);
      if (error === null) lease.end(true);
      else if (this.isLate(lease) || error instanceof LeaseLostError || error instanceof NotFoundError)
        this.lose(lease, error);
      else if (error.retryable) {
        this.line.push(lease);
        again.push(error);
      } else {
        this.lose(lease, error);
        this.events.failed(error);
      }
    }
    if (again.length === 0) this.failures = 0;
    else this.pause(again.reduce((one, other) => (other.retryAfterMs > one.retryAfterMs ? other : one)));
  }

  private isLate({ deadlineMs }: Lease): boolean {
    return this.closing.aborted || this.transport.clock.nowMs() >= deadlineMs + ASK_AFTER_MS;
  }

  private lose(lease: Lease, error: MailboxError): void {
    lease.end(false);
    this.events.lost(lease, error);
  }

  private pause(error: MailboxError): void {
    const { clock, backoff } = this.transport;
    const ms = backoffMs(backoff, ++this.failures, error.retryAfterMs, clock.random());
    this.pausedUntilMs = clock.nowMs() + ms;
    this.events.waiting(error, ms);
  }
}

/** Null where it was settled. */
function errorIn(result: SettleResult | Error | undefined): MailboxError | null {
  if (result instanceof MailboxError) return result;
  if (result === undefined || result instanceof Error)
    return new MailboxError(
      0,
      'E_HTTP',
      `answer: no result of this item${result === undefined ? '' : `: ${result.message}`}`,
    );
  return isItemError(result) ? errorOfItem(result) : null;
}
