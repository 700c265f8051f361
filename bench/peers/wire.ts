/** A connection on which answers come in the order of what was asked. */
import { connect, type Socket } from 'node:net';

/** Where the first answer in `bytes` ends; 0 while it is not whole. */
type EndOf = (bytes: Buffer) => number;

export class Wire {
  private readonly socket: Socket;
  private readonly endOf: EndOf;
  private held: Buffer = Buffer.alloc(0);
  private wanted = 0;
  private got: Buffer[] = [];
  private done: ((answers: Buffer[]) => void) | null = null;

  private constructor(socket: Socket, endOf: EndOf) {
    this.socket = socket;
    this.endOf = endOf;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.take(chunk));
  }

  static open(port: number, endOf: EndOf): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        socket.on('error', (error) => {
          throw error;
        });
        resolve(new Wire(socket, endOf));
      });
    });
  }

  private take(chunk: Buffer): void {
    let bytes: Buffer = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    while (this.got.length < this.wanted) {
      const end = this.endOf(bytes);
      if (end === 0) break;
      this.got.push(bytes.subarray(0, end));
      bytes = bytes.subarray(end);
    }
    this.held = bytes;
    if (this.done === null || this.got.length < this.wanted) return;
    const { done, got } = this;
    this.done = null;
    this.got = [];
    done(got);
  }

  /** Writes all of it at once; gives so many answers. */
  ask(bytes: Buffer | string, answers: number): Promise<Buffer[]> {
    this.wanted = answers;
    return new Promise((resolve) => {
      this.done = resolve;
      this.socket.write(bytes);
    });
  }

  close(): void {
    this.socket.destroy();
  }
}
