import type { Front, Intake } from './intake.ts';
import type { Lease } from './lease.ts';
import { type GiveBack, giveBackFor, Message } from './message.ts';
import { numberOption } from './options.ts';

export type Handler = (message: Message) => unknown;

/** Makes the intake of a consumer, which is what the consumer itself fronts. */
export type IntakeOf = (front: Front) => Intake;

export const messageOf = (intake: Intake, lease: Lease): Message =>
  new Message(
    lease.envelope,
    { ack: () => intake.settle(lease, 'ack'), nack: (how: GiveBack) => intake.settle(lease, 'nack', how) },
    lease.leaving.signal,
  );

/** Hands messages to a handler, so many at once: acked when it returns, given back with the reason when it throws. */
export class Consumer {
  private readonly intake: Intake;
  private readonly handler: Handler;
  private readonly concurrency: number;
  private readonly line: Lease[] = [];
  private running = 0;
  /** Resolves when it has stopped. Rejects with what it cannot go on from, such as a capability that ended: watch it. */
  readonly done: Promise<void>;

  constructor(intakeOf: IntakeOf, handler: Handler, concurrency?: number) {
    this.handler = handler;
    this.concurrency = numberOption('concurrency', concurrency, 1, 256, 1);
    const consumer = this;
    this.intake = intakeOf({
      get busy() {
        return consumer.running + consumer.line.length;
      },
      take: (lease) => {
        this.line.push(lease);
        this.next();
      },
      lapsed: (lease) => {
        const at = this.line.indexOf(lease);
        if (at >= 0) this.line.splice(at, 1);
      },
      decided: () => {},
      ended: () => {},
    });
    this.done = this.intake.closed.then(() => {
      if (this.intake.failure !== null) throw this.intake.failure;
    });
    this.intake.start();
  }

  /** Asks for nothing more and waits for what is in hand, at most `stopMs`. Never rejects. */
  stop(): Promise<void> {
    return this.intake.stop();
  }

  private next(): void {
    while (this.running < this.concurrency) {
      const lease = this.line.shift();
      if (lease === undefined) return;
      this.running++;
      void this.handle(lease);
    }
  }

  private async handle(lease: Lease): Promise<void> {
    try {
      await this.handler(messageOf(this.intake, lease));
      void this.intake.settle(lease, 'ack');
    } catch (error) {
      this.intake.trouble({ kind: 'handler', msgId: lease.envelope.msg_id, error });
      void this.intake.settle(lease, 'nack', giveBackFor(error));
    }
    this.running--;
    this.next();
    this.intake.pump();
  }
}
