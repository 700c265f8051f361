import { MailboxClient } from './client.ts';
import { Consumer, type Handler, type IntakeOf } from './consumer.ts';
import { type ClientCrypto, portableCrypto } from './crypto.ts';
import { type ConsumeOptions, Intake } from './intake.ts';
import { MessageLoop } from './message-loop.ts';
import { Producer, type ProducerOptions } from './producer.ts';
import type { ClientOptions } from './transport.ts';

export interface MailboxOptions extends ClientOptions {
  /** Other implementations of what envelopes are checked with. */
  readonly crypto?: ClientCrypto;
}

/** The client of a mailbox: consumers and producers, beside every verb of the interface by itself (`docs/client.md`). */
export class Mailbox extends MailboxClient {
  private readonly crypto: ClientCrypto;

  constructor(options: MailboxOptions) {
    super(options);
    this.crypto = options.crypto ?? portableCrypto;
  }

  /** Hands messages to the handler: acked when it returns, given back with the reason when it throws. */
  consume(topic: string, handler: Handler, options?: ConsumeOptions): Consumer;
  /** Messages for a `for await` loop, each to be acked by `m.ack()`. */
  consume(topic: string, options?: ConsumeOptions): MessageLoop;
  consume(topic: string, first: Handler | ConsumeOptions = {}, second: ConsumeOptions = {}): Consumer | MessageLoop {
    const options = typeof first === 'function' ? second : { ...first, prefetch: 0 };
    const { transport, crypto } = this;
    const intakeOf: IntakeOf = (front) => new Intake(this, transport, crypto, topic, options, front);
    return typeof first === 'function' ? new Consumer(intakeOf, first, options.concurrency) : new MessageLoop(intakeOf);
  }

  producer(options: ProducerOptions = {}): Producer {
    return new Producer(this, this.transport, this.crypto, options);
  }
}
