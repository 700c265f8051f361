import type { FrameMessage } from './types.ts';

/** What the server has of a message for good. */
export interface Accepted {
  readonly msgId: string;
  readonly idemKey: string;
  /** It was accepted before, by a try of this very call or by another one. */
  readonly duplicate: boolean;
}

/** A message on its way. */
export interface Sending {
  readonly frame: FrameMessage;
  readonly bytes: number;
  /** Of our clock: after it, it is not tried again. */
  readonly untilMs: number;
  tried: number;
  readonly accepted: Promise<Accepted>;
  readonly resolve: (accepted: Accepted) => void;
  readonly reject: (error: Error) => void;
}

/** Messages that are not answered, so many of so many bytes at most; more wait outside, in the order in which they came, as many again. */
export class SendBuffer {
  private readonly messagesMax: number;
  private readonly bytesMax: number;
  private readonly line: Sending[] = [];
  private lineBytes = 0;
  /** Those on their way included. */
  private count = 0;
  private bytes = 0;
  private readonly outside: { readonly sending: Sending; readonly entered: () => void }[] = [];
  private readonly idling: (() => void)[] = [];

  constructor(messagesMax: number, bytesMax: number) {
    this.messagesMax = messagesMax;
    this.bytesMax = bytesMax;
  }

  get size(): number {
    return this.count;
  }
  /** Somebody waits for all of it. */
  get isAwaited(): boolean {
    return this.idling.length > 0;
  }
  /** None of it was tried before. */
  get isFresh(): boolean {
    return this.line[0]?.tried === 0;
  }
  /** Enough for a batch, or as much as there can be. */
  has(messages: number, bytes: number): boolean {
    return this.line.length >= messages || this.lineBytes >= bytes || this.outside.length > 0;
  }

  /** Waits for room. @throws Error when as many wait as may */
  async add(frame: FrameMessage, bytes: number, untilMs: number): Promise<Sending> {
    if (this.outside.length >= this.messagesMax) {
      const said = `the buffer is full, and ${this.messagesMax} wait for it already (bufferMessages)`;
      throw new RangeError(`producer: ${said}; await what send gives`);
    }
    let settle!: Pick<Sending, 'resolve' | 'reject'>;
    const accepted = new Promise<Accepted>((resolve, reject) => {
      settle = { resolve, reject };
    });
    const sending: Sending = { frame, bytes, untilMs, tried: 0, accepted, ...settle };
    if (this.outside.length === 0 && this.hasRoom(bytes)) this.enter(sending);
    else await new Promise<void>((entered) => this.outside.push({ sending, entered }));
    return sending;
  }

  private hasRoom(bytes: number): boolean {
    return this.count === 0 || (this.count < this.messagesMax && this.bytes + bytes <= this.bytesMax);
  }

  private enter(sending: Sending): void {
    this.count++;
    this.bytes += sending.bytes;
    this.line.push(sending);
    this.lineBytes += sending.bytes;
  }

  /** The first ones, so many of so many bytes at most; one in any case. */
  take(messagesMax: number, bytesMax: number): Sending[] {
    let count = 0;
    let bytes = 0;
    for (const { bytes: more } of this.line) {
      if (count === messagesMax || (count > 0 && bytes + more > bytesMax)) break;
      count++;
      bytes += more;
    }
    this.lineBytes -= bytes;
    return this.line.splice(0, count);
  }

  /** In front, to be tried again. */
  putBack(all: readonly Sending[]): void {
    this.line.unshift(...all);
    for (const { bytes } of all) this.lineBytes += bytes;
  }

  done(sending: Sending, { msg_id, duplicate }: { readonly msg_id: string; readonly duplicate: boolean }): void {
    sending.resolve({ msgId: msg_id, idemKey: sending.frame.idem_key, duplicate });
    this.leave(sending);
  }

  fail(all: readonly Sending[], error: Error): void {
    for (const sending of all) {
      sending.reject(error);
      this.leave(sending);
    }
  }

  private leave({ bytes }: Sending): void {
    this.count--;
    this.bytes -= bytes;
    for (
      let first = this.outside[0];
      first !== undefined && this.hasRoom(first.sending.bytes);
      first = this.outside[0]
    ) {
      this.outside.shift();
      this.enter(first.sending);
      first.entered();
    }
  }

  /** Resolves when nothing is in it. */
  idle(): Promise<void> {
    if (this.count === 0) return Promise.resolve();
    return new Promise((resolve) => this.idling.push(resolve));
  }

  /** Nothing is in it. */
  rest(): void {
    for (const resolve of this.idling.splice(0)) resolve();
  }
}
