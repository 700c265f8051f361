import type { MailboxClient } from './client.ts';
import type { Clock } from './clock.ts';
import { LeaseLostError, MailboxError, NotFoundError } from './error.ts';
import type { Lease } from './lease.ts';

interface KeeperEvents {
  /** The time of the lease is over. */
  lapsed(lease: Lease, error: MailboxError): void;
  failed(error: MailboxError): void;
}

/** Looks so often at each lease, by its length. */
const LOOKS = 6;
const PERIOD_MS_MIN = 20;
/** Requests on their way. */
const AT_ONCE = 8;

/** Keeps up the leases of messages in hand, and says when one is over: each is made longer when half of it is used. */
export class LeaseKeeper {
  private readonly client: MailboxClient;
  private readonly clock: Clock;
  private readonly visibilityMs: number;
  private readonly extends: boolean;
  private readonly events: KeeperEvents;
  readonly held = new Set<Lease>();

  constructor(client: MailboxClient, clock: Clock, visibilityMs: number, extending: boolean, events: KeeperEvents) {
    this.client = client;
    this.clock = clock;
    this.visibilityMs = visibilityMs;
    this.extends = extending;
    this.events = events;
  }

  /** Until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const periodMs = Math.max(PERIOD_MS_MIN, this.visibilityMs / LOOKS);
    while (!signal.aborted) {
      await this.clock.wait(periodMs, signal);
      const due = [...this.held].filter((lease) => this.isDue(lease));
      for (const lease of due) lease.extending = true;
      // So many at once: the rest takes its turn.
      for (let i = 0; i < AT_ONCE; i++) void this.extendAll(due);
    }
  }

  private async extendAll(due: Lease[]): Promise<void> {
    for (let lease = due.shift(); lease !== undefined; lease = due.shift()) await this.extend(lease);
  }

  /** Whether it is to be made longer; ends it when its time is over. */
  private isDue(lease: Lease): boolean {
    const leftMs = lease.deadlineMs - this.clock.nowMs();
    if (leftMs <= 0) {
      this.lapse(lease, new LeaseLostError(409, 'E_LEASE_LOST', 'the lease is over, and was not made longer'));
      return false;
    }
    return this.extends && !lease.isFinal && !lease.extending && leftMs < this.visibilityMs / 2;
  }

  private lapse(lease: Lease, error: MailboxError): void {
    if (this.held.delete(lease)) this.events.lapsed(lease, error);
  }

  private async extend(lease: Lease): Promise<void> {
    const { msg_id, receipt } = lease.envelope;
    const askedMs = this.clock.nowMs();
    try {
      if (!this.held.has(lease)) return;
      const { deadline_in_ms } = await this.client.extend(msg_id, { receipt, visibility_ms: this.visibilityMs });
      lease.deadlineMs = askedMs + deadline_in_ms;
    } catch (error) {
      this.refused(lease, error as MailboxError);
    } finally {
      lease.extending = false;
    }
  }

  private refused(lease: Lease, error: MailboxError): void {
    if (error instanceof NotFoundError) this.lapse(lease, error);
    // All that a lease may last is used up; it is ours until its deadline all the same.
    else if (error instanceof LeaseLostError) lease.isFinal = true;
    else if (!(error instanceof MailboxError) || !error.retryable) this.events.failed(error);
  }
}
