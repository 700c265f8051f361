import { type IntakeOf, messageOf } from './consumer.ts';
import type { Intake } from './intake.ts';
import type { Lease } from './lease.ts';
import type { Message } from './message.ts';

/** Given back by a loop that was left. */
const LEFT = { reason: 'the consumer left its loop', retryAfterMs: 0 } as const;

/**
 * Messages for a `for await` loop, which acks each by `m.ack()`: the end of a loop's body does not say whether the work was done, when it was
 * begun and not awaited, or the body threw. Leaving the loop gives back at once what was not settled.
 */
export class MessageLoop implements AsyncIterableIterator<Message> {
  private readonly intake: Intake;
  private readonly line: Lease[] = [];
  private readonly handedOut = new Set<Lease>();
  private waiting: (() => void)[] = [];
  private state: 'idle' | 'running' | 'left' | 'closed' = 'idle';

  constructor(intakeOf: IntakeOf) {
    const loop = this;
    this.intake = intakeOf({
      get busy() {
        return loop.line.length + loop.handedOut.size;
      },
      take: (lease) => {
        if (this.state === 'left') return void this.intake.settle(lease, 'nack', LEFT);
        this.line.push(lease);
        this.wake();
      },
      lapsed: (lease) => {
        const at = this.line.indexOf(lease);
        if (at >= 0) this.line.splice(at, 1);
        this.handedOut.delete(lease);
      },
      decided: (lease) => {
        this.handedOut.delete(lease);
      },
      ended: () => this.wake(),
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws MailboxError what the consumer cannot go on from, when all that came before it has been handed out */
  async next(): Promise<IteratorResult<Message, undefined>> {
    if (this.state === 'idle') {
      this.state = 'running';
      this.intake.start();
    }
    for (;;) {
      const lease = this.line.shift();
      if (lease !== undefined) {
        this.handedOut.add(lease);
        return { done: false, value: messageOf(this.intake, lease) };
      }
      if (this.state === 'closed' || this.intake.isSpent) {
        if (this.intake.failure !== null) throw this.intake.failure;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  /** Leaving the loop, by `break` or by an error: what was not settled goes back at once. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    if (this.state === 'running') {
      this.state = 'left';
      const stopped = this.intake.stop();
      for (const lease of [...this.line.splice(0), ...this.handedOut]) void this.intake.settle(lease, 'nack', LEFT);
      await stopped;
    }
    this.state = 'closed';
    return { done: true, value: undefined };
  }

  /** Asks for nothing more: the loop ends after what is in hand. Resolves when all of it is settled, or after `stopMs`. */
  async stop(): Promise<void> {
    if (this.state === 'running') await this.intake.stop();
    else this.state = 'closed';
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
