import { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/** Who takes a body as the parser finds it. */
export interface BodyTaker {
  piece(chunk: Buffer): void;
  /** There is no more of it. */
  whole(): void;
}

/**
 * A request whose body may go straight from the parser to whoever reads it. A stream would bring a short body through a buffer and the
 * events of data, end, destruction and close, which take longer than all that is done with it.
 */
export class ServerRequest extends IncomingMessage {
  private taker: BodyTaker | null = null;

  /** From now on the body goes to the taker, and the stream stays empty. False when some of it, or its end, is in the stream already. */
  takeBody(taker: BodyTaker): boolean {
    if (this.complete || this.readableLength > 0 || this.readableFlowing !== null) return false;
    this.taker = taker;
    return true;
  }

  override push(chunk: Buffer | null): boolean {
    const { taker } = this;
    if (taker === null) return super.push(chunk);
    if (chunk === null) taker.whole();
    else taker.piece(chunk);
    return true;
  }

  /** Whether all of its body was taken; null of a request whose body nobody took. */
  get endTaken(): boolean | null {
    return this.taker === null ? null : this.complete;
  }

  /** Node reads on to the end of a body that nobody read: nothing of a taken one is in the stream. */
  _dump(): void {
    if (this.taker === null) dump.call(this);
  }
}

const { _dump: dump } = IncomingMessage.prototype as unknown as { _dump(this: IncomingMessage): void };

// Node lets go of a request that has ended. A property by its types, an accessor in truth: a class could not say it anew.
const ended = Object.getOwnPropertyDescriptor(Readable.prototype, 'readableEnded')?.get as () => boolean;
Object.defineProperty(ServerRequest.prototype, 'readableEnded', {
  configurable: true,
  get(this: ServerRequest): boolean {
    return this.endTaken ?? ended.call(this);
  },
});
